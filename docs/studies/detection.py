"""Zebra finch song by held-out bird: energy gate, segments, forward alone, forward with reverse, on one set of frames.

Run: docs/studies/detection.sh WORK    Called there with CORPUS STORE FOLDER FOLDS WIDTH EPOCHS; goes on after a stop.

Every bird is in one fold; a fold's birds are never trained on, tuned on or calibrated on. "forward" and "both" are one
network with two heads, read with and without the reverse head, each calibrated by itself on birds held out of training.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace
from pathlib import Path

import polars as pl
import torch

from tymbal.corpus import Corpus
from tymbal.detection import Detector, DetectorConfig, NetworkConfig, read_examples
from tymbal.detection.config import TRAINING
from tymbal.detection.detector import hold_out, to_events, within
from tymbal.detection.energy import tune_gate
from tymbal.detection.fitting import Fitted, calibrated_on
from tymbal.detection.windows import Example
from tymbal.evaluation.detection import (
    DetectionSettings,
    estimate_detection,
    make_detection_problem,
    paired_detection_difference,
)
from tymbal.features import FeatureStore

LAYERS = ("log_mel",)
CONFIG = DetectorConfig(
    layers=LAYERS,
    classes=False,
    network=NetworkConfig(width=int(sys.argv[5])),
    training=replace(TRAINING, epochs=int(sys.argv[6]), patience=None),
)
METRICS = ("f1@0.5", "f1@0.8")


def folds_of(birds: dict[str, str], counts: dict[str, int], wanted: int) -> list[list[str]]:
    """Birds in `wanted` folds of like numbers of events, the largest first."""
    folds: list[list[str]] = [[] for _ in range(wanted)]
    for bird in sorted(set(birds.values()), key=lambda name: (-counts.get(name, 0), name)):
        min(folds, key=lambda fold: sum(counts.get(name, 0) for name in fold)).append(bird)
    return folds


def run_fold(corpus: Corpus, store: FeatureStore, birds: dict[str, str], tested: list[str]) -> dict[str, pl.DataFrame]:
    """Events of every method in the recordings of the tested birds, candidates below the threshold left out."""
    train = [name for name, bird in birds.items() if bird not in tested]
    test = [name for name, bird in birds.items() if bird in tested]
    seen, _ = read_examples(store, corpus, LAYERS, CONFIG, recordings=train)
    held, _ = read_examples(store, corpus, LAYERS, CONFIG, recordings=test)
    found: dict[str, list[pl.DataFrame]] = {name: [] for name in ("gate", "segments", "forward", "both")}
    seconds = {}
    start = time.process_time()
    gate = tune_gate(seen)
    for each in held:
        boxes = within(gate.boxes(each.track.values, each.track.grid), each.track.duration_s)
        found["gate"].append(to_events(boxes, ("event",), each.track.recording, each.track.channel))
    seconds["gate"] = time.process_time() - start
    for method in ("both", "segments"):
        start = time.process_time()
        detector = Detector(CONFIG, method=method).fit(store, corpus, recordings=train, groups=birds)
        seconds[method] = time.process_time() - start
        variants = {method: detector}
        if method == "both":
            _, watched = hold_out(seen, birds, detector.config)
            variants["forward"] = forward_of(detector, watched)
        for name, variant in variants.items():
            network = detector.network()
            for each in held:
                boxes = variant.boxes(each.track, network)
                found[name].append(variant.events(boxes, each.track.recording, each.track.channel))
    print(tested, {name: round(value, 1) for name, value in seconds.items()}, "CPU s", gate, flush=True)
    return {name: pl.concat(parts) for name, parts in found.items()}


def forward_of(detector: Detector, watched: list[Example]) -> Detector:
    """The forward head of a detector of both directions, calibrated by itself; it needs that detector's network."""
    variant = Detector(detector.config, method="forward")
    variant.labels_ = detector.labels_
    calibration, _ = calibrated_on(detector.network(), watched, variant.config)
    variant.fitted_ = Fitted(detector.fitted_.tensors, calibration)
    return variant


def main() -> None:
    """Work the folds that are not done, then print the tables."""
    corpus, store = Corpus.open(sys.argv[1]), FeatureStore.open(sys.argv[2])
    folder, wanted = Path(sys.argv[3]), int(sys.argv[4])
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    birds = dict(corpus.recordings.select("recording", "individual").rows())
    counts = dict(
        corpus.events.join(corpus.recordings.select("recording", bird="individual"), on="recording")
        .group_by("bird")
        .len()
        .rows()
    )
    names = ("gate", "segments", "forward", "both")
    parts: dict[str, list[pl.DataFrame]] = {name: [] for name in names}
    for number, tested in enumerate(folds_of(birds, counts, wanted)):
        done = folder / f"fold{number}of{wanted}.json"
        if not done.exists():
            for name, events in run_fold(corpus, store, birds, tested).items():
                events.write_parquet(folder / f"fold{number}of{wanted}.{name}.parquet")
            done.write_text(json.dumps(tested))
        for name in names:
            parts[name].append(pl.read_parquet(folder / f"fold{number}of{wanted}.{name}.parquet"))
    tell(corpus, birds, {name: pl.concat(each) for name, each in parts.items()})


def tell(corpus: Corpus, birds: dict[str, str], found: dict[str, pl.DataFrame]) -> None:
    """F1 of every method with its interval over birds, each bird, and paired differences."""
    durations = dict(corpus.recordings.select("recording", "duration_s").rows())
    problems = {
        name: make_detection_problem(
            events,
            corpus.events,
            corpus.coverage,
            units=birds,
            unit_name="bird",
            durations=durations,
            settings=DetectionSettings(class_agnostic=True),
        )
        for name, events in found.items()
    }
    print("\n| method | " + " | ".join(METRICS) + " |\n|---|" + "---|" * len(METRICS))
    for name, problem in problems.items():
        each = [estimate_detection(metric, problem) for metric in METRICS]
        print(f"| {name} | " + " | ".join(f"{e.value:.3f} [{e.low:.3f}, {e.high:.3f}]" for e in each) + " |")
    print("\n| difference | " + " | ".join(METRICS) + " |\n|---|" + "---|" * len(METRICS))
    for a, b in (("both", "gate"), ("both", "segments"), ("forward", "segments"), ("both", "forward")):
        each = [paired_detection_difference(metric, problems[a], problems[b]) for metric in METRICS]
        print(f"| {a} - {b} | " + " | ".join(f"{e.value:+.3f} [{e.low:+.3f}, {e.high:+.3f}]" for e in each) + " |")
    print("\n| bird | " + " | ".join(f"{name} {metric}" for metric in METRICS for name in problems) + " |")
    print("|---|" + "---|" * (len(METRICS) * len(problems)))
    columns = [estimate_detection(metric, problem).per_unit for metric in METRICS for problem in problems.values()]
    for bird in sorted(set(birds.values())):
        cells = ["-" if c is None or c.get(bird) is None else f"{c[bird]:.2f}" for c in columns]
        print(f"| {bird} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
