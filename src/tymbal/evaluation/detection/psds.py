"""Polyphonic sound detection score (Bilen et al. 2020, arXiv 1910.08440), for events that may overlap in one class.

A detection is relevant where enough of it lies on references of its class (DTC), a reference is found where relevant
detections cover enough of it (GTC); what is not relevant is a false positive, and a cross-trigger of every other class
whose references it lies on (CTTC). Here "lies on" is the length of the union, so references and detections of one
class may overlap; without such overlap it is the published definition (psds_eval refuses overlap). PSDS counts
references covered, not events told apart: one long detection over two calls that overlap finds both.

Whether a detection is relevant does not depend on the threshold, and a reference's cover only grows as it falls: so
every reference has one critical score, and the curves over all thresholds follow from one pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tymbal.errors import DataError
from tymbal.evaluation.detection.boxes import Booleans, Floats, Integers, common_axis, overlapping_pairs
from tymbal.evaluation.detection.counts import per_unit
from tymbal.evaluation.detection.problem import UNKNOWN, Boxes, DetectionProblem
from tymbal.evaluation.detection.ranking import refuse_unscored

POINTS = 200  # thresholds used in resamples: quantiles of the scores where there are more


@dataclass(frozen=True)
class PsdsSettings:
    """Tolerances and weights. The two scenarios of DCASE task 4 are PSDS1 and PSDS2."""

    dtc: float = 0.7
    gtc: float = 0.7
    cttc: float | None = None
    alpha_ct: float = 0.0
    alpha_st: float = 1.0
    max_per_hour: float = 100.0


PSDS1 = PsdsSettings()
PSDS2 = PsdsSettings(dtc=0.1, gtc=0.1, cttc=0.3, alpha_ct=0.5)


@dataclass(frozen=True)
class _Class:
    """One class: critical score and unit of each reference; score and unit of each false positive, and which other
    classes (column of `crossed`) it triggers."""

    critical: Floats
    owner: Integers
    score: Floats
    unit: Integers
    crossed: Booleans


class Psds:
    """PSDS bound to a problem; called with multiplicities (resamples, units) -> (resamples,), as `Prepared` wants.

    thresholds : operating points, default every distinct score (in resamples at most POINTS quantiles of them).
    Raises DataError without coverage (rates need hours) or scores.
    """

    statistics: Floats | None = None

    def __init__(
        self, problem: DetectionProblem, settings: PsdsSettings = PSDS1, thresholds: Floats | None = None
    ) -> None:
        if problem.covered_s is None:
            raise DataError(
                "rates per hour need to know what was listened to", where="PSDS", mend="Give coverage, or leave it out."
            )
        refuse_unscored(problem)
        self.settings = settings
        self._hours = per_unit(problem, problem.covered_s / 3600)  # (units, labels)
        self._seconds = _reference_seconds(problem)
        made = _classes(problem, settings)
        held = [len(each.critical) > 0 for each in made]
        self.left_out = tuple(number for number, any_held in enumerate(held) if not any_held)
        self._kept = [number for number, any_held in enumerate(held) if any_held]
        self._classes = [made[number] for number in self._kept]
        scores = np.concatenate(
            [np.concatenate([each.critical, each.score]) for each in self._classes] or [np.zeros(0)]
        )
        every = np.unique(scores[np.isfinite(scores)])[::-1] if thresholds is None else np.sort(thresholds)[::-1]
        self._thresholds = every
        self._few = every
        if len(every) > POINTS:
            self._few = every[np.linspace(0, len(every) - 1, POINTS).round().astype(np.int64)]
        self._tables = [_tables(each, self._few, len(self._hours), settings.alpha_ct > 0) for each in self._classes]

    def __call__(self, weights: Floats) -> Floats:
        if not self._classes:
            return np.full(len(weights), np.nan)
        if len(weights) == 1:
            return np.array([self._exact(weights[0])])
        return np.array([self._area(self._tables, row) for row in weights])

    def _exact(self, weight: Floats) -> float:
        """At every threshold: units are weighed before they are counted, so that no table of thresholds is held."""
        made = [_tables(each, self._thresholds, 1, self.settings.alpha_ct > 0, weight) for each in self._classes]
        return self._area(made, np.ones(1), weight)

    def _area(self, tables: list[_Tables], weight: Floats, units: Floats | None = None) -> float:
        """Area for one row of multiplicities; `units` = those of the units where the tables hold their sum alone."""
        own = weight if units is None else units
        seconds = own @ self._seconds
        curves = []
        for number, table in zip(self._kept, tables, strict=True):
            references, hours = float(table.references @ weight), float(own @ self._hours[:, number])
            if not references or not hours:
                continue  # a class that dropped out of the resample says nothing there
            rate = table.false @ weight / hours
            others = [other for other in range(len(seconds)) if other != number and seconds[other] > 0]
            if others and len(table.crossed):
                crossed = np.stack([table.crossed[other] @ weight / seconds[other] for other in others])
                rate = rate + self.settings.alpha_ct * 3600 * crossed.mean(axis=0)
            curves.append((rate, table.found @ weight / references))
        return psd_area(curves, self.settings) if curves else float("nan")


class _Tables(NamedTuple):
    """One class over K descending thresholds: found and false (K, units), references (units,), crossed
    (classes, K, units) or empty."""

    found: Floats
    references: Floats
    false: Floats
    crossed: Floats


def _tables(each: _Class, points: Floats, units: int, crossing: bool, weight: Floats | None = None) -> _Tables:
    """Counts at each threshold and unit; with `weight` (units,) the weighed sum over units as the only one."""

    def counted(scores: Floats, unit: Integers) -> Floats:
        step = len(points) - np.searchsorted(points[::-1], scores, side="right")
        kept = step < len(points)
        cell = step[kept] if weight is not None else step[kept] * units + unit[kept]
        weights = None if weight is None else weight[unit[kept]]
        counts = np.bincount(cell, weights=weights, minlength=len(points) * units)
        return np.cumsum(counts.reshape(len(points), units), axis=0).astype(np.float64)

    owners = np.bincount(each.owner, minlength=units if weight is None else len(weight)).astype(np.float64)
    references = owners if weight is None else np.array([owners @ weight])
    crossed = [counted(each.score[chosen], each.unit[chosen]) for chosen in each.crossed.T] if crossing else []
    table = np.stack(crossed) if crossed else np.zeros((0, len(points), units))
    return _Tables(counted(each.critical, each.owner), references, counted(each.score, each.unit), table)


def psd_area(curves: list[tuple[Floats, Floats]], settings: PsdsSettings) -> float:
    """Area under the mean of the classes' staircases, less alpha_st standard deviations, up to max_per_hour, over it.

    curves : per class the effective false positive rates per hour (K,) and the shares found (K,), in any order.
    """
    limit = settings.max_per_hour
    edges = np.unique(np.concatenate([[0.0, limit], *[rate for rate, _ in curves]]))
    edges = edges[edges <= limit]
    heights = []
    for rate, share in curves:
        order = np.argsort(rate, kind="stable")
        best = np.maximum.accumulate(np.r_[0.0, share[order]])
        heights.append(best[np.searchsorted(rate[order], edges, side="right")])
    table = np.stack(heights)
    mean = np.maximum(table.mean(axis=0) - settings.alpha_st * table.std(axis=0), 0.0)
    return float((np.diff(edges) * mean[:-1]).sum() / limit)


def _reference_seconds(problem: DetectionProblem) -> Floats:
    """Summed durations of references per unit and class, (units, labels)."""
    truth = problem.references
    chosen = (truth.label != UNKNOWN) & truth.covered
    total = np.zeros((problem.units, len(problem.labels)))
    length = truth.boxes[chosen, 1] - truth.boxes[chosen, 0]
    np.add.at(total, (problem.unit_of(truth)[chosen], truth.label[chosen]), length)
    return total


def _classes(problem: DetectionProblem, settings: PsdsSettings) -> list[_Class]:
    truth, said = problem.references, problem.predictions
    unit, owner = problem.unit_of(said), problem.unit_of(truth)
    counted = (truth.label != UNKNOWN) & truth.covered
    excused = _share_on(said, truth.take(~counted)) >= settings.dtc
    judged = said.covered & ~excused
    made = []
    for number in range(len(problem.labels)):
        theirs = np.flatnonzero((said.label == number) & (said.boxes[:, 1] > said.boxes[:, 0]))
        ours = np.flatnonzero(counted & (truth.label == number) & (truth.boxes[:, 1] > truth.boxes[:, 0]))
        mine = said.take(theirs)
        relevant = _share_on(mine, truth.take(ours)) >= settings.dtc
        critical = _critical(truth.take(ours), mine.take(relevant), settings.gtc)
        false = ~relevant & judged[theirs]
        crossed = np.zeros((int(false.sum()), len(problem.labels)), dtype=bool)
        if settings.cttc is not None and settings.alpha_ct:
            for other in range(len(problem.labels)):
                if other != number:
                    rest = truth.take(counted & (truth.label == other))
                    crossed[:, other] = _share_on(mine.take(false), rest) >= settings.cttc
        made.append(_Class(critical, owner[ours], mine.score[false], unit[theirs][false], crossed))
    return made


def _share_on(side: Boxes, onto: Boxes) -> Floats:
    """Share of each event's time that lies on the union of other events of its place, (n,)."""
    share = np.zeros(len(side))
    if not len(side) or not len(onto):
        return share
    base = common_axis(side.boxes, onto.boxes, side.place, onto.place)
    if base is None:
        return share
    start, end = _union(onto.boxes[:, :2] + base[onto.place][:, None])
    length = np.r_[0.0, np.cumsum(end - start)]
    begin, stop = (side.boxes[:, column] + base[side.place] for column in (0, 1))

    def before(times: Floats) -> Floats:
        """Length of the union before each time."""
        at = np.searchsorted(start, times, side="right")
        inside = np.clip(end[at - 1] - times, 0.0, None)
        return np.asarray(np.where(at > 0, length[at] - inside, 0.0))

    width = stop - begin
    # 1e-9: where times were shifted onto the common axis, a share that is 0.7 must stay 0.7
    share = np.divide(before(stop) - before(begin), width, out=share, where=width > 0)
    return np.asarray(share + 1e-9)


