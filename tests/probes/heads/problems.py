"""Classification problems made of noise and known classes, for tests of the heads that are solved."""

from __future__ import annotations

import numpy as np

from tymbal.probes.heads.base import Problem


def make_problem(
    seed: int = 0,
    *,
    n: int = 60,
    p: int = 8,
    classes: int = 3,
    groups: int = 15,
    strength: float = 1.0,
    weighted: bool = False,
    multilabel: bool = False,
    balanced: bool = False,
) -> Problem:
    """Examples whose means depend on the class, or on every label they carry; groups drawn at random."""
    rng = np.random.default_rng(seed)
    centers = strength * rng.normal(size=(classes, p))
    targets = np.eye(classes)[np.arange(n) % classes]
    if multilabel:
        targets = (rng.random((n, classes)) < 0.35).astype(float)
    values = rng.normal(size=(n, p)) + targets @ centers
    weights = rng.uniform(0.3, 2.0, n) if weighted else np.ones(n)
    names = np.array([f"g{number}" for number in rng.integers(0, groups, n)])
    return Problem(values, targets, weights / weights.mean(), names, multilabel, balanced, 0)
