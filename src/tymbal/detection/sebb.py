"""Sound event bounding boxes (Ebbers et al. 2024, 2406.04212): cut where activity changes most, not at a level.

A step filter finds where activity rises and falls; what lies between a rise and the next fall is a box, its score the
mean activity in it. Boxes are merged over gaps that are hardly lower than they are. So no box depends on a threshold
on scores. The filter's length and both merging rules are chosen on validation recordings. The idea is the paper's; in
which order gaps are merged, and what happens at the ends of a recording, is ours.
"""

from __future__ import annotations

import copy
import heapq
import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tymbal.detection.boxes import Boxes, Floats, Ints
from tymbal.units import FrameGrid


@dataclass(frozen=True)
class StepSettings:
    """How activity becomes boxes.

    Parameters
    ----------
    half_frames : the step filter is the mean of so many frames less the mean of as many before them.
    drop : boxes are one where the gap's mean lies less than this below the larger of their means ...
    ratio : ... or that mean is less than this times the gap's.
    """

    half_frames: int
    drop: float
    ratio: float


# Tried on validation recordings; a drop of 0 with a ratio of 1 merges nothing.
STEPS = tuple(StepSettings(*each) for each in itertools.product((2, 4, 8), (0.0, 0.05, 0.1, 0.2), (1.0, 1.5)))


class Changes:
    """Where activity rises and falls, per class, in pieces that come in order; the same bits however they are cut.

    Outside the recording activity is 0. Of every stretch in which the filter is above 0 the boundary with the largest
    value is a rise, of every one below 0 a fall; so they alternate and begin with a rise.
    """

    def __init__(self, half_frames: int, classes: int) -> None:
        self._half = half_frames
        self._held = np.zeros((classes, half_frames))  # frames from `half` before the next boundary on
        self._boundary = 0  # the next one to judge; boundary k lies before frame k
        self._total = np.zeros(classes)  # activity before it
        self._points: list[list[tuple[Ints, Floats]]] = [[] for _ in range(classes)]
        self._open: list[tuple[float, float, int, float] | None] = [None] * classes  # sign, height, boundary, total

    def take(self, shares: NDArray[np.floating]) -> None:
        """Take the next frames, (classes, frames), 0–1."""
        frames, half = np.concatenate([self._held, shares.astype(np.float64)], axis=1), self._half
        count = frames.shape[1] - 2 * half + 1
        if count < 1:
            self._held = frames
            return
        before, after = np.zeros((len(frames), count)), np.zeros((len(frames), count))
        for step in range(half):  # one after the other: sums must not depend on where a piece begins
            before += frames[:, step : step + count]
            after += frames[:, half + step : half + step + count]
        totals = np.cumsum(np.concatenate([self._total[:, None], frames[:, half : half + count]], axis=1), axis=1)
        for label, change in enumerate((after - before) / half):
            self._class(label, change, totals[label])
        self._held, self._total = frames[:, count:], totals[:, -1]
        self._boundary += count

    def _class(self, label: int, change: Floats, totals: Floats) -> None:
        moving = np.flatnonzero(change)
        if not len(moving):
            return
        sign, height = np.sign(change[moving]), np.abs(change[moving])
        turns = np.diff(sign, prepend=0.0) != 0
        stretch, starts = np.cumsum(turns) - 1, np.flatnonzero(turns)
        highest = np.flatnonzero(height == np.maximum.reduceat(height, starts)[stretch])
        rows = highest[np.unique(stretch[highest], return_index=True)[1]]  # the first of equals
        places, sums = self._boundary + moving[rows], totals[moving[rows]]
        held = self._open[label]
        if held is not None:
            if held[0] != sign[0]:
                places, sums = np.append(held[2], places), np.append(held[3], sums)
            elif held[1] >= height[rows[0]]:
                places[0], sums[0] = held[2], held[3]
        top = float(height[rows[-1]])
        if held is not None and len(rows) == 1 and held[0] == sign[0]:
            top = max(top, held[1])
        self._open[label] = (float(sign[-1]), top, int(places[-1]), float(sums[-1]))
        self._points[label].append((places[:-1], sums[:-1]))

    def found(self) -> list[tuple[Ints, Floats]]:
        """Of each class the boundaries, rise and fall in turn, and the sum of activity before each; all frames taken
        count, and more may follow."""
        ended = copy.copy(self)
        ended._points, ended._open = [list(each) for each in self._points], list(self._open)
        ended.take(np.zeros((len(self._points), self._half)))
        found = []
        for parts, last in zip(ended._points, ended._open, strict=True):
            own = [] if last is None else [(np.array([last[2]]), np.array([last[3]]))]
            empty = (np.zeros(0, dtype=np.int64), np.zeros(0))
            places, sums = zip(empty, *parts, *own, strict=True)
            found.append((np.concatenate(places), np.concatenate(sums)))
        return found

    def boxes(self, settings: StepSettings, grid: FrameGrid, floor: float) -> Boxes:
        """The boxes that `settings` make, in order of time, those with a score below `floor` left out."""
        parts = []
        for label, (places, sums) in enumerate(self.found()):
            rise, fall, mean = merged(places, sums, settings)
            half = grid.hop_s / 2
            onset = grid.first_center_s + grid.hop_s * rise - half
            offset = grid.first_center_s + grid.hop_s * fall - half
            found = Boxes.make(onset, offset, score=mean, label=np.full(len(rise), label))
            parts.append(found.take(mean >= floor))
        return Boxes.join(parts).sorted()


