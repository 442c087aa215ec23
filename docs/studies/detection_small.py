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
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.reference.voxaboxen_training import fit_voxaboxen

from tymbal.audio.frontends.mel import hz_to_mel, mel_to_hz
from tymbal.corpus import Corpus
from tymbal.detection import Detector, DetectorConfig, read_examples
from tymbal.detection.boxes import Boxes
from tymbal.detection.calibrating import F1_IOU, f1_score
from tymbal.detection.detector import hold_out, to_events, within
from tymbal.detection.energy import EnergyGate
from tymbal.detection.fitting import Fitted, calibrated_on, fit
from tymbal.detection.frames import Array, Track
from tymbal.detection.inference import find_runs
from tymbal.detection.windows import Example
from tymbal.evaluation.detection import (
    DetectionProblem,
    DetectionSettings,
    estimate_detection,
    make_detection_problem,
    match_boxes,
    paired_detection_difference,
)
from tymbal.features import FeatureStore

DB = 10 / math.log(10)
BANDS = 64
LOWEST_PLAYED_HZ, PLAYED_NYQUIST_HZ = 20.0, (2_000.0, 24_000.0)  # of `spectral`, which scales outside 4 to 48 kHz
THRESHOLDS_DB = (3.0, 4.0, 6.0, 8.0, 10.0, 12.0, 15.0, 18.0, 22.0)
SHARES = (0.0, 0.25, 0.5)  # pauses bridged and events dropped, of the median duration of the training events
DROPS_DB = (3.0, 6.0, 10.0, 15.0, 20.0, 25.0)
METHODS = ("gate", "band gate", "segments", "forward", "both", "Voxaboxen")


