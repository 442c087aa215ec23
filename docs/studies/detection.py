"""Finch song: energy gate, segments, gated onsets, forward alone, forward with reverse, on one set of frames.

Run: docs/studies/detection.sh WORK    Called there with TASK CORPUS STORE FOLDER FOLDS [STORE]; goes on after a stop.

TASK "birds": one class, each bird in one fold; a fold's birds are never trained on, tuned on or calibrated on.
TASK "types": within each bird its own letters, every third recording tested.

Of the training recordings each third (half, for types) is held out by one of several networks: each is a detector of
its own, calibrated on what it never saw ("one network"), and together they are the ensemble. "forward" and "both" are
one network with two heads, read with and without the reverse head; "segments" and "gated" another, also read twice.
The second store is for "as installed": one network as `tymbal detect train` makes it, nothing set but the layer, by
three seeds, and "pauses", the same with `--pauses`.
FOLDER gets FOLD.METHOD.parquet, the detections in the tested recordings of a fold: rows of other recipes can be put
there under names of their own and are told too.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
import torch

from tymbal.corpus import Corpus
from tymbal.detection import Boxes, Detector, DetectorConfig, NetworkConfig, read_examples
from tymbal.detection.calibrating import Calibration
from tymbal.detection.config import TRAINING
from tymbal.detection.detector import to_events, within
from tymbal.detection.energy import EnergyGate, tune_gate
from tymbal.detection.fitting import calibrated_by
from tymbal.detection.frames import Track
from tymbal.detection.inference import find_in_track
from tymbal.detection.members import Ensemble, fit_member, fit_members, parts_of
from tymbal.detection.network import DetectionNetwork
from tymbal.detection.windows import Example
from tymbal.evaluation.detection import (
    DetectionProblem,
    DetectionSettings,
    estimate_detection,
    make_detection_problem,
    paired_detection_difference,
)
from tymbal.features import FeatureStore

METRICS = ("f1@0.5", "f1@0.8")
HEAD = "\n| {} | " + " | ".join(METRICS) + " |\n|---|" + "---|" * len(METRICS)
SEEDS = 3  # of what is installed
LOOKED_AT = ("R3625", "g19o3U")
LAYERS = ("log_mel",)
CONFIG = DetectorConfig(
    layers=LAYERS,
    classes=False,
    network=NetworkConfig(width=32, dilations=(1, 2, 4, 8, 16)),
    training=replace(TRAINING, epochs=8, batch_size=2, learning_rate=3e-3, warmup_epochs=1.0, patience=None),
    window_frames=400,
    gain_db=10.0,
)
Find = Callable[[Track], Boxes]


@dataclass(frozen=True)
class Task:
    """Recordings to train on and to test on by the name of the fold; what a recording depends on others through."""

    config: DetectorConfig
    members: int
    folds: Mapping[str, tuple[list[str], list[str]]]
    groups: Mapping[str, str]


def make_task(name: str, corpus: Corpus, wanted: int) -> Task:
    """The folds of a task; of birds, those with the most events are dealt out first."""
    birds = dict(corpus.recordings.select("recording", "individual").rows())
    if name == "types":
        tested = {bird: sorted(r for r in birds if birds[r] == bird)[2::3] for bird in sorted(set(birds.values()))}
        folds = {
            bird: ([r for r in birds if birds[r] == bird and r not in test], test) for bird, test in tested.items()
        }
        training = replace(CONFIG.training, epochs=16)
        return Task(replace(CONFIG, classes=True, training=training), 2, folds, {})
    known = corpus.recordings.select("recording", bird="individual")
    counts = dict(corpus.events.join(known, on="recording").group_by("bird").len().rows())
    parts: list[list[str]] = [[] for _ in range(wanted)]
    for bird in sorted(set(birds.values()), key=lambda each: (-counts.get(each, 0), each)):
        min(parts, key=lambda part: sum(counts.get(each, 0) for each in part)).append(bird)
    folds = {
        "+".join(part): ([r for r in birds if birds[r] not in part], [r for r in birds if birds[r] in part])
        for part in parts
    }
    return Task(CONFIG, 3, folds, birds)


def run_fold(corpus: Corpus, store: FeatureStore, task: Task, fold: str) -> dict[str, pl.DataFrame]:
    """Events of every method in the tested recordings of a fold."""
    train, test = task.folds[fold]
    seen, labels = read_examples(store, corpus, LAYERS, task.config, recordings=train)
    tested, _ = read_examples(store, corpus, LAYERS, task.config, labels=labels, recordings=test)
    layers = [(each, store.layer(each).width) for each in LAYERS]
    start = time.process_time()
    gate = tune_gate(seen)
    finders: dict[str, Find] = {"gate": lambda track: gate.boxes(track.values, track.grid)}
    if len(labels) > 1:
        finders["gate"] = classified(gate, seen)
    spent = {"gate": time.process_time() - start}
    parts = parts_of(seen, task.groups, task.members)
    start = time.process_time()
    networks = fit_members(parts, layers, len(labels), task.config)
    spent["both"] = time.process_time() - start
    pairs = [(own, each) for own, part in zip(networks, parts, strict=True) for each in part]
    for method in ("both", "forward"):
        config = replace(task.config, method=method)
        finders[method] = reading(Ensemble(networks).eval(), pairs, config)
        for number, own in enumerate(networks):
            finders[f"{method} {number + 1}"] = reading(own, [pair for pair in pairs if pair[0] is own], config)
    start = time.process_time()
    config = replace(task.config, method="gated")
    frames = fit_member(0, parts, layers, len(labels), config)
    spent["gated"] = time.process_time() - start
    for method in ("segments", "gated"):
        finders[f"{method} 1"] = reading(frames, [(frames, each) for each in parts[0]], replace(config, method=method))
    print(fold, {name: round(value, 1) for name, value in spent.items()}, "CPU s", gate, flush=True)
    return {
        name: pl.concat([events_of(find(each.track), labels, each.track) for each in tested])
        for name, find in finders.items()
    }


def run_installed(corpus: Corpus, store: FeatureStore, task: Task, fold: str, folder: Path, seed: int) -> None:
    """One network as `tymbal detect train --seed SEED` makes it, read without and with `--pauses`."""
    plain, pauses = (folder / f"{fold}.{name} {seed + 1}.parquet" for name in ("as installed", "pauses"))
    if plain.exists():
        return
    train, test = task.folds[fold]
    start = time.process_time()
    training = replace(DetectorConfig().training, seed=seed)
    detector = Detector(layers=LAYERS, classes=task.config.classes, training=training, pauses=True)
    detector.fit(store, corpus, recordings=train, groups=task.groups)
    detector.predict(store, recordings=test).write_parquet(pauses)
    detector.fitted_ = replace(detector.fitted_, gate=None)
    detector.predict(store, recordings=test).write_parquet(plain)
    print(fold, f"as installed {seed + 1}: {time.process_time() - start:.1f} CPU s", flush=True)


def events_of(boxes: Boxes, labels: Sequence[str], track: Track) -> pl.DataFrame:
    """Boxes of one track as events."""
    return to_events(within(boxes, track.duration_s), labels, track.recording, track.channel)


def reading(
    network: DetectionNetwork, pairs: Sequence[tuple[DetectionNetwork, Example]], config: DetectorConfig
) -> Find:
    """One way to read a network, calibrated on examples with networks that never saw them."""
    calibration: Calibration = calibrated_by(pairs, config)[0]

    def find(track: Track) -> Boxes:
        levels = () if calibration.level is None else (calibration.level,)
        found = find_in_track(network, config, track, levels).candidates(calibration.level)
        boxes = calibration.boxes(found, config.decoding)
        return boxes.take(boxes.score >= calibration.threshold)

    return find


def classified(gate: EnergyGate, seen: Sequence[Example]) -> Find:
    """The gate's boxes with the class whose mean is nearest: spectra of both halves and log duration, standardised by
    the spread within classes."""
    rows = np.concatenate([traits(each.track, each.events) for each in seen])
    label = np.concatenate([each.events.label for each in seen])
    rows, label = rows[label >= 0], label[label >= 0]
    classes = np.unique(label)
    means = np.stack([rows[label == each].mean(axis=0) for each in classes])
    spread = np.sqrt(np.square(rows - means[np.searchsorted(classes, label)]).mean(axis=0)) + 1e-6

    def find(track: Track) -> Boxes:
        boxes = gate.boxes(track.values, track.grid)
        if not len(boxes):
            return boxes
        far = np.square((traits(track, boxes)[:, None] - means) / spread).sum(axis=2)
        return replace(boxes, label=classes[far.argmin(axis=1)])

    return find


def traits(track: Track, boxes: Boxes) -> np.ndarray:
    """(boxes, 2 bands + 1): mean log power in either half of a box, and the logarithm of its duration."""
    rows = []
    for onset, offset in boxes.edges_s.tolist():
        middle = (onset + offset) / 2
        halves = []
        for first_s, last_s in ((onset, middle), (middle, offset)):
            span = track.grid.inside(first_s, last_s, track.frames)
            start = min(span.start, track.frames - 1)
            halves.append(track.values[start : max(span.stop, start + 1)].mean(axis=0))
        rows.append(np.concatenate([*halves, [np.log(offset - onset)]]))
    return np.asarray(rows).reshape(len(boxes), -1)


def main() -> None:
    """Work the folds that are not done, then print the tables."""
    name, corpus, store = sys.argv[1], Corpus.open(sys.argv[2]), FeatureStore.open(sys.argv[3])
    folder, wanted = Path(sys.argv[4]), int(sys.argv[5])
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    task = make_task(name, corpus, wanted)
    for fold in task.folds:
        done = folder / f"{fold}.json"
        if not done.exists():
            for method, events in run_fold(corpus, store, task, fold).items():
                events.write_parquet(folder / f"{fold}.{method}.parquet")
            done.write_text(json.dumps(task.folds[fold][1]))
        for seed in range(SEEDS if len(sys.argv) > 6 else 0):
            run_installed(corpus, FeatureStore.open(sys.argv[6]), task, fold, folder, seed)
    methods = {path.name.removesuffix(".parquet").split(".", 1)[1] for path in folder.glob("*.parquet")}
    found = {
        method: pl.concat([pl.read_parquet(folder / f"{fold}.{method}.parquet") for fold in task.folds])
        for method in sorted(methods, key=lambda each: (each != "gate", each))
    }
    for number in ("", *(f" {n}" for n in range(1, task.members + 1))):
        found[f"gate and both{number}"] = confirmed(found["gate"], found[f"both{number}"])
    tested = [recording for _, test in task.folds.values() for recording in test]
    if name == "types":
        print("\nBy type:")
        tell(corpus, tested, found, one=False)
        print("\nOf any type:")
    tell(corpus, tested, found, one=True)
    if name == "birds":
        unread = [recording for recording in tested if task.groups[recording] not in LOOKED_AT]
        print(f"\nWithout {' and '.join(LOOKED_AT)}, on which settings were chosen:")
        tell_scores(problems_of(corpus, unread, found, one=True))


def confirmed(gate: pl.DataFrame, network: pl.DataFrame) -> pl.DataFrame:
    """The gate's boxes that share any time with a box of the network: its edges, without what is no song.

    Thought of after the folds had been read.
    """
    others = network.select("recording", "channel", first="onset_s", last="offset_s")
    near = gate.join(others, on=["recording", "channel"], nulls_equal=True).filter(
        (pl.col("first") < pl.col("offset_s")) & (pl.col("last") > pl.col("onset_s"))
    )
    return gate.join(near.select("event_id").unique(), on="event_id", how="semi")


def problems_of(
    corpus: Corpus, tested: Sequence[str], found: Mapping[str, pl.DataFrame], *, one: bool
) -> dict[str, DetectionProblem]:
    """What is to be judged of every method in these recordings, by bird."""
    own = pl.col("recording").is_in(list(tested))
    known = corpus.recordings.filter(own)
    return {
        name: make_detection_problem(
            events.filter(own),
            corpus.events.filter(own),
            corpus.coverage.filter(own),
            units=dict(known.select("recording", "individual").rows()),
            unit_name="bird",
            durations=dict(known.select("recording", "duration_s").rows()),
            settings=DetectionSettings(class_agnostic=one),
        )
        for name, events in found.items()
    }


def tell_scores(problems: Mapping[str, DetectionProblem]) -> None:
    """F1 of every method, with its interval over birds where they are eight."""
    print(HEAD.format("method"))
    for name, problem in problems.items():
        each = [estimate_detection(metric, problem) for metric in METRICS]
        print(f"| {name} | " + " | ".join(spoken(e.value, e.low, e.high) for e in each) + " |")


def tell(corpus: Corpus, tested: Sequence[str], found: Mapping[str, pl.DataFrame], *, one: bool) -> None:
    """F1 of every method, paired differences, and each bird."""
    problems = problems_of(corpus, tested, found, one=one)
    known = corpus.recordings.filter(pl.col("recording").is_in(list(tested)))
    birds = dict(known.select("recording", "individual").rows())
    tell_scores(problems)
    print(HEAD.format("difference"))
    pairs = [(each, "gate") for each in problems if each != "gate"]
    pairs += [(f"pauses {n}", f"as installed {n}") for n in (1, 2, 3)]
    pairs += [("both", "forward"), *((f"both {n}", f"forward {n}") for n in (1, 2, 3)), ("both 1", "segments 1")]
    for a, b in pairs:
        if a in problems and b in problems:
            each = [paired_detection_difference(metric, problems[a], problems[b]) for metric in METRICS]
            print(f"| {a} - {b} | " + " | ".join(spoken(e.value, e.low, e.high, "+") for e in each) + " |")
    tell_birds({name: problems[name] for name in problems if not name[-1].isdigit() or name.endswith("1")}, birds)


def tell_birds(problems: Mapping[str, DetectionProblem], birds: Mapping[str, str]) -> None:
    """F1 of each bird; of single networks the first."""
    print("\n| bird | " + " | ".join(f"{name} {metric}" for metric in METRICS for name in problems) + " |")
    print("|---|" + "---|" * (len(METRICS) * len(problems)))
    columns = [estimate_detection(metric, problem).per_unit for metric in METRICS for problem in problems.values()]
    for bird in sorted(set(birds.values())):
        cells = ["-" if c is None or c.get(bird) is None else f"{c[bird]:.2f}" for c in columns]
        print(f"| {bird} | " + " | ".join(cells) + " |")


def spoken(value: float, low: float | None, high: float | None, sign: str = "") -> str:
    """A number and its interval, where there is one."""
    if low is None or high is None:
        return f"{value:{sign}.3f}"
    return f"{value:{sign}.3f} [{low:{sign}.3f}, {high:{sign}.3f}]"


if __name__ == "__main__":
    main()
