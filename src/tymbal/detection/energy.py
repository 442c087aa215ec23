"""The floor that every detector must beat: sound louder than its surroundings, tuned on the training recordings."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tymbal.detection.boxes import Boxes, Floats
from tymbal.detection.calibrating import F1_IOU, RIGHT_IOU, f1_score
from tymbal.detection.windows import Example
from tymbal.errors import DataError
from tymbal.evaluation.detection import match_boxes
from tymbal.units import FrameGrid

_DB = 10 / math.log(10)
THRESHOLDS_DB = (4.0, 6.0, 8.0, 10.0, 12.0, 15.0, 18.0, 22.0)
GAPS_S, SHORTEST_S = (0.0, 0.005, 0.01, 0.02), (0.0, 0.02, 0.03, 0.04)
RISES_DB = (0.0, 6.0, 10.0)
SMOOTHED_FRAMES = (1, 3)
LOWEST_BANDS = (0.0, 0.12, 0.25)
_ROUNDS = 2


@dataclass(frozen=True)
class EnergyGate:
    """Runs of frames whose power lies `threshold_db` above the recording's quiet level.

    Parameters
    ----------
    threshold_db : above the 20th percentile of the frames' power.
    gap_s : pauses shorter than this are bridged. shortest_s : runs shorter than this are dropped.
    low_share : bands below this share of all are left out (hum, wind).
    rise_db : runs that nowhere rise so far above the threshold are dropped.
    smoothed_frames : levels are means of so many frames, an odd number.
    shift_s : what is added to onsets and to offsets: who marks events does not mark where a level is crossed.
    """

    threshold_db: float = 10.0
    gap_s: float = 0.01
    shortest_s: float = 0.02
    low_share: float = 0.0
    rise_db: float = 0.0
    smoothed_frames: int = 1
    shift_s: tuple[float, float] = (0.0, 0.0)

    def level_db(self, log_power: np.ndarray) -> Floats:
        """Power of each frame above the quiet level; log_power (frames, bands), natural logarithm."""
        return self.above_quiet(self.power_db(log_power))

    def power_db(self, log_power: np.ndarray) -> Floats:
        """Power of each frame by itself, over the bands that count."""
        kept = log_power[:, int(self.low_share * log_power.shape[1]) :].astype(np.float64)
        top = kept.max(axis=1, keepdims=True)
        return np.asarray((top[:, 0] + np.log(np.exp(kept - top).sum(axis=1))) * _DB)

    def above_quiet(self, power: Floats) -> Floats:
        """Power of all frames of a recording above its quiet level, smoothed."""
        level = power - np.percentile(power, 20)
        reach = self.smoothed_frames // 2
        if not reach:
            return np.asarray(level)
        padded = np.pad(level, reach, mode="edge")
        return np.convolve(padded, np.ones(2 * reach + 1) / (2 * reach + 1), "valid")

    def boxes(self, log_power: np.ndarray, grid: FrameGrid) -> Boxes:
        """Boxes of one recording; the score is how far they rise above the threshold, 1 at 20 dB more."""
        return self.runs(self.power_db(log_power), grid)

    def runs(self, power: Floats, grid: FrameGrid) -> Boxes:
        """The same of the power of every frame."""
        return self.trimmed(loud_runs(self.above_quiet(power), grid, self.threshold_db))

    def trimmed(self, runs: Boxes) -> Boxes:
        """Runs, scored by their level, with short pauses bridged, short and faint ones dropped, and edges shifted."""
        if not len(runs):
            return runs
        begins = np.append(True, runs.onset_s[1:] - runs.offset_s[:-1] >= self.gap_s)
        first = np.flatnonzero(begins)
        last = np.append(first[1:], len(runs)) - 1
        rise = np.maximum.reduceat(runs.score, first) - self.threshold_db
        onset, offset = runs.onset_s[first], runs.offset_s[last]
        kept = (offset - onset >= self.shortest_s) & (rise >= self.rise_db)
        onset, offset = onset + self.shift_s[0], offset + self.shift_s[1]
        kept &= offset > onset
        return Boxes.make(onset[kept], offset[kept], score=np.clip(rise[kept] / 20, 0.0, 1.0))


def tune_on_part(examples: Sequence[Example], part: slice) -> EnergyGate:
    """`tune_gate` on frames whose logarithms of power are the values `part`."""
    heard = [replace(each, track=replace(each.track, values=each.track.values[:, part])) for each in examples]
    return tune_gate(heard)


def loud_runs(level: Floats, grid: FrameGrid, threshold: float) -> Boxes:
    """Runs of frames (frames,) at or above a threshold, scored by their highest level.

    An edge lies where the line between two frames crosses the threshold, half a frame outside at either end.
    """
    above = np.concatenate([[False], level >= threshold, [False]])
    edge = np.flatnonzero(above[1:] != above[:-1])
    if not len(edge):
        return Boxes.none()
    before, here = level[np.maximum(edge - 1, 0)], level[np.minimum(edge, len(level) - 1)]
    inner = (edge > 0) & (edge < len(level)) & (before != here)
    share = np.where(inner, (threshold - before) / np.where(inner, here - before, 1.0), 0.5)
    at = grid.first_center_s + grid.hop_s * (edge - 1 + np.clip(share, 0.0, 1.0))
    peak = np.maximum.reduceat(np.append(level, -math.inf), edge)[::2]
    return Boxes.make(at[::2], at[1::2], score=peak)


def tune_gate(examples: Sequence[Example]) -> EnergyGate:
    """The gate with the best F1 (mean at IoU 0.5 and 0.8) on examples whose only layer is a logarithm of power.

    Edges of every setting are first moved by their median error against the events that it finds.
    Raises DataError where there is no event.
    """
    references = [replace_labels(each.events) for each in examples]
    if not any(len(each) for each in references):
        raise DataError("no event to tune the gate on", where="tune_gate")
    best, found, before = -1.0, EnergyGate(8.0, 0.005, 0.03, LOWEST_BANDS[1], RISES_DB[1]), None
    levels: dict[tuple[float, int], list[Floats]] = {}
    for _ in range(_ROUNDS):
        if found == before:
            break
        before = found
        for gates in (_heard, _shaped):  # what is loud, then what becomes of it, in turns until neither changes
            for tried in gates(found):
                key = (tried.low_share, tried.smoothed_frames)
                if key not in levels:
                    levels[key] = [tried.level_db(each.track.values) for each in examples]
                value, shifted = _tried(tried, levels[key], examples, references)
                if value > best:
                    best, found = value, shifted
    return found


def _heard(gate: EnergyGate) -> Iterator[EnergyGate]:
    for low, smoothed, threshold, rise in itertools.product(LOWEST_BANDS, SMOOTHED_FRAMES, THRESHOLDS_DB, RISES_DB):
        heard = replace(gate, low_share=low, smoothed_frames=smoothed, threshold_db=threshold, rise_db=rise)
        yield replace(heard, shift_s=(0.0, 0.0))


def _shaped(gate: EnergyGate) -> Iterator[EnergyGate]:
    for gap, shortest in itertools.product(GAPS_S, SHORTEST_S):
        yield replace(gate, gap_s=gap, shortest_s=shortest, shift_s=(0.0, 0.0))


def _tried(
    gate: EnergyGate, levels: Sequence[Floats], examples: Sequence[Example], references: Sequence[Boxes]
) -> tuple[float, EnergyGate]:
    """F1 of a gate whose edges are moved by their median error, and that gate."""
    runs = [loud_runs(own, e.track.grid, gate.threshold_db) for own, e in zip(levels, examples, strict=True)]
    shifted = replace(gate, shift_s=_shift([gate.trimmed(each) for each in runs], references))
    boxes = [shifted.trimmed(each) for each in runs]
    return float(np.mean([f1_score(references, boxes, 0.0, iou) for iou in F1_IOU])), shifted


def _shift(boxes: Sequence[Boxes], references: Sequence[Boxes]) -> tuple[float, float]:
    """Median of reference minus box, for onsets and for offsets of those that match."""
    truth, found = Boxes.join(references), Boxes.join(boxes)
    numbers = np.arange(len(references))
    pairs = match_boxes(
        truth.edges_s,
        found.edges_s,
        minimum_iou=RIGHT_IOU,
        reference_group=np.repeat(numbers, [len(each) for each in references]),
        prediction_group=np.repeat(numbers, [len(each) for each in boxes]),
    )
    if not len(pairs.iou):
        return 0.0, 0.0
    onset, offset = np.median(truth.edges_s[pairs.reference] - found.edges_s[pairs.prediction], axis=0).tolist()
    return onset, offset


def replace_labels(boxes: Boxes) -> Boxes:
    """The boxes as events of one class."""
    return Boxes.make(boxes.onset_s, boxes.offset_s)
