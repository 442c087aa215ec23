"""Mixtures of held-out zebra finches at set overlap: gate, segments, forward, both, Voxaboxen's recipe, and ceilings.

Run: docs/studies/overlap.sh WORK    Called there with CORPUS STORE FOLDER EPOCHS; goes on after a stop.

A pair of birds is tested on its mixtures; the other three pairs train on their recordings and on the mixtures of their
first two draws at 0 dB; one of the three is held out whole to stop, calibrate and choose thresholds.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace
from pathlib import Path

import polars as pl
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.reference.voxaboxen_training import Recipe, fit_voxaboxen

from tymbal.corpus import Corpus
from tymbal.detection import Detector, DetectorConfig, read_examples
from tymbal.detection.config import TRAINING
from tymbal.detection.detector import hold_out, to_events, within
from tymbal.detection.energy import tune_gate
from tymbal.detection.evaluating import ceiling
from tymbal.detection.fitting import Fitted, calibrated_on
from tymbal.detection.windows import Example
from tymbal.evaluation.detection import DetectionSettings, estimate_detection, make_detection_problem
from tymbal.features import FeatureStore

LAYERS = ("log_mel",)
DRAWS = ("000", "001")  # of the training pairs
METHODS = ("gate", "segments", "forward", "both", "voxaboxen")
CEILINGS = ("segments ceiling", "forward ceiling", "both ceiling")
PAIR = pl.coalesce("pair", pl.col("draw").str.split("-").list.first())  # of a mixture its draw begins with it
METRICS = ("f1@0.5", "f1@0.8")
DIFFERENCES = (("both", "gate"), ("both", "segments"), ("both", "forward"), ("both", "voxaboxen"))


def config(epochs: int) -> DetectorConfig:
    """The installed defaults, one class, some mixup; the best epoch on the birds held out of training."""
    training = replace(TRAINING, epochs=epochs, patience=None)
    return DetectorConfig(layers=LAYERS, classes=False, mixup=0.25, training=training)


def forward_of(detector: Detector, watched: list[Example]) -> Detector:
    """The forward head of a detector of both directions, calibrated by itself."""
    variant = Detector(detector.config, method="forward")
    variant.labels_, variant.layers_, variant.channels_ = detector.labels_, detector.layers_, detector.channels_
    calibration, _ = calibrated_on(detector.network(), watched, variant.config)
    variant.fitted_ = Fitted(detector.fitted_.tensors, calibration)
    return variant


def parts_of(corpus: Corpus, tested: str) -> tuple[list[str], list[str]]:
    """Recordings to train on and mixtures to test, by the pair of birds that is tested."""
    rows = corpus.recordings.with_columns(PAIR.alias("own"))
    first = pl.col("draw").str.split("-").list.last().is_in(DRAWS) & (pl.col("snr_db") == "0")
    train = rows.filter((pl.col("own") != tested) & (pl.col("draw").is_null() | first))
    test = rows.filter((pl.col("own") == tested) & pl.col("draw").is_not_null())
    return train["recording"].to_list(), test["recording"].to_list()


def run_pair(corpus: Corpus, store: FeatureStore, tested: str, settings: DetectorConfig) -> dict[str, pl.DataFrame]:
    """Events of every method, and of every ceiling, in the mixtures of one pair."""
    train, test = parts_of(corpus, tested)
    pairs = dict(corpus.recordings.select("recording", PAIR).iter_rows())
    seen, _ = read_examples(store, corpus, LAYERS, settings, recordings=train)
    asked, _ = read_examples(store, corpus, LAYERS, settings, recordings=test)
    trained, watched = hold_out(seen, pairs, settings)
    found: dict[str, list[pl.DataFrame]] = {name: [] for name in (*METHODS, *CEILINGS)}
    seconds: dict[str, float] = {}
    start = time.process_time()
    gate = tune_gate(seen)
    for each in asked:
        boxes = within(gate.boxes(each.track.values, each.track.grid), each.track.duration_s)
        found["gate"].append(to_events(boxes, ("event",), each.track.recording, each.track.channel))
    seconds["gate"] = time.process_time() - start
    for method in ("both", "segments"):
        start = time.process_time()
        detector = Detector(settings, method=method).fit(store, corpus, recordings=train, groups=pairs)
        variants = {method: detector, **({"forward": forward_of(detector, watched)} if method == "both" else {})}
        for name, variant in variants.items():
            network = detector.network()
            for each in asked:
                place = each.track.recording, each.track.channel
                found[name].append(variant.events(variant.boxes(each.track, network), *place))
                best = within(
                    ceiling(variant, each.events, each.track.grid, each.track.duration_s), each.track.duration_s
                )
                found[f"{name} ceiling"].append(variant.events(best, *place))
        seconds[method] = time.process_time() - start
    start = time.process_time()
    layers = [(name, store.layer(name).width) for name in LAYERS]
    recipe = Recipe(None, settings.network, epochs=settings.training.epochs)  # our frames, our trunk: the kindest to it
    fitted = fit_voxaboxen(trained, watched, layers, recipe=recipe)
    for each in asked:
        boxes = fitted.predict(each.track)
        found["voxaboxen"].append(to_events(boxes, ("event",), each.track.recording, each.track.channel))
    seconds["voxaboxen"] = time.process_time() - start
    held = sorted({pairs[each.track.recording] for each in watched})
    print(tested, "held out", held, {name: round(value, 1) for name, value in seconds.items()}, "CPU s", flush=True)
    return {name: pl.concat(parts) for name, parts in found.items()}


def main() -> None:
    """Work the pairs that are not done, then print the tables."""
    corpus, store = Corpus.open(sys.argv[1]), FeatureStore.open(sys.argv[2])
    folder, settings = Path(sys.argv[3]), config(int(sys.argv[4]))
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    names = (*METHODS, *CEILINGS)
    parts: dict[str, list[pl.DataFrame]] = {name: [] for name in names}
    for pair in sorted(corpus.recordings.select(PAIR).to_series().unique()):
        done = folder / f"{pair}.json"
        if not done.exists():
            for name, events in run_pair(corpus, store, pair, settings).items():
                events.write_parquet(folder / f"{pair}.{name}.parquet")
            done.write_text(json.dumps(pair))
        for name in names:
            parts[name].append(pl.read_parquet(folder / f"{pair}.{name}.parquet"))
    tell(corpus, {name: pl.concat(each) for name, each in parts.items()})


def scores(corpus: Corpus, events: pl.DataFrame, snr_db: str, overlap: str) -> dict[str, dict[str, float]]:
    """Of one level: metric -> "all" and each pair -> F1."""
    rows = corpus.recordings.filter((pl.col("snr_db") == snr_db) & (pl.col("overlap_asked") == overlap))
    names = rows["recording"].to_list()
    problem = make_detection_problem(
        events.filter(pl.col("recording").is_in(names)),
        corpus.events.filter(pl.col("recording").is_in(names)),
        corpus.coverage.filter(pl.col("recording").is_in(names)),
        units=dict(rows.select("recording", PAIR).iter_rows()),
        unit_name="pair",
        durations=dict(rows.select("recording", "duration_s").iter_rows()),
        settings=DetectionSettings(class_agnostic=True),
    )
    found = {}
    for metric in METRICS:
        each = estimate_detection(metric, problem)
        found[metric] = {"all": each.value, **(each.per_unit or {})}
    return found


def tell(corpus: Corpus, found: dict[str, pl.DataFrame]) -> None:
    """F1 by level of every method beside the ceilings; differences, of every pair by itself."""
    mixed = corpus.recordings.drop_nulls("snr_db")
    levels = sorted(mixed["overlap_asked"].unique(), key=float)
    for snr_db in sorted(mixed["snr_db"].unique(), key=float):
        table = {
            name: {level: scores(corpus, events, snr_db, level) for level in levels} for name, events in found.items()
        }
        counts = corpus.events.group_by("recording").agg(
            pl.len().alias("events"), pl.col("overlaps").cast(pl.Int64).sum()
        )
        rows = mixed.filter(pl.col("snr_db") == snr_db).join(counts, on="recording").group_by("overlap_asked")
        sums = rows.agg(pl.col("overlaps").sum() / pl.col("events").sum() / 2).rows()
        reached = {level: f"{ratio:.2f}" for level, ratio in sums}
        print(f"\n### {snr_db} dB between the two birds")
        for metric in METRICS:
            print(f"\n| {metric}, overlap reached | " + " | ".join(reached[level] for level in levels) + " |")
            print("|---|" + "---|" * len(levels))
            for name, held in table.items():
                print(f"| {name} | " + " | ".join(f"{held[level][metric]['all']:.3f}" for level in levels) + " |")
            print(
                f"\n| {metric}, difference: all (A, B, C, D) | " + " | ".join(reached[level] for level in levels) + " |"
            )
            print("|---|" + "---|" * len(levels))
            for a, b in DIFFERENCES:
                cells = [_difference(table[a][level][metric], table[b][level][metric]) for level in levels]
                print(f"| {a} - {b} | " + " | ".join(cells) + " |")


def _difference(a: dict[str, float], b: dict[str, float]) -> str:
    pairs = ", ".join(f"{a[pair] - b[pair]:+.2f}" for pair in sorted(a) if pair != "all")
    return f"{a['all'] - b['all']:+.3f} ({pairs})"


if __name__ == "__main__":
    main()
