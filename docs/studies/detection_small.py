"""What the studies of bats and owls share: floors, the methods of one fold, and the tables. Imported by their scripts.

Floors: `gate` is tymbal's energy gate, its pauses and shortest events counted in frames; `band gate` listens where the
training boxes lie, each band above its own quiet level; `Voxaboxen` is the recipe of tests/reference.
"""

from __future__ import annotations

import itertools
import math
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.reference.voxaboxen_training import Recipe, fit_voxaboxen

from tymbal.audio.frontends.mel import hz_to_mel, mel_to_hz
from tymbal.corpus import Corpus
from tymbal.detection import Detector, DetectorConfig, read_examples
from tymbal.detection.boxes import Boxes
from tymbal.detection.calibrating import F1_IOU, f1_score
from tymbal.detection.detector import hold_out, to_events, within
from tymbal.detection.energy import EnergyGate
from tymbal.detection.fitting import Fitted, calibrated_on
from tymbal.detection.frames import Track
from tymbal.detection.inference import find_runs
from tymbal.detection.windows import Example
from tymbal.evaluation.detection import (
    DetectionProblem,
    DetectionSettings,
    estimate_detection,
    make_detection_problem,
    paired_detection_difference,
)
from tymbal.features import FeatureStore

DB = 10 / math.log(10)
LOWEST_PLAYED_HZ, PLAYED_NYQUIST_HZ = 20.0, (2_000.0, 24_000.0)  # of `spectral`, which scales outside 4 to 48 kHz
THRESHOLDS_DB = (3.0, 4.0, 6.0, 8.0, 10.0, 12.0, 15.0, 18.0, 22.0)
SHARES = (0.0, 0.25, 0.5)  # pauses bridged and events dropped, of the median duration of the training events
DROPS_DB = (3.0, 6.0, 10.0, 15.0, 20.0, 25.0)
METHODS = ("gate", "band gate", "segments", "forward", "both", "Voxaboxen", "Voxaboxen, our trunk")


@dataclass(frozen=True)
class Task:
    """One study: its corpus and frames, the detector's settings, the unit of each recording, and what Voxaboxen gets.

    tested : the recordings that are judged; others (copies at another speed) may be trained on.
    groups : what is held out whole of training, to stop and to calibrate; one group: the last fifth of each recording.
    slowed : how much slower its audio is played to Voxaboxen, as its authors do for calls above 8 kHz.
    """

    corpus: Corpus
    store: FeatureStore
    config: DetectorConfig
    units: Mapping[str, str]
    unit_name: str
    tested: tuple[str, ...]
    groups: Mapping[str, str]
    slowed: float = 1.0
    recipe: Recipe = field(default_factory=Recipe)


def band_edges_hz(track: Track, bands: int) -> np.ndarray:
    """Borders of the mel bands (bands + 1,), Hz: halfway between the centres of neighbours."""
    played = min(max(track.nyquist_hz, PLAYED_NYQUIST_HZ[0]), PLAYED_NYQUIST_HZ[1])
    low, high = (float(edge) for edge in hz_to_mel([LOWEST_PLAYED_HZ, played]))
    places = low + (high - low) * (np.arange(bands + 1) + 0.5) / (bands + 1)
    return np.asarray(mel_to_hz(places)) * track.nyquist_hz / played


def excess_db(track: Track, bands: int) -> np.ndarray:
    """Level of each band of log_mel above its own quiet level in the recording, (frames, bands)."""
    level = track.values[:, :bands].astype(np.float64) * DB
    return np.asarray(level - np.percentile(level, 20, axis=0))


@dataclass(frozen=True)
class BandGate:
    """Runs of frames in which the bands from `low_hz` to `high_hz` stand out.

    loudest : judged by the loudest group of three neighbouring bands; else by the mean over all of them.
    """

    gate: EnergyGate
    low_hz: float
    high_hz: float
    loudest: bool
    bands: int = 64

    def level_db(self, track: Track) -> np.ndarray:
        """Of each frame, 0 at the 20th percentile of the recording."""
        edges = band_edges_hz(track, self.bands)
        own = (edges[1:] > self.low_hz) & (edges[:-1] < self.high_hz)
        found = excess_db(track, self.bands)[:, own]
        if self.loudest and found.shape[1] > 2:
            level = ((found[:, :-2] + found[:, 1:-1] + found[:, 2:]) / 3).max(axis=1)
        else:
            level = found.mean(axis=1)
        return np.asarray(level - np.percentile(level, 20))

    def runs(self, track: Track) -> Boxes:
        """Before pauses are bridged."""
        return find_runs(self.level_db(track)[None], track.grid, self.gate.threshold_db)

    def boxes(self, track: Track) -> Boxes:
        """Of one recording."""
        return within(self.gate.trimmed(self.runs(track)), track.duration_s)


