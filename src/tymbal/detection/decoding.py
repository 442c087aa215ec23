"""From a head's maps to boxes: every peak a candidate however near its neighbour, then suppression within a class."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tymbal.config import check_fields
from tymbal.detection.boxes import UNKNOWN, Boxes, Floats, Ints, components, overlapping
from tymbal.detection.targets import Direction, EdgeTargets
from tymbal.units import FrameGrid


@dataclass(frozen=True)
class DecodingConfig:
    """How maps become boxes.

    Parameters
    ----------
    floor : peaks below this are no candidates; far below any threshold on scores.
    suppression : "hard" drops a box that overlaps a better one of its class by more than `suppress_iou`; "soft"
        multiplies its score by exp(-IoU² / 0.5) for every better one (Bodla et al. 2017, 1704.04503), and the score
        it ends with is the one that is reported and thresholded; "none" keeps all.
    suppress_iou : intersection over union in time.
    """

    floor: float = 0.05
    suppression: Literal["hard", "soft", "none"] = "hard"
    suppress_iou: float = 0.7

    def check(self) -> None:
        """Raise UsageError naming the first field outside its range."""
        check_fields(self, self._ranges())

    def _ranges(self) -> Iterator[tuple[str, bool, str]]:
        yield "floor", 0 <= self.floor < 1, "0 to below 1"
        yield "suppress_iou", 0 <= self.suppress_iou <= 1, "0 to 1"


@dataclass(frozen=True)
class EdgeMaps:
    """What one direction of a head says of a stretch of frames, as numbers with units.

    Attributes
    ----------
    heat : (slots, frames), 0–1.
    shift : (slots, frames), edge minus the frame's centre, in frames.
    log_duration : (slots, frames), natural logarithm of the duration in frames.
    classes : (slots, classes, frames), summing to 1 over classes; None where there is one class.
    low, high : (slots, frames), shares of half the sample rate; None where the head gives none.
    """

    heat: NDArray[np.floating]
    shift: NDArray[np.floating]
    log_duration: NDArray[np.floating]
    classes: NDArray[np.floating] | None = None
    low: NDArray[np.floating] | None = None
    high: NDArray[np.floating] | None = None

    @classmethod
    def of_targets(cls, targets: EdgeTargets, classes: int = 1) -> EdgeMaps:
        """The maps of a head without fault: what the ceiling of targets and decoder is measured with."""
        heat = targets.heat.astype(np.float64)
        place = (targets.slot, targets.frame)
        shift, log_duration = np.zeros_like(heat), np.zeros_like(heat)
        shift[place], log_duration[place] = targets.shift, targets.log_duration
        shares, low, high = None, None, None
        if classes > 1:
            shares = np.full((heat.shape[0], classes, heat.shape[1]), 1 / classes)
            known = targets.label != UNKNOWN
            shares[targets.slot[known], :, targets.frame[known]] = np.eye(classes)[targets.label[known]]
        if np.isfinite(targets.low).any():
            low, high = np.full_like(heat, np.nan), np.full_like(heat, np.nan)
            low[place], high[place] = targets.low, targets.high
        return cls(heat, shift, log_duration, shares, low, high)


def find_peaks(heat: NDArray[np.floating], floor: float) -> tuple[Ints, Ints]:
    """Slots and frames of the peaks of (slots, frames): not below `floor`, above the frame before, not below the one
    after. No spacing is asked for; the first and the last frame may be peaks."""
    padded = np.pad(heat, ((0, 0), (1, 1)), constant_values=-math.inf)
    peaks = (heat >= floor) & (heat > padded[:, :-2]) & (heat >= padded[:, 2:])
    slots, frames = np.nonzero(peaks)
    return slots, frames


def decode_edges(
    maps: EdgeMaps,
    grid: FrameGrid,
    direction: Direction,
    *,
    floor: float,
    nyquist_hz: float = math.nan,
    keep: slice | None = None,
) -> Boxes:
    """Every candidate of one direction, before suppression, in order of time.

    The score is the height of the peak, times the share of the best class where there are several.

    keep : only peaks in these frames, given as slice(start, stop): the rest of the stretch belongs to neighbours.
    """
    slots, frames = find_peaks(maps.heat, floor)
    if keep is not None:
        own = (frames >= keep.start) & (frames < keep.stop)
        slots, frames = slots[own], frames[own]
    edge = grid.first_center_s + grid.hop_s * (frames + maps.shift[slots, frames].astype(np.float64))
    duration = grid.hop_s * np.exp(maps.log_duration[slots, frames].astype(np.float64))
    score = maps.heat[slots, frames].astype(np.float64)
    label = np.zeros(len(frames), dtype=np.int64)
    if maps.classes is not None:
        shares = maps.classes[slots, :, frames]
        label = shares.argmax(axis=1)
        score = score * shares[np.arange(len(label)), label]
    low, high = _hertz(maps, slots, frames, nyquist_hz)
    onset = edge if direction == "forward" else edge - duration
    return Boxes.make(onset, onset + duration, score=score, label=label, low_hz=low, high_hz=high).sorted()


def _hertz(maps: EdgeMaps, slots: Ints, frames: Ints, nyquist_hz: float) -> tuple[Floats, Floats]:
    if maps.low is None or maps.high is None:
        return np.full(len(frames), np.nan), np.full(len(frames), np.nan)
    a = np.clip(maps.low[slots, frames].astype(np.float64), 0, 1) * nyquist_hz
    b = np.clip(maps.high[slots, frames].astype(np.float64), 0, 1) * nyquist_hz
    return np.minimum(a, b), np.maximum(a, b)


def suppress(boxes: Boxes, config: DecodingConfig) -> Boxes:
    """Boxes without the doubles that `config` names, best first decides; boxes of other classes do not count.

    Of equal scores the earlier box goes first. Returned in order of time.
    """
    boxes = boxes.sorted()
    if config.suppression == "none" or len(boxes) < 2:
        return boxes
    above = config.suppress_iou if config.suppression == "hard" else 0.0
    first, second, iou = overlapping(boxes, boxes, above=above)
    pairs = (first != second) & (boxes.label[first] == boxes.label[second])
    first, second, iou = first[pairs], second[pairs], iou[pairs]
    if config.suppression == "hard":
        return boxes.take(_hard(boxes.score, first, second))
    score = _soft(boxes.score, first, second, iou)
    return boxes.rescored(score).take(score >= config.floor)


def _hard(score: Floats, first: Ints, second: Ints) -> NDArray[np.bool_]:
    starts = np.searchsorted(first, np.arange(len(score) + 1))
    kept = np.ones(len(score), dtype=np.bool_)
    for row in np.argsort(-score, kind="stable").tolist():
        if kept[row] and starts[row] < starts[row + 1]:
            near = second[starts[row] : starts[row + 1]]
            kept[near] = False  # better ones among them would have dropped this box already
    return kept


def _soft(score: Floats, first: Ints, second: Ints, iou: Floats) -> Floats:
    """Scores after every box has weakened those it overlaps; the best remaining one goes first, as in the paper."""
    starts = np.searchsorted(first, np.arange(len(score) + 1))
    found, done = score.copy(), np.zeros(len(score), dtype=np.bool_)
    for members in components(len(score), first, second):
        for _ in range(len(members)):
            left = members[~done[members]]
            row = left[np.argmax(found[left])]
            done[row] = True
            own = slice(starts[row], starts[row + 1])
            near = ~done[second[own]]
            found[second[own][near]] *= np.exp(-(iou[own][near] ** 2) / 0.5)
    return found
