"""How strongly a label goes with facts that should not matter: codec, rate, recorder, level, hour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

PERMUTATIONS = 999
Codes = NDArray[np.int64]


@dataclass(frozen=True)
class Fact:
    """One property per unit: `values` are category codes (`numeric` False) or numbers; -1 or NaN = unknown."""

    name: str
    values: NDArray[np.float64]
    numeric: bool


@dataclass(frozen=True)
class Association:
    """Strength 0-1 and p of one label against one fact; `units` is how many units had both.

    Strength: bias-corrected Cramér's V for categories (Bergsma 2013), for numbers the root of epsilon² of ranks,
    both 0 on average where there is no association and 1 where the fact tells the label, or the label the ranks.
    """

    label: str
    fact: str
    strength: float
    p: float
    units: int


def codes(values: Sequence[str | None]) -> Codes:
    """Categories numbered in sorted order, None as -1; shape (n,)."""
    names = {name: number for number, name in enumerate(sorted({value for value in values if value is not None}))}
    return np.array([-1 if value is None else names[value] for value in values], dtype=np.int64)


def strength(labels: Codes, fact: Fact) -> float:
    """Strength of association of label codes with a fact over the units that have both; 0 where nothing varies."""
    return _strength(labels, _prepared(fact))


@dataclass(frozen=True)
class _Prepared:
    """A fact made ready for many permutations: which units have it, and their category codes or ranks."""

    known: NDArray[np.bool_]
    values: NDArray[np.float64]
    numeric: bool


def _prepared(fact: Fact) -> _Prepared:
    known = np.isfinite(fact.values) if fact.numeric else fact.values >= 0
    values = rankdata(fact.values[known]) if fact.numeric else fact.values[known]
    return _Prepared(known, np.asarray(values, dtype=np.float64), fact.numeric)


def _strength(labels: Codes, fact: _Prepared) -> float:
    chosen = labels[fact.known]
    both = chosen >= 0
    chosen, values = chosen[both], fact.values[both]
    if len(chosen) < 3:
        return 0.0
    return _epsilon(chosen, values) if fact.numeric else _cramer(chosen, values.astype(np.int64))


def _cramer(rows: Codes, columns: Codes) -> float:
    count, width = len(rows), int(columns.max()) + 1
    table = np.bincount(rows * width + columns, minlength=(int(rows.max()) + 1) * width).reshape(-1, width)
    table = table[table.any(axis=1)][:, table.any(axis=0)]
    height, width = table.shape
    if height < 2 or width < 2:
        return 0.0
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0, keepdims=True) / count
    phi2 = float(((table - expected) ** 2 / expected).sum()) / count
    corrected = max(0.0, phi2 - (height - 1) * (width - 1) / (count - 1))
    tall = height - (height - 1) ** 2 / (count - 1)
    wide = width - (width - 1) ** 2 / (count - 1)
    least = min(tall, wide) - 1
    return min(1.0, float(np.sqrt(corrected / least))) if least > 1e-9 else 0.0


def _epsilon(groups: Codes, ranks: NDArray[np.float64]) -> float:
    sizes = np.bincount(groups)
    count, classes = len(ranks), int(np.count_nonzero(sizes))
    centered = ranks - ranks.mean()
    total = float(centered @ centered)
    if classes < 2 or count <= classes or total <= 0:
        return 0.0
    sums = np.bincount(groups, centered)
    eta2 = float((sums**2 / np.maximum(sizes, 1)).sum()) / total
    return float(np.sqrt(max(0.0, 1 - (1 - eta2) * (count - 1) / (count - classes))))


def associations(
    labels: dict[str, Codes], facts: Sequence[Fact], *, permutations: int = PERMUTATIONS, seed: int = 0
) -> list[Association]:
    """Every label against every fact, p-values corrected for all of them together.

    Units (rows) are what may be exchanged. All labels are permuted together, and each strength is compared with the
    greatest strength that any pair reached in each permutation (Westfall & Young 1993): the chance of one false
    finding among all is at most p, however the facts hang together.
    """
    pairs = [(name, fact) for name in labels for fact in facts]
    if not pairs:
        return []
    prepared = {fact.name: _prepared(fact) for fact in facts}
    observed = [_strength(labels[name], prepared[fact.name]) for name, fact in pairs]
    rng = np.random.default_rng(seed)
    units = len(next(iter(labels.values())))
    beaten = np.zeros(len(pairs), dtype=np.int64)
    for _ in range(permutations):
        order = rng.permutation(units)
        shuffled = {name: values[order] for name, values in labels.items()}
        greatest = max(_strength(shuffled[name], prepared[fact.name]) for name, fact in pairs)
        beaten += greatest >= np.array(observed) - 1e-12
    return [
        Association(name, fact.name, value, float((1 + times) / (1 + permutations)), _known(labels[name], fact))
        for (name, fact), value, times in zip(pairs, observed, beaten, strict=True)
    ]


def _known(labels: Codes, fact: Fact) -> int:
    return int(((labels >= 0) & (np.isfinite(fact.values) if fact.numeric else fact.values >= 0)).sum())


def collapse(groups: Sequence[str | None], labels: Codes, fact: Fact) -> tuple[Codes, Fact]:
    """Labels and fact per group, for labels that are constant in each: mean of numbers, most frequent category.

    A unit without a group stands for itself.
    """
    keys = [f"g{key}" if key is not None else f"u{row}" for row, key in enumerate(groups)]
    group = codes(keys)
    count = int(group.max()) + 1
    first = np.full(count, -1, dtype=np.int64)
    for row in range(len(keys) - 1, -1, -1):
        if labels[row] >= 0:
            first[group[row]] = labels[row]
    if fact.numeric:
        known = np.isfinite(fact.values)
        sums = np.bincount(group[known], fact.values[known], minlength=count)
        sizes = np.bincount(group[known], minlength=count)
        with np.errstate(invalid="ignore"):
            return first, Fact(fact.name, np.where(sizes > 0, sums / np.maximum(sizes, 1), np.nan), True)
    known = fact.values >= 0
    width = int(fact.values.max(initial=0)) + 1
    table = np.zeros((count, width))
    np.add.at(table, (group[known], fact.values[known].astype(np.int64)), 1)
    return first, Fact(fact.name, np.where(table.sum(axis=1) > 0, table.argmax(axis=1), -1).astype(float), False)