def tune_band_gate(examples: Sequence[Example]) -> BandGate:
    """The gate with the best F1 in time (mean of IoU 0.5 and 0.8) on the training recordings."""
    truth = Boxes.join([each.events for each in examples])
    low, high = np.quantile(truth.low_hz, 0.1), np.quantile(truth.high_hz, 0.9)
    references = [Boxes.make(each.events.onset_s, each.events.offset_s) for each in examples]
    typical = float(np.median(truth.offset_s - truth.onset_s))
    best, found = -1.0, BandGate(EnergyGate(), float(low), float(high), True)
    for loudest, threshold in itertools.product((True, False), THRESHOLDS_DB):
        tried = BandGate(EnergyGate(threshold), float(low), float(high), loudest)
        runs = [tried.runs(each.track) for each in examples]
        for gap, shortest in itertools.product(SHARES, SHARES):
            gate = replace(tried.gate, gap_s=gap * typical, shortest_s=shortest * typical)
            value = float(
                np.mean([f1_score(references, [gate.trimmed(each) for each in runs], 0.0, iou) for iou in F1_IOU])
            )
            if value > best:
                best, found = value, replace(tried, gate=gate)
    return found


def tune_plain_gate(examples: Sequence[Example]) -> EnergyGate:
    """tymbal's gate with the power of all bands, pauses and shortest events as shares of the median duration."""
    durations = np.concatenate([each.events.offset_s - each.events.onset_s for each in examples])
    references = [Boxes.make(each.events.onset_s, each.events.offset_s) for each in examples]
    best, found = -1.0, EnergyGate()
    for low, threshold in itertools.product((0.0, 0.25), THRESHOLDS_DB):
        gate = EnergyGate(threshold, low_share=low)
        levels = [gate.level_db(each.track.values) for each in examples]
        runs = [find_runs(x[None], each.track.grid, threshold) for x, each in zip(levels, examples, strict=True)]
        for gap, shortest in itertools.product(SHARES, SHARES):
            tried = replace(gate, gap_s=gap * np.median(durations), shortest_s=shortest * np.median(durations))
            boxes = [tried.trimmed(each) for each in runs]
            value = float(np.mean([f1_score(references, boxes, 0.0, iou) for iou in F1_IOU]))
            if value > best:
                best, found = value, tried
    return found


def with_bands(boxes: Boxes, track: Track, drop_db: float, bands: int = 64) -> Boxes:
    """Boxes with bounds by energy: from the loudest band outwards while the mean excess falls by `drop_db` at most."""
    edges, excess = band_edges_hz(track, bands), excess_db(track, bands)
    low, high = np.zeros(len(boxes)), np.zeros(len(boxes))
    for row, (onset, offset) in enumerate(boxes.edges_s.tolist()):
        span = track.grid.inside(onset, offset, track.frames)
        first = min(span.start, track.frames - 1)
        mean = excess[first : max(span.stop, first + 1)].mean(axis=0)
        peak = int(mean.argmax())
        quiet = np.flatnonzero(mean < mean[peak] - drop_db)
        low[row] = edges[quiet[quiet < peak].max(initial=-1) + 1]
        high[row] = edges[quiet[quiet > peak].min(initial=bands)]
    return Boxes(boxes.onset_s, boxes.offset_s, boxes.score, boxes.label, low, high)


def tune_drop(examples: Sequence[Example]) -> float:
    """The drop at which bounds by energy fit the reference boxes of the training recordings best (mean IoU)."""

    def fit(drop_db: float) -> float:
        found = [with_bands(each.events, each.track, drop_db) for each in examples]
        a, b = Boxes.join(found), Boxes.join([each.events for each in examples])
        shared = np.minimum(a.high_hz, b.high_hz) - np.maximum(a.low_hz, b.low_hz)
        shared = np.maximum(shared, 0)
        return float((shared / (a.high_hz - a.low_hz + b.high_hz - b.low_hz - shared)).mean())

    return max(DROPS_DB, key=fit)


