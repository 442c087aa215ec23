"""Slow twins of the diagnostics: one example after the other, plain float64, every definition written out."""

from __future__ import annotations

import math
from collections.abc import Sequence


def code_length(scores: Sequence[Sequence[float]], truth: Sequence[int], counts: Sequence[int]) -> list[float]:
    """Bits of each example of a block: one probability per example, from what was coded before it."""
    labels, total = range(len(counts)), sum(counts)
    old = [label for label in labels if counts[label]]
    new = [label for label in labels if not counts[label]]
    times = dict.fromkeys(new, 0)
    spent = []
    for position, (row, label) in enumerate(zip(scores, truth, strict=True)):
        coded_new = sum(times.values())
        p_new = (coded_new + 0.5) / (position + 1) if new else 0.0
        p = {}
        for each in new:
            p[each] = p_new * (times[each] + 0.5) / (coded_new + len(new) / 2)
        whole = sum(row[each] for each in old)
        for each in old:
            by_probe = row[each] / whole if whole else 0.0
            p[each] = (1 - p_new) * (total / (total + 1) * by_probe + 1 / (total + 1) / len(old))
        assert math.isclose(sum(p.values()), 1.0), "not a code"
        spent.append(-math.log2(p[label]))
        if label in times:
            times[label] += 1
    return spent


def error(truth: Sequence[int], said: Sequence[int]) -> float:
    """Share of wrong labels."""
    return sum(t != s for t, s in zip(truth, said, strict=True)) / len(truth)


def risk(
    fitted: tuple[Sequence[int], Sequence[int]],
    held: tuple[Sequence[int], Sequence[int]],
    tested: tuple[Sequence[int], Sequence[int]],
) -> dict[str, float]:
    """The terms of Dubois et al. 2023 from (truth, said) of training, held-out and test examples."""
    trained, out, test = error(*fitted), error(*held), error(*tested)
    return {"test_error": test, "underfit": trained, "probe_gap": out - trained, "encoder_gap": test - out}


def shared(
    features: Sequence[Sequence[float]],
    labels: Sequence[int],
    groups: Sequence[str],
    blocks: Sequence[str],
    neighbours: int,
) -> tuple[list[float], list[float]]:
    """Per example the share of its nearest neighbours of its label with its group, and that of all; both from other
    blocks, features taken as they are."""
    observed, expected = [], []
    for row in range(len(labels)):
        others = [o for o in range(len(labels)) if labels[o] == labels[row] and blocks[o] != blocks[row]]
        others.sort(key=lambda o: sum((a - b) ** 2 for a, b in zip(features[row], features[o], strict=True)))
        same = [groups[o] == groups[row] for o in others]
        near = same[:neighbours]
        observed.append(sum(near) / len(near) if near else 0.0)
        expected.append(sum(same) / len(same) if same else 0.0)
    return observed, expected


def order_excess(
    features: Sequence[Sequence[float]],
    labels: Sequence[int],
    blocks: Sequence[str],
    places: Sequence[int],
    neighbours: int,
) -> float:
    """Largest excess of P(neighbours at most d apart) over P(pairs at most d apart), pairs of one label and two blocks.

    A row's pairs together weigh as much as its neighbours.
    """
    near: list[int] = []
    pairs: list[tuple[int, float]] = []
    for row in range(len(labels)):
        others = [o for o in range(len(labels)) if labels[o] == labels[row] and blocks[o] != blocks[row]]
        others.sort(key=lambda o: sum((a - b) ** 2 for a, b in zip(features[row], features[o], strict=True)))
        chosen = others[:neighbours]
        near += [abs(places[o] - places[row]) for o in chosen]
        pairs += [(abs(places[o] - places[row]), len(chosen) / len(others)) for o in others]
    total = sum(weight for _, weight in pairs)
    return max(
        sum(d <= far for d in near) / len(near) - sum(weight for d, weight in pairs if d <= far) / total
        for far in range(max(places) + 1)
    )