@dataclass(frozen=True)
class Task:
    """One study: its corpus and frames, the detector's settings, the unit of each recording, and what Voxaboxen gets.

    tested : the recordings that are judged; others (copies at another speed) may be trained on.
    groups : what is held out whole of training, to stop and to calibrate; one group: the last fifth of each recording.
    view : what the networks see of a track in place of its layers, (frames, viewed).
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
    view: Callable[[Track], Array] | None = None
    viewed: int = 0

    @property
    def layers(self) -> tuple[tuple[str, int], ...]:
        """(name, values per frame) of what the networks see."""
        if self.view is not None:
            return (("view", self.viewed),)
        return tuple((name, self.store.layer(name).width) for name in self.config.layers)

    def seen(self, examples: Sequence[Example]) -> list[Example]:
        """The examples as the networks see them."""
        if self.view is None:
            return list(examples)
        return [replace(each, track=replace(each.track, values=self.view(each.track))) for each in examples]


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


Level = Callable[[Track], np.ndarray]


def broad_level(low_share: float) -> Level:
    """Power of all bands from a share of them on, dB above the 20th percentile of the frames."""

    def level(track: Track) -> np.ndarray:
        return EnergyGate(low_share=low_share).level_db(track.values)

    return level


def band_level(low_hz: float, high_hz: float, loudest: bool, bands: int = BANDS) -> Level:
    """How far the bands between two frequencies stand out of their own quiet levels, dB above the 20th percentile.

    loudest : judged by the loudest group of three neighbours; else by the mean over all.
    """

    def level(track: Track) -> np.ndarray:
        edges = band_edges_hz(track, bands)
        found = excess_db(track, bands)[:, (edges[1:] > low_hz) & (edges[:-1] < high_hz)]
        if loudest and found.shape[1] > 2:
            own = ((found[:, :-2] + found[:, 1:-1] + found[:, 2:]) / 3).max(axis=1)
        else:
            own = found.mean(axis=1)
        return np.asarray(own - np.percentile(own, 20))

    return level


@dataclass(frozen=True)
class Gate:
    """Runs above a threshold, pauses bridged, short runs dropped, edges moved by `shift_s`."""

    level: Level
    threshold_db: float
    gap_s: float
    shortest_s: float
    shift_s: tuple[float, float] = (0.0, 0.0)

    def boxes(self, track: Track) -> Boxes:
        """Of one recording."""
        runs = find_runs(self.level(track)[None], track.grid, self.threshold_db)
        return within(self.shaped(runs), track.duration_s)

    def shaped(self, runs: Boxes) -> Boxes:
        """Boxes of runs, whose score is their mean level."""
        if not len(runs):
            return runs
        first = np.flatnonzero(np.append(True, runs.onset_s[1:] - runs.offset_s[:-1] >= self.gap_s))
        last = np.append(first[1:], len(runs)) - 1
        score = np.clip((np.maximum.reduceat(runs.score, first) - self.threshold_db) / 20, 0.0, 1.0)
        onset, offset = runs.onset_s[first], runs.offset_s[last]
        kept = offset - onset >= self.shortest_s
        onset, offset = onset + self.shift_s[0], offset + self.shift_s[1]
        kept &= offset > onset
        return Boxes.make(onset[kept], offset[kept], score=score[kept])


def tune(levels: Sequence[Level], examples: Sequence[Example]) -> Gate:
    """The gate with the best F1 in time (mean of IoU 0.5 and 0.8) on the training recordings.

    Edges of every setting are moved by their median error against the events that it finds.
    """
    references = [Boxes.make(each.events.onset_s, each.events.offset_s) for each in examples]
    durations = np.concatenate([each.offset_s - each.onset_s for each in references])
    typical, best, found = float(np.median(durations)), -1.0, Gate(levels[0], 10.0, 0.0, 0.0)
    for level in levels:
        heard = [level(each.track)[None] for each in examples]
        for threshold in THRESHOLDS_DB:
            runs = [find_runs(own, each.track.grid, threshold) for own, each in zip(heard, examples, strict=True)]
            for gap, shortest in itertools.product(SHARES, SHARES):
                tried = Gate(level, threshold, gap * typical, shortest * typical)
                tried = replace(tried, shift_s=median_error([tried.shaped(each) for each in runs], references))
                boxes = [tried.shaped(each) for each in runs]
                value = float(np.mean([f1_score(references, boxes, 0.0, iou) for iou in F1_IOU]))
                if value > best:
                    best, found = value, tried
    return found


def median_error(boxes: Sequence[Boxes], references: Sequence[Boxes]) -> tuple[float, float]:
    """Median of reference minus box over those that match at IoU 0.5, of onsets and of offsets."""
    gaps = []
    for found, truth in zip(boxes, references, strict=True):
        pairs = match_boxes(truth.edges_s, found.edges_s, minimum_iou=0.5)
        gaps.append(truth.edges_s[pairs.reference] - found.edges_s[pairs.prediction])
    every = np.concatenate(gaps)
    return tuple(np.median(every, axis=0).tolist()) if len(every) else (0.0, 0.0)


def tune_broad(examples: Sequence[Example]) -> Gate:
    """The energy gate over all bands, or all but the lowest quarter."""
    return tune([broad_level(0.0), broad_level(0.25)], examples)


def tune_bands(examples: Sequence[Example]) -> Gate:
    """The gate over the bands that hold the middle 80 % of the training boxes."""
    truth = Boxes.join([each.events for each in examples])
    low, high = float(np.quantile(truth.low_hz, 0.1)), float(np.quantile(truth.high_hz, 0.9))
    return tune([band_level(low, high, True), band_level(low, high, False)], examples)


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
    seen, held = (
        task.seen(read_examples(task.store, task.corpus, layers, task.config, recordings=x)[0]) for x in (train, test)
    )
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
    for name, tuner in (("gate", tune_broad), ("band gate", tune_bands)):
        if name in wanted:
            keep(name, tuner(plain).boxes, floor=True)
    told = {"gates": time.process_time() - start}
    for method in ("both", "segments"):
        if method in wanted:
            told[method] = _fit_ours(task, method, seen, keep)
    if "Voxaboxen" in wanted:
        start = time.process_time()
        keep("Voxaboxen", _voxaboxen(task, seen))
        told["Voxaboxen"] = time.process_time() - start
    print(sorted({task.units[name] for name in test}), {k: round(v, 1) for k, v in told.items()}, "CPU s", flush=True)
    return found


def _fit_ours(task: Task, method: str, seen: list[Example], keep: Callable[..., None]) -> float:
    start = time.process_time()
    bounds = method == "both" and task.config.bounds
    config = replace(task.config, method=method, bounds=bounds)
    trained, watched = hold_out(seen, task.groups, config)
    detector = Detector(config)
    detector.labels_, detector.layers_ = ("event",), task.layers
    detector.fitted_ = fit(trained, watched, task.layers, 1, config)
    network = detector.network()
    keep(method, lambda track: detector.boxes(track, network), bounded=bounds)
    if method == "both":
        forward = Detector(replace(config, method="forward"))
        forward.labels_, forward.layers_ = detector.labels_, task.layers
        calibration, _ = calibrated_on(network, watched, forward.config)
        forward.fitted_ = Fitted(detector.fitted_.tensors, calibration)
        keep("forward", lambda track: forward.boxes(track, network), bounded=bounds)
    print(f"  {method}: {detector.notes_} threshold {detector.calibration_.threshold:g}", flush=True)
    return time.process_time() - start


def _voxaboxen(task: Task, seen: list[Example]) -> Callable[[Track], Boxes]:
    """The recipe on what the networks see, played slower where it would be."""
    trained, watched = hold_out(seen, task.groups, task.config)
    slow = [[slower(each, task.slowed) for each in part] for part in (trained, watched)]
    fitted = fit_voxaboxen(slow[0], slow[1], task.layers)

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