def find_steps(shares: NDArray[np.floating], grid: FrameGrid, settings: StepSettings, floor: float = 0.0) -> Boxes:
    """The boxes of activity (classes, frames) that is there as a whole."""
    changes = Changes(settings.half_frames, len(shares))
    changes.take(shares)
    return changes.boxes(settings, grid, floor)


def merged(places: Ints, sums: Floats, settings: StepSettings) -> tuple[Ints, Ints, Floats]:
    """First frames, frames after the last, and means of the boxes left when none can be merged any more.

    The gap that lies least below its louder neighbour goes first, the earlier of equals; means are then taken anew.
    places, sums : (2 m,), a rise and a fall in turn, and the sum of activity before each.
    """
    rise, fall, low, high = places[::2].tolist(), places[1::2].tolist(), sums[::2].tolist(), sums[1::2].tolist()
    count = len(rise)
    mean = [(high[row] - low[row]) / (fall[row] - rise[row]) for row in range(count)]
    following, version = list(range(1, count + 1)), [0] * count
    before, gone = list(range(-1, count - 1)), [False] * count
    waiting: list[tuple[float, int, int]] = []

    def offer(row: int) -> None:
        """Put the gap after box `row` in the queue where it may be merged; what it stood for before is void."""
        version[row] += 1
        other = following[row]
        if other < count:
            gap = (low[other] - high[row]) / (rise[other] - fall[row])
            loud = max(mean[row], mean[other])
            if loud - gap < settings.drop or loud < settings.ratio * gap:
                heapq.heappush(waiting, (loud - gap, row, version[row]))

    for row in range(count):
        offer(row)
    while waiting:
        _, row, known = heapq.heappop(waiting)
        if gone[row] or known != version[row]:
            continue
        other = following[row]
        gone[other], following[row] = True, following[other]
        fall[row], high[row] = fall[other], high[other]
        if following[row] < count:
            before[following[row]] = row
        mean[row] = (high[row] - low[row]) / (fall[row] - rise[row])
        offer(row)
        if before[row] >= 0:
            offer(before[row])
    kept = np.flatnonzero(~np.array(gone, dtype=np.bool_))
    columns = (np.array(each)[kept] for each in (rise, fall, mean)) if count else (np.zeros(0),) * 3
    first, stop, score = columns
    return first.astype(np.int64), stop.astype(np.int64), score.astype(np.float64)