def slower(example: Example, factor: float) -> Example:
    """The same frames and events as if played `factor` times slower."""
    track, events = example.track, example.events
    grid = replace(
        track.grid,
        hop_s=track.grid.hop_s * factor,
        first_center_s=track.grid.first_center_s * factor,
        receptive_s=track.grid.receptive_s * factor,
    )
    timed = Boxes.make(events.onset_s * factor, events.offset_s * factor, label=events.label)
    return Example(replace(track, grid=grid, duration_s=track.duration_s * factor), timed, example.covered)


def others(task: Task, tested: Sequence[str]) -> list[str]:
    """The recordings of no unit that is tested."""
    left = {task.units[name] for name in tested}
    return [name for name, unit in task.units.items() if unit not in left]


def run_fold(task: Task, train: Sequence[str], test: Sequence[str], wanted: Sequence[str]) -> dict[str, pl.DataFrame]:
    """Events of the wanted methods in the recordings `test`; only `train` is trained, tuned and calibrated on."""
    layers = tuple(task.config.layers)
    seen, held = (read_examples(task.store, task.corpus, layers, task.config, recordings=x)[0] for x in (train, test))
    plain, plain_held = (
        read_examples(task.store, task.corpus, ("log_mel",), task.config, recordings=x)[0]
        for x in ([name for name in train if name in task.tested], test)
    )
    drop_db = tune_drop([each for each in plain if len(each.events)])
    found: dict[str, pl.DataFrame] = {}

    def keep(name: str, boxes: Callable[[Track], Boxes], *, floor: bool = False, bounded: bool = False) -> None:
        parts = []
        for own, log_mel in zip(held, plain_held, strict=True):
            told = boxes(log_mel.track if floor else own.track)
            told = told if bounded else with_bands(told, log_mel.track, drop_db)
            parts.append(to_events(told, ("event",), own.track.recording, own.track.channel))
        found[name] = pl.concat(parts)

    start = time.process_time()
    if "gate" in wanted:
        gate = tune_plain_gate(plain)
        keep("gate", lambda t: within(gate.boxes(t.values, t.grid), t.duration_s), floor=True)
    if "band gate" in wanted:
        keep("band gate", tune_band_gate(plain).boxes, floor=True)
    told = {"gates": time.process_time() - start}
    for method in ("both", "segments"):
        if method in wanted:
            told[method] = _fit_ours(task, method, train, seen, keep)
    for name in ("Voxaboxen", "Voxaboxen, our trunk"):
        if name in wanted:
            start = time.process_time()
            keep(name, _voxaboxen(task, seen, name != "Voxaboxen"))
            told[name] = time.process_time() - start
    print(sorted({task.units[name] for name in test}), {k: round(v, 1) for k, v in told.items()}, "CPU s", flush=True)
    return found


def _fit_ours(task: Task, method: str, train: Sequence[str], seen: list[Example], keep: Callable[..., None]) -> float:
    start = time.process_time()
    bounds = method == "both" and task.config.bounds
    config = replace(task.config, method=method, bounds=bounds)
    detector = Detector(config).fit(task.store, task.corpus, recordings=train, groups=task.groups)
    network = detector.network()
    keep(method, lambda track: detector.boxes(track, network), bounded=bounds)
    if method == "both":
        forward = Detector(replace(config, method="forward"))
        forward.labels_ = detector.labels_
        _, watched = hold_out(seen, task.groups, config)
        calibration, _ = calibrated_on(network, watched, forward.config)
        forward.fitted_ = Fitted(detector.fitted_.tensors, calibration)
        keep("forward", lambda track: forward.boxes(track, network), bounded=bounds)
    print(f"  {method}: {detector.notes_} threshold {detector.calibration_.threshold:g}", flush=True)
    return time.process_time() - start


