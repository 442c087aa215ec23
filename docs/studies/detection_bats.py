"""Bats at their native 375 and 500 kHz, time-frequency boxes of one class, one recording (one species) left out.

Run: docs/studies/detection_bats.sh WORK    Called there with DATA WORK STAGE; goes on after a stop.
Stage "choose" settles the setting for each tested recording on the other four; "test" reads the tested one.
"""

from __future__ import annotations

import itertools
import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import soundfile
import torch
from detection_small import METHODS, Recipe, Task, others, problems, run_fold, tell, tell_differences, work

from tymbal.audio import read, resample
from tymbal.corpus import index
from tymbal.detection import DetectorConfig, NetworkConfig
from tymbal.detection.config import TRAINING
from tymbal.encoders.spectral import SpectralConfig, SpectralEncoder
from tymbal.evaluation.detection import estimate_detection
from tymbal.features import embed

# Played at 48 kHz these are 10 ms every 5: at 500 kHz 0.96 ms every 0.48, where the shortest call lasts 0.8 ms.
FRAMES = SpectralConfig(window_s=0.010, hop_s=0.005)
SPEEDS = (0.625, 1.6)  # copies: everything so much faster and higher, in samples of the recording's own rate
EPOCHS, SPED_EPOCHS = 20, 7  # as many steps with copies as without
SETTINGS = {
    "log_mel": (("log_mel",), False),
    "log_mel + pcen_mel": (("log_mel", "pcen_mel"), False),
    "log_mel + pcen_mel, speeds": (("log_mel", "pcen_mel"), True),
}
CONFIG = DetectorConfig(
    classes=False,
    bounds=True,
    gain_db=10.0,
    network=NetworkConfig(width=32, dilations=(1, 2, 4, 8, 16)),
    training=replace(TRAINING, epochs=EPOCHS, patience=None),
)
SLOWED = 16.0  # for Voxaboxen: calls of 1 to 30 ms become 16 to 500 ms, 500 kHz becomes 31 kHz


def write_sounds(data: Path, folder: Path) -> None:
    """The recordings as they are and at other speeds, with one table of events for all."""
    tables = [pl.read_csv(data / "annotations.csv", infer_schema_length=None)]
    for row in pl.read_csv(data / "recordings.csv").iter_rows(named=True):
        sound = read(data / row["recording"])
        for speed in (1.0, *SPEEDS):
            name = f"speed{speed:g}/{Path(row['recording']).name}"
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            if not file.exists():
                rate = sound.sample_rate_hz
                samples = resample(sound.samples, rate, round(rate / speed))
                soundfile.write(file, samples.clip(-1, 1), rate, format="FLAC", subtype="PCM_16")
            own = tables[0].filter(pl.col("recording") == row["recording"])
            timed = [(pl.col(each) / speed).alias(each) for each in ("begin_time_s", "end_time_s")]
            high = [(pl.col(each) * speed).alias(each) for each in ("low_freq_hz", "high_freq_hz")]
            tables.append(own.with_columns(pl.lit(name).alias("recording"), *timed, *high))
    pl.concat(tables[1:], how="vertical_relaxed").write_csv(folder / "events.csv")


def make_task(data: Path, folder: Path) -> Task:
    """Corpus and frames, every recording at its own rate; copies at other speeds are trained on only."""
    write_sounds(data, folder / "bats.sounds")
    corpus = index(
        folder / "bats.sounds",
        out=folder / "bats.corpus",
        annotations=folder / "bats.sounds" / "events.csv",
        coverage="complete",
    )
    store = embed(corpus, SpectralEncoder(FRAMES), folder / "bats.store", layers=["log_mel", "pcen_mel"])
    species = {name: " ".join(re.split("[-_]", Path(name).name)[1:3]) for name in corpus.recordings["recording"]}
    tested = tuple(name for name in species if name.startswith("speed1/"))
    return Task(corpus, store, CONFIG, species, "recording", tested, dict.fromkeys(species, "all"), SLOWED, Recipe())


def with_setting(task: Task, name: str) -> Task:
    """The task with the layers and the copies of a setting."""
    layers, sped = SETTINGS[name]
    training = replace(task.config.training, epochs=SPED_EPOCHS if sped else EPOCHS)
    kept = {each: unit for each, unit in task.units.items() if sped or each in task.tested}
    recipe = Recipe(epochs=17 if sped else 50)
    return replace(task, config=replace(task.config, layers=layers, training=training), units=kept, recipe=recipe)


def choose(task: Task, folder: Path) -> dict[str, str]:
    """For each recording the setting that did best on the other four, each tested by the detector of three others.

    A detector of three is shared by the two recordings that it has not heard; neither's score counts for itself.
    """
    names, scores = list(task.tested), {}
    for setting in SETTINGS:
        tried = with_setting(task, setting)
        for left in itertools.combinations(names, 2):
            found = _inner(tried, folder / f"{setting}.{names.index(left[0])}{names.index(left[1])}.parquet", left)
            for tested, other in (left, left[::-1]):
                judged = problems(tried, found, [tested], frequency=True)["both"]
                scores[setting, other, tested] = estimate_detection("f1@0.5", judged).value
    chosen = {}
    print("\n| left out | " + " | ".join(SETTINGS) + " |\n|---|" + "---|" * len(SETTINGS))
    for name in names:
        means = {s: float(np.mean([scores[s, name, each] for each in names if each != name])) for s in SETTINGS}
        chosen[name] = max(means, key=lambda setting: means[setting])
        print(f"| {task.units[name]} | " + " | ".join(f"{value:.3f}" for value in means.values()) + " |")
    return chosen


def _inner(task: Task, file: Path, left: tuple[str, str]) -> dict[str, pl.DataFrame]:
    """What a detector of the other recordings finds in the two that are left out."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        run_fold(task, others(task, left), left, ("both",))["both"].write_parquet(file)
    return {"both": pl.read_parquet(file)}


def main() -> None:
    """The stage that is asked for."""
    data, folder, stage = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    task = make_task(data, folder)
    kept = folder / "bats.chosen.json"
    if stage == "choose":
        kept.write_text(json.dumps(choose(task, folder / "bats.inner")))
        return
    chosen = json.loads(kept.read_text())
    found: dict[str, list[pl.DataFrame]] = {}
    for name, setting in chosen.items():
        number = task.tested.index(name)
        for method, events in work(
            with_setting(task, setting), [[name]], folder / f"bats.test{number}", METHODS
        ).items():
            found.setdefault(method, []).append(events)
    joined = {method: pl.concat(parts) for method, parts in found.items()}
    for frequency, title in ((False, "in time"), (True, "time x frequency")):
        judged = problems(task, joined, frequency=frequency)
        tell(judged, ("f1@0.5", "f1@0.8"), title)
        tell_differences(judged, ("f1@0.5", "f1@0.8"), title)


if __name__ == "__main__":
    main()
