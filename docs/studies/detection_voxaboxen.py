"""Voxaboxen's recipe (tests/reference/voxaboxen_training.py) on the folds of docs/studies/detection.md.

Run: docs/studies/detection_voxaboxen.sh WORK    Called there with CORPUS STORE FOLDER TASK COMPARED [VARIANT...];
goes on after a stop. TASK: "birds" (each bird held out, one class), "types" (within each bird, recordings in three
folds, its own letters) or "third" (of these the last fold alone, the one of docs/studies/detection.py). COMPARED: a
folder of docs/studies/detection.py or detection_folds.py, with FOLD.both.parquet and FOLD.json, for paired differences
on the recordings tested there; "-" for none.

FOLDER gets FOLD.VARIANT.parquet, the detections in the tested recordings of a fold.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.reference.voxaboxen_training import Recipe, fit_voxaboxen

from tymbal.corpus import Corpus
from tymbal.detection import DetectorConfig, NetworkConfig, read_examples
from tymbal.detection.detector import hold_out, to_events
from tymbal.evaluation.detection import (
    DetectionProblem,
    DetectionSettings,
    estimate_detection,
    make_detection_problem,
    paired_detection_difference,
)
from tymbal.features import FeatureStore

LAYERS = ("log_mel",)
TRUNK = NetworkConfig()
# The learning rate is the better of 0.0005 and 0.002 (0.00005 and 0.01 were tried too and learn
# nothing or less) by F1@0.8 on the birds held out of training for delta in the fold of g4p5U.
VARIANTS = {
    "voxaboxen head (own rate)": Recipe(50.0, None),
    "voxaboxen head (our frames)": Recipe(None, None),
    "voxaboxen (own rate)": Recipe(50.0, TRUNK),
    "voxaboxen (our frames)": Recipe(None, TRUNK),
}
METRICS = ("f1@0.5", "f1@0.8")
TYPE_FOLDS = 3


def folds_of(task: str, birds: Mapping[str, str]) -> dict[str, tuple[list[str], list[str]]]:
    """Name of each fold: (recordings to train on, recordings to test on)."""
    names = sorted(set(birds.values()))
    if task == "birds":
        return {
            name: ([r for r in birds if birds[r] != name], [r for r in birds if birds[r] == name]) for name in names
        }
    found = {}
    for name in names:
        own = sorted(recording for recording, bird in birds.items() if bird == name)
        for fold in range(TYPE_FOLDS)[-1 if task == "third" else 0 :]:
            test = own[fold::TYPE_FOLDS]
            found[f"{name}-{fold}"] = ([each for each in own if each not in test], test)
    return found


def run_fold(
    corpus: Corpus,
    store: FeatureStore,
    task: str,
    birds: Mapping[str, str],
    train: list[str],
    test: list[str],
    name: str,
) -> tuple[pl.DataFrame, dict[str, float]]:
    """Detections in the recordings `test`, and notes."""
    config = DetectorConfig(layers=LAYERS, classes=task != "birds")
    seen, labels = read_examples(store, corpus, LAYERS, config, recordings=train)
    tested, _ = read_examples(store, corpus, LAYERS, config, labels=labels, recordings=test)
    trained, held = hold_out(seen, birds if task == "birds" else {}, config)
    start = time.process_time()
    layers = [(each, store.layer(each).width) for each in LAYERS]
    fitted = fit_voxaboxen(trained, held, layers, classes=len(labels), recipe=VARIANTS[name])
    notes = fitted.notes | {"delta": fitted.delta or 0.0, "cpu_s": time.process_time() - start}
    parts = [to_events(fitted.predict(each.track), labels, each.track.recording, each.track.channel) for each in tested]
    return pl.concat(parts), notes


def main() -> None:
    """Work the folds that are not done, then print the tables of the variants that are complete."""
    corpus, store = Corpus.open(sys.argv[1]), FeatureStore.open(sys.argv[2])
    folder, task = Path(sys.argv[3]), sys.argv[4]
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    birds = dict(corpus.recordings.select("recording", "individual").rows())
    folds = folds_of(task, birds)
    birds = {recording: birds[recording] for _, test in folds.values() for recording in test}
    found = {}
    for name in sys.argv[6:] or VARIANTS:
        parts, spent = [], 0.0
        for fold, (train, test) in folds.items():
            path = folder / f"{fold}.{name}.parquet"
            if not path.exists():
                events, notes = run_fold(corpus, store, task, birds, train, test, name)
                path.with_suffix(".json").write_text(json.dumps(notes))
                events.write_parquet(path)
                print(fold, name, {key: round(value, 3) for key, value in notes.items()}, flush=True)
            parts.append(pl.read_parquet(path))
            spent += json.loads(path.with_suffix(".json").read_text())["cpu_s"]
        found[name] = pl.concat(parts)
        print(f"{name}: {spent:.0f} CPU s", flush=True)
    pairs, compared = [], Path(sys.argv[5])
    if sys.argv[5] != "-":
        pairs = [("both", name) for name in found]
        found["both"] = pl.concat([pl.read_parquet(path) for path in sorted(compared.glob("*.both.parquet"))])
        tested = {recording for path in compared.glob("*.json") for recording in json.loads(path.read_text())}
        birds = {recording: bird for recording, bird in birds.items() if recording in tested}
    if task != "birds":
        print("\nBy type:")
        tell(corpus, birds, found, pairs, one=False)
        print("\nOf any type:")
    tell(corpus, birds, found, pairs, one=True)


def tell(
    corpus: Corpus,
    birds: Mapping[str, str],
    found: Mapping[str, pl.DataFrame],
    pairs: Sequence[tuple[str, str]],
    *,
    one: bool,
) -> None:
    """F1 of every method with its interval over birds, each bird, and the differences of `pairs`, in the recordings of
    `birds`."""
    own = pl.col("recording").is_in(list(birds))
    problems: dict[str, DetectionProblem] = {
        name: make_detection_problem(
            events.filter(own),
            corpus.events.filter(own),
            corpus.coverage.filter(own),
            units=dict(birds),
            unit_name="bird",
            durations=dict(corpus.recordings.filter(own).select("recording", "duration_s").rows()),
            settings=DetectionSettings(class_agnostic=one),
        )
        for name, events in found.items()
    }
    rows = {name: [estimate_detection(metric, problem) for metric in METRICS] for name, problem in problems.items()}
    print("\n| method | " + " | ".join(METRICS) + " |\n|---|" + "---|" * len(METRICS))
    for name, each in rows.items():
        print(f"| {name} | " + " | ".join(spoken(e.value, e.low, e.high) for e in each) + " |")
    if pairs:
        print("\n| difference | " + " | ".join(METRICS) + " |\n|---|" + "---|" * len(METRICS))
        for a, b in pairs:
            each = [paired_detection_difference(metric, problems[a], problems[b]) for metric in METRICS]
            print(f"| {a} - {b} | " + " | ".join(spoken(e.value, e.low, e.high, "+") for e in each) + " |")
    print("\n| bird | " + " | ".join(f"{name} {metric}" for metric in METRICS for name in problems) + " |")
    print("|---|" + "---|" * (len(METRICS) * len(problems)))
    for bird in sorted(set(birds.values())):
        told = [(each[number].per_unit or {}).get(bird) for number in range(len(METRICS)) for each in rows.values()]
        print(f"| {bird} | " + " | ".join("-" if value is None else f"{value:.2f}" for value in told) + " |")


def spoken(value: float, low: float | None, high: float | None, sign: str = "") -> str:
    """A value with its interval, where there are units enough for one."""
    between = "" if low is None or high is None else f" [{low:{sign}.3f}, {high:{sign}.3f}]"
    return f"{value:{sign}.3f}{between}"


if __name__ == "__main__":
    main()
