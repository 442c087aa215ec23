"""Slow twins of box matching: every pair tested, every matching tried, in plain float64 loops."""

from __future__ import annotations

from collections.abc import Sequence

Box = Sequence[float]
TIE = 1e-9


def iou(one: Box, two: Box) -> float:
    """Shared length (area) over the length (area) of the union of two boxes; 0 where both are empty."""
    shared, first, second = 1.0, 1.0, 1.0
    for low in range(0, len(one), 2):
        shared *= max(min(one[low + 1], two[low + 1]) - max(one[low], two[low]), 0.0)
        first *= one[low + 1] - one[low]
        second *= two[low + 1] - two[low]
    union = first + second - shared
    return shared / union if union > 0 else 0.0


def pairs(
    references: Sequence[Box],
    predictions: Sequence[Box],
    minimum_iou: float,
    groups: tuple[Sequence[int], Sequence[int]] | None = None,
) -> dict[tuple[int, int], float]:
    """{(reference, prediction): IoU} of all pairs above the threshold and within one group."""
    found = {}
    for r, one in enumerate(references):
        for p, two in enumerate(predictions):
            if groups is not None and groups[0][r] != groups[1][p]:
                continue
            value = iou(one, two)
            if value > minimum_iou + TIE:
                found[r, p] = value
    return found


def best_matching(edges: dict[tuple[int, int], float]) -> tuple[int, float]:
    """(pairs, summed IoU) of the best of all matchings: first the most pairs, then the largest sum."""
    if not edges:
        return 0, 0.0
    (r, p), value = next(iter(edges.items()))
    without = best_matching({edge: v for edge, v in edges.items() if edge != (r, p)})
    rest = best_matching({edge: v for edge, v in edges.items() if edge[0] != r and edge[1] != p})
    return max(without, (rest[0] + 1, rest[1] + value))


def greedy(edges: dict[tuple[int, int], float], scores: Sequence[float]) -> set[tuple[int, int]]:
    """COCO's matching: predictions in descending score (then row) take the free reference of highest IoU (then row)."""
    taken: set[tuple[int, int]] = set()
    used: set[int] = set()
    for p in sorted(range(len(scores)), key=lambda row: (-scores[row], row)):
        free = [(-value, r) for (r, q), value in edges.items() if q == p and r not in used]
        if free:
            r = min(free)[1]
            used.add(r)
            taken.add((r, p))
    return taken
