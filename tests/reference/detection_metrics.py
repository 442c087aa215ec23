"""Slow twins of the detection metrics: one event at a time, every definition written out, in plain float64.

An event is (recording, onset_s, offset_s, label, score). Everything is listened to; labels of None are unknown.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from tests.reference.box_matching import TIE, best_matching, greedy, iou


class Event(NamedTuple):
    recording: str
    onset_s: float
    offset_s: float
    label: str | None
    score: float = math.nan

    @property
    def box(self) -> tuple[float, float]:
        return self.onset_s, self.offset_s


def pairs(
    references: Sequence[Event], predictions: Sequence[Event], minimum_iou: float, same_label: bool = True
) -> dict[tuple[int, int], float]:
    """{(reference, prediction): IoU} above the threshold in one recording (and of one label)."""
    return {
        (r, p): iou(one.box, two.box)
        for r, one in enumerate(references)
        for p, two in enumerate(predictions)
        if one.recording == two.recording
        and (not same_label or one.label == two.label)
        and iou(one.box, two.box) > minimum_iou + TIE
    }


def f1(true: float, false: float, missed: float) -> float:
    """F1 of counts; NaN without a reference."""
    return 2 * true / (2 * true + false + missed) if true + missed else math.nan


def counts(references: Sequence[Event], predictions: Sequence[Event], minimum_iou: float) -> tuple[int, int, int]:
    """(true, false, missed) where no reference is unknown."""
    true = best_matching(pairs(references, predictions, minimum_iou))[0]
    return true, len(predictions) - true, len(references) - true


def macro_f1(references: Sequence[Event], predictions: Sequence[Event], minimum_iou: float) -> float:
    """Mean over the labels of the references."""
    values = []
    for label in sorted({event.label for event in references if event.label}):
        mine = [[event for event in side if event.label == label] for side in (references, predictions)]
        values.append(f1(*counts(*mine, minimum_iou)))
    return sum(values) / len(values) if values else math.nan


def average_precision(
    references: Sequence[Event], predictions: Sequence[Event], minimum_iou: float, label: str
) -> float:
    """AP of one label: at every distinct score match anew the predictions scored at least it, then the envelope."""
    ours = [event for event in references if event.label == label]
    theirs = [event for event in predictions if event.label == label]
    if not ours:
        return math.nan
    points = []
    for threshold in sorted({event.score for event in theirs}, reverse=True):
        kept = [event for event in theirs if event.score >= threshold]
        hits = len(greedy(pairs(ours, kept, minimum_iou), [event.score for event in kept]))
        points.append((hits / len(ours), hits / len(kept)))
    area, before = 0.0, 0.0
    for number, (recall, _) in enumerate(points):
        area += (recall - before) * max(precision for _, precision in points[number:])
        before = recall
    return area


def collar(
    references: Sequence[Event], predictions: Sequence[Event], collar_s: float, share: float
) -> tuple[int, int, int]:
    """(true, false, missed)."""
    near = {
        (r, p): 1.0
        for r, one in enumerate(references)
        for p, two in enumerate(predictions)
        if (one.recording, one.label) == (two.recording, two.label)
        and abs(one.onset_s - two.onset_s) <= collar_s + TIE
        and abs(one.offset_s - two.offset_s) <= max(collar_s, share * (one.offset_s - one.onset_s)) + TIE
    }
    true = best_matching(near)[0]
    return true, len(predictions) - true, len(references) - true


def segments(references: Sequence[Event], predictions: Sequence[Event], length_s: float) -> tuple[int, int, int, int]:
    """(true, false, missed, substituted) segments."""

    def active(side: Sequence[Event]) -> set[tuple[str, int, str | None]]:
        return {
            (event.recording, number, event.label)
            for event in side
            for number in range(math.floor(event.onset_s / length_s), math.ceil(event.offset_s / length_s))
        }

    ours, theirs = active(references), active(predictions)
    swapped = 0
    for place in {cell[:2] for cell in ours | theirs}:
        missed = sum(cell[:2] == place for cell in ours - theirs)
        false = sum(cell[:2] == place for cell in theirs - ours)
        swapped += min(missed, false)
    return len(ours & theirs), len(theirs - ours), len(ours - theirs), swapped


def _cover(span: tuple[float, float], onto: Sequence[tuple[float, float]]) -> float:
    """Length of `span` on the union of intervals, by cutting it at every bound."""
    cuts = sorted({span[0], span[1], *(min(max(edge, span[0]), span[1]) for pair in onto for edge in pair)})
    return sum(high - low for low, high in pairwise(cuts) if any(one <= low and high <= two for one, two in onto))


def psds(
    references: Sequence[Event],
    predictions: Sequence[Event],
    hours: float,
    *,
    dtc: float,
    gtc: float,
    cttc: float | None,
    alpha_ct: float,
    alpha_st: float,
    max_per_hour: float = 100.0,
) -> float:
    """PSDS over every distinct score, each threshold judged from nothing."""
    labels = sorted({str(event.label) for event in references})
    every = sorted(set(labels) | {str(event.label) for event in predictions})
    points: dict[str, list[tuple[float, float]]] = {label: [(0.0, 0.0)] for label in labels}
    seconds = {k: sum(e.offset_s - e.onset_s for e in references if e.label == k) for k in every}
    for threshold in sorted({event.score for event in predictions}):
        kept = [event for event in predictions if event.score >= threshold]
        for label in labels:
            mine = [event for event in kept if event.label == label]

            def share(event: Event, other: str) -> float:
                onto = [r.box for r in references if r.label == other and r.recording == event.recording]
                return _cover(event.box, onto) / (event.offset_s - event.onset_s) + 1e-9

            relevant = [event for event in mine if share(event, label) >= dtc]
            false = [event for event in mine if share(event, label) < dtc]
            ours = [event for event in references if event.label == label]
            found = sum(
                _cover(r.box, [e.box for e in relevant if e.recording == r.recording])
                >= gtc * (r.offset_s - r.onset_s) * (1 - 1e-9)
                for r in ours
            )
            rate = len(false) / hours
            others = [other for other in every if other != label and seconds[other] > 0]
            if cttc is not None and others:
                crossed = [sum(share(e, other) >= cttc for e in false) * 3600 / seconds[other] for other in others]
                rate += alpha_ct * sum(crossed) / len(crossed)
            points[label].append((rate, found / len(ours)))
    edges = sorted({0.0, max_per_hour} | {x for curve in points.values() for x, _ in curve if x <= max_per_hour})
    area = 0.0
    for low, high in pairwise(edges):
        heights = [max(y for x, y in curve if x <= low) for curve in points.values()]
        mean = sum(heights) / len(heights)
        spread = math.sqrt(sum((height - mean) ** 2 for height in heights) / len(heights))
        area += (high - low) * max(mean - alpha_st * spread, 0.0)
    return area / max_per_hour