def _union(boxes: Floats) -> tuple[Floats, Floats]:
    """Starts and ends of the union of intervals, sorted and apart."""
    boxes = boxes[np.argsort(boxes[:, 0], kind="stable")]
    ends = np.maximum.accumulate(boxes[:, 1])
    fresh = np.flatnonzero(np.r_[True, boxes[1:, 0] > ends[:-1]])
    return boxes[fresh, 0], ends[np.r_[fresh[1:] - 1, len(boxes) - 1]]


def _critical(truth: Boxes, said: Boxes, gtc: float) -> Floats:
    """The highest threshold at which detections scored at least it cover `gtc` of each reference; -inf for never."""
    critical = np.full(len(truth), -np.inf)
    for row, parts, scores in _touching(truth, said):
        begin, end = truth.boxes[row, :2]
        needed = gtc * (end - begin) * (1 - 1e-9)
        order = np.argsort(-scores, kind="stable")
        parts = np.clip(parts[order], begin, end)
        alone = parts[:, 1] - parts[:, 0]
        # where the best detection is enough by itself, or all together are not, nothing need be united
        if alone[0] >= needed:
            critical[row] = scores[order[0]]
        elif alone.sum() >= needed:
            for count in range(2, len(order) + 1):
                start, stop = _union(parts[:count])
                if (stop - start).sum() >= needed:
                    critical[row] = scores[order[count - 1]]
                    break
    return critical


def _touching(truth: Boxes, said: Boxes) -> Iterator[tuple[int, Floats, Floats]]:
    """Each reference that some detection of its place touches: its row, their boxes (k, 2) and scores (k,)."""
    pairs = overlapping_pairs(
        truth.boxes[:, :2],
        said.boxes[:, :2],
        minimum_iou=0.0,
        reference_group=truth.place,
        prediction_group=said.place,
    )
    order = np.lexsort((pairs.prediction, pairs.reference))
    pairs = pairs.take(order)
    for rows in np.split(np.arange(len(order)), np.flatnonzero(np.diff(pairs.reference)) + 1):
        if len(rows):
            chosen = pairs.prediction[rows]
            yield int(pairs.reference[rows[0]]), said.boxes[chosen, :2], said.score[chosen]
