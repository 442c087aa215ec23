"""Boobook owls by site, after every recording has gone through one rate and one codec; false alarms on the negatives.

Run: docs/studies/detection_owls.sh WORK    Called there with DATA WORK STAGE; goes on after a stop.
Stages: "codec" measures what re-encoding leaves of the codec, "test" trains and reads the tested sites.
"""

from __future__ import annotations

import csv
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import soundfile
import torch
from detection_small import METHODS, Task, problems, tell, tell_differences, work

from tymbal.audio import read
from tymbal.corpus import index, reencode
from tymbal.detection import DetectorConfig, NetworkConfig
from tymbal.detection.config import TRAINING
from tymbal.encoders.spectral import SpectralConfig, SpectralEncoder
from tymbal.evaluation.detection import false_alarms
from tymbal.features import embed

RATE_HZ = 8_000  # the calls of the training sites lie below 1.2 kHz; codecs differ most in the upper bands
NOISE_DB = 20.0  # below each recording: with it lossless recordings and their Ogg copies are not told apart any more
FRAMES = SpectralConfig(window_s=0.08, hop_s=0.04, modulation_hz=(2.0, 4.0, 8.0))
CONFIG = DetectorConfig(
    layers=("log_mel", "pcen_mel"),
    classes=False,
    bounds=True,
    gain_db=10.0,
    network=NetworkConfig(width=32),
    training=replace(TRAINING, epochs=40, batch_size=2, patience=None, monitor="loss", direction="min"),
)


def make_task(data: Path, folder: Path) -> Task:
    """Corpus of the re-encoded recordings with the boobook events alone, every second listened to for boobooks."""
    audio = folder / "owls.audio"
    sounds = reencode(data / "audio", audio, codec="vorbis", sample_rate_hz=RATE_HZ, noise_db=NOISE_DB).path
    folder.mkdir(parents=True, exist_ok=True)
    with (data / "annotations.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["label"] == "boobook"]
    _write(folder / "boobook.csv", rows)
    with (data / "recordings.csv").open(newline="") as file:
        recordings = list(csv.DictReader(file))
    spans = [{"recording": row["recording"], "start_s": "", "end_s": ""} for row in recordings]
    _write(folder / "listened.csv", spans)
    corpus = index(
        sounds,
        out=folder / "owls.corpus",
        annotations=folder / "boobook.csv",
        metadata=data / "recordings.csv",
        coverage=folder / "listened.csv",
    )
    store = embed(corpus, SpectralEncoder(FRAMES), folder / "owls.store", layers=["log_mel", "pcen_mel"])
    sites = dict(corpus.recordings.select("recording", "site").rows())
    return Task(corpus, store, CONFIG, sites, "site", tuple(sites), sites)


def _write(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def codec_left(data: Path, folder: Path) -> None:
    """Each lossless recording and an Ogg copy of it, as they are and re-encoded: can the two still be told apart?

    Told apart: by a logistic model of each recording's mean and spread per band, tested on pairs left out.
    """
    twins = folder / "twins"
    twins.mkdir(parents=True, exist_ok=True)
    for path in sorted((data / "audio").glob("*.flac")):
        if not (twins / f"{path.stem}.lossless.wav").exists():
            samples, rate = soundfile.read(path, dtype="int16")
            soundfile.write(twins / f"{path.stem}.coded.ogg", samples, rate)
            soundfile.write(twins / f"{path.stem}.lossless.wav", samples, rate)
    folders = {"as they are": twins}
    for codec, rate_hz, noise_db in (
        ("none", 24_000, None),
        ("vorbis", 24_000, None),
        ("none", RATE_HZ, None),
        ("vorbis", RATE_HZ, None),
        ("vorbis", RATE_HZ, 30.0),
        ("vorbis", RATE_HZ, NOISE_DB),
        ("vorbis", 24_000, NOISE_DB),
    ):
        name = f"{rate_hz // 1000} kHz, codec {codec}, noise {'none' if noise_db is None else f'-{noise_db:g} dB'}"
        out = folder / f"twins.{codec}.{rate_hz}.{noise_db}"
        folders[name] = reencode(twins, out, codec=codec, sample_rate_hz=rate_hz, noise_db=noise_db).path
    print("\n| recordings | told apart (pairs of 10 left out) | mean difference of bands (dB) |\n|---|---|---|")
    for name, at in folders.items():
        coded, lossless = (
            np.array([_bands(path) for path in sorted(at.glob(f"*.{kind}.*"))]) for kind in ("coded", "lossless")
        )
        print(f"| {name} | {_told_apart(coded, lossless):.2f} | {np.abs(coded - lossless).mean():.2f} |")


def _bands(path: Path) -> np.ndarray:
    """Mean level (dB) of 32 equal bands, and how deep their quietest tenth lies below."""
    samples = read(path).samples
    cut = np.lib.stride_tricks.sliding_window_view(samples, 512)[::256] * np.hanning(512)
    level = 10 * np.log10(np.abs(np.fft.rfft(cut)[:, 1:257]) ** 2 + 1e-10)
    bands = level.reshape(len(level), 32, 8)
    return np.concatenate([bands.mean(axis=(0, 2)), bands.mean(axis=(0, 2)) - np.quantile(bands, 0.1, axis=(0, 2))])


def _told_apart(coded: np.ndarray, lossless: np.ndarray) -> float:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    right = 0
    for row in range(len(coded)):
        rest = np.arange(len(coded)) != row
        values = np.concatenate([coded[rest], lossless[rest]])
        model = make_pipeline(StandardScaler(), LogisticRegression(C=1.0))
        model.fit(values, np.repeat([1, 0], rest.sum()))
        right += int(model.predict(coded[row : row + 1])[0] == 1) + int(model.predict(lossless[row : row + 1])[0] == 0)
    return right / (2 * len(coded))


def tell_alarms(task: Task, found: dict[str, pl.DataFrame]) -> None:
    """False alarms per hour in the recordings without a boobook, with the exact Poisson interval."""
    called = set(task.corpus.events["recording"])
    quiet = [name for name in task.units if name not in called]
    print(
        "\n| method | false alarms | minutes | per hour | 95 % | at most (95 %, one-sided) |\n|---|---|---|---|---|---|"
    )
    for name, problem in problems(task, found, quiet).items():
        table = false_alarms(problem, 0.5)
        assert table is not None
        count, hours, rate, low, high, most = table.select("count", "hours", "per_hour", "low", "high", "at_most").row(
            0
        )
        print(f"| {name} | {count} | {60 * hours:.1f} | {rate:.0f} | {low:.0f} to {high:.0f} | {most:.0f} |")


def main() -> None:
    """The stage that is asked for."""
    data, folder, stage = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    torch.set_num_threads(1)
    if stage == "codec":
        codec_left(data, folder)
        return
    task = make_task(data, folder)
    sites = sorted(set(task.units.values()))
    folds = [[name for name, site in task.units.items() if site == each] for each in sites]
    joined = work(task, folds, folder / "owls.test", METHODS)
    called = sorted(set(task.corpus.events["recording"]))
    for recordings, title in ((None, "all recordings"), (called, "recordings with boobooks")):
        judged = problems(task, joined, recordings)
        tell(judged, ("f1@0.5", "f1@0.8", "recall@0.5"), f"{title}, in time")
        tell_differences(judged, ("f1@0.5", "f1@0.8"), f"{title}, in time")
    tell(problems(task, joined, frequency=True), ("f1@0.5",), "all recordings, time x frequency")
    tell_alarms(task, joined)


if __name__ == "__main__":
    main()
