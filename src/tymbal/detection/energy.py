"""The floor that every detector must beat: sound louder than its surroundings, tuned on the training recordings."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from tymbal.detection.boxes import Boxes, Floats
from tymbal.detection.calibrating import F1_IOU, f1_score
from tymbal.detection.inference import find_runs
from tymbal.detection.windows import Example
from tymbal.errors import DataError
from tymbal.units import FrameGrid

_DB = 10 / math.log(10)
THRESHOLDS_DB = (4.0, 6.0, 8.0, 10.0, 12.0, 15.0, 18.0, 22.0)
GAPS_S, SHORTEST_S = (0.0, 0.01, 0.02), (0.0, 0.02, 0.04)
LOWEST_BANDS = (0.0, 0.25)


@dataclass(frozen=True)
class EnergyGate:
    """Runs of frames whose power lies `threshold_db` above the recording's quiet level.

    Parameters
    ----------
    threshold_db : above the 20th percentile of the frames' power.
    gap_s : pauses shorter than this are bridged. shortest_s : runs shorter than this are dropped.
    low_share : bands below this share of all are left out (hum, wind).
    """

    threshold_db: float = 10.0
    gap_s: float = 0.01
    shortest_s: float = 0.02
    low_share: float = 0.0

    def level_db(self, log_power: np.ndarray) -> Floats:
        """Power of each frame above the quiet level; log_power (frames, bands), natural logarithm."""
        kept = log_power[:, int(self.low_share * log_power.shape[1]) :].astype(np.float64)
        top = kept.max(axis=1, keepdims=True)
        power = (top[:, 0] + np.log(np.exp(kept - top).sum(axis=1))) * _DB
        return np.asarray(power - np.percentile(power, 20))

    def boxes(self, log_power: np.ndarray, grid: FrameGrid) -> Boxes:
        """Boxes of one recording; the score is how far the mean level lies above the threshold, 1 at 20 dB more."""
        runs = find_runs(self.level_db(log_power)[None], grid, self.threshold_db)
        return self.trimmed(runs)

    def trimmed(self, runs: Boxes) -> Boxes:
        """Runs with short pauses bridged and short runs dropped."""
        if not len(runs):
            return runs
        begins = np.append(True, runs.onset_s[1:] - runs.offset_s[:-1] >= self.gap_s)
        first = np.flatnonzero(begins)
        last = np.append(first[1:], len(runs)) - 1
        level = np.maximum.reduceat(runs.score, first)
        score = np.clip((level - self.threshold_db) / 20, 0.0, 1.0)
        found = Boxes.make(runs.onset_s[first], runs.offset_s[last], score=score)
        return found.take(found.offset_s - found.onset_s >= self.shortest_s)


def tune_gate(examples: Sequence[Example]) -> EnergyGate:
    """The gate with the best F1 (mean at IoU 0.5 and 0.8) on examples whose only layer is a logarithm of power.

    Raises DataError where there is no event.
    """
    references = [replace_labels(each.events) for each in examples]
    if not any(len(each) for each in references):
        raise DataError("no event to tune the gate on", where="tune_gate")
    best, found = -1.0, EnergyGate()
    for low, threshold in itertools.product(LOWEST_BANDS, THRESHOLDS_DB):
        gate = EnergyGate(threshold, 0.0, 0.0, low)
        runs = [find_runs(gate.level_db(e.track.values)[None], e.track.grid, threshold) for e in examples]
        for gap, shortest in itertools.product(GAPS_S, SHORTEST_S):
            tried = replace(gate, gap_s=gap, shortest_s=shortest)
            boxes = [tried.trimmed(each) for each in runs]
            value = float(np.mean([f1_score(references, boxes, 0.0, iou) for iou in F1_IOU]))
            if value > best:
                best, found = value, tried
    return found


def replace_labels(boxes: Boxes) -> Boxes:
    """The boxes as events of one class."""
    return Boxes.make(boxes.onset_s, boxes.offset_s)