def _voxaboxen(task: Task, seen: list[Example], trunk: bool) -> Callable[[Track], Boxes]:
    """The recipe on the same frames, played slower where it would be; `trunk`: our frames and our convolutions."""
    trained, watched = hold_out(seen, task.groups, task.config)
    recipe = replace(task.recipe, rate_hz=None, trunk=task.config.network) if trunk else task.recipe
    slow = [[slower(each, task.slowed) for each in part] for part in (trained, watched)]
    layers = [(name, task.store.layer(name).width) for name in task.config.layers]
    fitted = fit_voxaboxen(slow[0], slow[1], layers, recipe=recipe)

    def boxes(track: Track) -> Boxes:
        whole = Example(track, Boxes.none(), np.ones(track.frames, dtype=np.bool_))
        told = fitted.predict(slower(whole, task.slowed).track)
        return Boxes.make(told.onset_s / task.slowed, told.offset_s / task.slowed, score=told.score)

    return boxes


def work(
    task: Task, folds: Sequence[Sequence[str]], folder: Path, wanted: Sequence[str] = METHODS
) -> dict[str, pl.DataFrame]:
    """Every fold (the recordings it tests), those that are done read back; events of each method over all folds."""
    folder.mkdir(parents=True, exist_ok=True)
    parts: dict[str, list[pl.DataFrame]] = {name: [] for name in wanted}
    for number, tested in enumerate(folds):
        files = {name: folder / f"{number}.{name}.parquet" for name in wanted}
        missing = [name for name in wanted if not files[name].exists()]
        if missing:
            for name, events in run_fold(task, others(task, tested), tested, missing).items():
                events.write_parquet(folder / f"{number}.{name}.parquet")
        for name in wanted:
            parts[name].append(pl.read_parquet(files[name]))
    return {name: pl.concat(each) for name, each in parts.items()}


def problems(
    task: Task, found: Mapping[str, pl.DataFrame], recordings: Sequence[str] | None = None, *, frequency: bool = False
) -> dict[str, DetectionProblem]:
    """What each method found, judged in time or, with `frequency`, as areas."""
    durations = dict(task.corpus.recordings.select("recording", "duration_s").rows())
    chosen = {name: task.units[name] for name in (task.tested if recordings is None else recordings)}
    settings = DetectionSettings(class_agnostic=True, frequency=frequency)
    return {
        name: make_detection_problem(
            events,
            task.corpus.events,
            task.corpus.coverage,
            units=chosen,
            unit_name=task.unit_name,
            durations=durations,
            settings=settings,
        )
        for name, events in found.items()
    }


def tell(judged: Mapping[str, DetectionProblem], metrics: Sequence[str], title: str) -> None:
    """One table per metric: all together, and each unit."""
    for metric in metrics:
        units = next(iter(judged.values())).names
        print(f"\n{title}, {metric}\n\n| method | all | " + " | ".join(units) + " |\n|---|" + "---|" * (len(units) + 1))
        for name, problem in judged.items():
            estimate: Any = estimate_detection(metric, problem)
            each = [estimate.per_unit.get(unit) for unit in units]
            cells = ["-" if value is None else f"{value:.2f}" for value in each]
            print(f"| {name} | {_told(estimate)} | " + " | ".join(cells) + " |")


def tell_differences(judged: Mapping[str, DetectionProblem], metrics: Sequence[str], title: str) -> None:
    """Paired differences: the value, an interval from eight units on, and in how many units the first is ahead."""
    print(f"\n{title}\n\n| difference | " + " | ".join(metrics) + " |\n|---|" + "---|" * len(metrics))
    others = [("both", name) for name in judged if name != "both"] + [("forward", "segments")]
    for one, two in others:
        if one not in judged or two not in judged:
            continue
        cells = []
        for metric in metrics:
            gap = paired_detection_difference(metric, judged[one], judged[two])
            shown = [value for value in gap.per_unit.values() if value is not None]
            ahead, behind = sum(value > 1e-9 for value in shown), sum(value < -1e-9 for value in shown)
            interval = "" if gap.low is None else f" [{gap.low:+.3f}, {gap.high:+.3f}]"
            cells.append(f"{gap.value:+.3f}{interval} ({ahead} up, {behind} down)")
        print(f"| {one} - {two} | " + " | ".join(cells) + " |")


def _told(estimate: Any) -> str:
    interval = "" if estimate.low is None else f" [{estimate.low:.3f}, {estimate.high:.3f}]"
    return f"{estimate.value:.3f}{interval}"
