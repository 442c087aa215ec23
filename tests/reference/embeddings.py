"""Slow twins of retrieval and clustering scores: every pair by itself, in plain Python."""

from __future__ import annotations

import math
from collections.abc import Sequence


def cosine(a: Sequence[float], b: Sequence[float]) -> float:
    """Cosine of two vectors; 0 where one is zero."""
    first, second = math.sqrt(sum(x * x for x in a)), math.sqrt(sum(x * x for x in b))
    return sum(x * y for x, y in zip(a, b, strict=True)) / (max(first, 1e-12) * max(second, 1e-12))


def query_auc(similarity: Sequence[float], positive: Sequence[bool]) -> float:
    """Share of (positive, negative) pairs in the right order, ties half; NaN without a pair."""
    right = pairs = 0.0
    for s, p in zip(similarity, positive, strict=True):
        for t, q in zip(similarity, positive, strict=True):
            if p and not q:
                pairs += 1
                right += 1.0 if s > t else 0.5 if s == t else 0.0
    return right / pairs if pairs else math.nan


def query_first(similarity: Sequence[float], positive: Sequence[bool]) -> float:
    """Share of the nearest that are positive; NaN without any positive."""
    if not any(positive):
        return math.nan
    best = [p for s, p in zip(similarity, positive, strict=True) if s == max(similarity)]
    return sum(best) / len(best)


def nmi(a: Sequence[int], b: Sequence[int], weights: Sequence[float]) -> float:
    """Mutual information over the mean entropy, from weighted counts."""
    total = sum(weights)

    def shares(keys: list[object]) -> dict[object, float]:
        found: dict[object, float] = {}
        for key, weight in zip(keys, weights, strict=True):
            found[key] = found.get(key, 0.0) + weight / total
        return {key: share for key, share in found.items() if share > 0}

    first, second, both = shares(list(a)), shares(list(b)), shares(list(zip(a, b, strict=True)))
    information = sum(share * math.log(share / (first[x] * second[y])) for (x, y), share in both.items())
    entropy = -sum(s * math.log(s) for s in first.values()) - sum(s * math.log(s) for s in second.values())
    return max(information, 0.0) / (entropy / 2) if entropy > 0 else 1.0


def ari(a: Sequence[int], b: Sequence[int], weights: Sequence[float]) -> float:
    """Adjusted Rand index over all pairs of the examples, each repeated as often as its weight says."""
    rows = [pair for pair, weight in zip(zip(a, b, strict=True), weights, strict=True) for _ in range(round(weight))]
    same = first = second = pairs = 0
    for i in range(len(rows)):
        for j in range(i):
            x, y = rows[i][0] == rows[j][0], rows[i][1] == rows[j][1]
            same, first, second, pairs = same + (x and y), first + x, second + y, pairs + 1
    if not pairs:
        return 1.0
    chance = first * second / pairs
    most = (first + second) / 2
    return (same - chance) / (most - chance) if most != chance else 1.0
