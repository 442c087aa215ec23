"""Slow twin of the DCASE few-shot measure: one recording at a time, in the order of its rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.reference.box_matching import TIE, greedy, iou, pairs
from tests.reference.detection_metrics import Event


def matched(ours: Sequence[Event], theirs: Sequence[Event], minimum_iou: float) -> set[int]:
    """Predictions in one of the largest matchings: augmenting paths, one reference after another."""
    holder: dict[int, int] = {}

    def place(r: int, seen: set[int]) -> bool:
        for p, event in enumerate(theirs):
            if p not in seen and iou(ours[r].box, event.box) > minimum_iou + TIE:
                seen.add(p)
                if p not in holder or place(holder[p], seen):
                    holder[p] = r
                    return True
        return False

    for r in range(len(ours)):
        place(r, set())
    return set(holder)


def recording_counts(
    target: Sequence[Event], unknown: Sequence[Event], said: Sequence[Event], shots: int, minimum_iou: float
) -> tuple[int, int, int]:
    """(true, false, missed) of one recording."""
    if not said:
        return 0, 0, len(target)
    ordered = sorted(target, key=lambda event: event.onset_s)
    end = ordered[min(shots, len(ordered)) - 1].offset_s if ordered else float("-inf")
    ours = [event for event in ordered if event.offset_s > end]
    excusing = [event for event in unknown if event.offset_s > end]
    hits = matched(ours, said, minimum_iou)
    left = [event for p, event in enumerate(said) if p not in hits]
    excused = matched(excusing, left, minimum_iou)
    return len(hits), len(left) - len(excused), len(ours) - len(hits)


def overall(counts: Mapping[str, tuple[int, int, int]], subsets: Mapping[str, str]) -> tuple[float, float, float]:
    """Harmonic means over subsets of precision, recall and F1, none below 1e-5."""
    means = []
    for share in range(3):
        values = []
        for subset in sorted(set(subsets.values())):
            true, false, missed = (
                sum(counts[name][k] for name in subsets if subsets[name] == subset) for k in range(3)
            )
            below = (true + false, true + missed, true + 0.5 * (false + missed))[share]
            values.append(max(true / below if below else 0.0, 1e-5))
        means.append(len(values) / sum(1 / value for value in values))
    return means[0], means[1], means[2]


def ranking(
    target: Sequence[Event], unknown: Sequence[Event], said: Sequence[Event], shots: int, minimum_iou: float
) -> tuple[list[tuple[float, bool]], int]:
    """(score, whether it finds an event) of the candidates of one recording that stay, and how many events there are.

    One candidate after another in descending score takes the free event of the target of highest IoU; then those left
    over take unknown events in the same way, and leave.
    """
    ordered = sorted(target, key=lambda event: event.onset_s)
    end = ordered[min(shots, len(ordered)) - 1].offset_s if ordered and shots else float("-inf")
    ours = [event for event in ordered if event.offset_s > end or not said]
    excusing = [event for event in unknown if event.offset_s > end]
    scores = [event.score for event in said]
    hits = {p for _, p in greedy(pairs([e.box for e in ours], [e.box for e in said], minimum_iou), scores)}
    left = [p for p in range(len(said)) if p not in hits]
    edges = pairs([e.box for e in excusing], [said[p].box for p in left], minimum_iou)
    excused = {left[p] for _, p in greedy(edges, [scores[p] for p in left])}
    return [(scores[p], p in hits) for p in range(len(said)) if p not in excused], len(ours)


def average_precision(ranked: Sequence[tuple[float, bool]], events: int) -> float:
    """Area under the highest precision at each recall or beyond, one point for each distinct score."""
    points = []
    for threshold in sorted({score for score, _ in ranked}, reverse=True):
        right = [hit for score, hit in ranked if score >= threshold]
        points.append((sum(right) / events, sum(right) / len(right)))
    area, before = 0.0, 0.0
    for number, (recall, _) in enumerate(points):
        area += (recall - before) * max(precision for _, precision in points[number:])
        before = recall
    return area


def mean_average_precision(
    rankings: Mapping[str, tuple[Sequence[tuple[float, bool]], int]], subsets: Mapping[str, str]
) -> float | None:
    """The recordings of a subset in one ranking; mean over the subsets that have events."""
    values = []
    for subset in sorted(set(subsets.values())):
        own = [rankings[name] for name in rankings if subsets[name] == subset]
        if events := sum(count for _, count in own):
            values.append(average_precision([row for ranked, _ in own for row in ranked], events))
    return sum(values) / len(values) if values else None
