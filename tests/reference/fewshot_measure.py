"""Slow twin of the DCASE few-shot measure: one recording at a time, in the order of its rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.reference.box_matching import TIE, iou
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
