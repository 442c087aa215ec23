"""Events and boxes for property tests."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from tymbal.detection import Boxes


@st.composite
def boxes(draw: st.DrawFn, *, most: int = 12, end_s: float = 4.0, labels: int = 2) -> Boxes:
    """Up to `most` boxes within [0, end_s], some sharing their edges or lying in one another."""
    count = draw(st.integers(0, most))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    onset = random.uniform(0, end_s * 0.8, count)
    duration = random.choice([0.03, 0.1, 0.4, end_s * 0.2], count) * random.uniform(0.7, 1.0, count)
    shared = random.random(count) < 0.2
    onset[shared] = onset[:1].repeat(shared.sum())
    label = random.integers(0, labels, count)
    return Boxes.make(onset, onset + duration, score=random.uniform(0.1, 1, count), label=label)


def intervals(found: Boxes) -> list[tuple[float, float]]:
    """Onset and offset of each box."""
    return list(zip(found.onset_s.tolist(), found.offset_s.tolist(), strict=True))


def rounded(found: Boxes) -> list[tuple[float, float, int]]:
    """Onset, offset and label of each box to a nanosecond, in order: boxes that share an edge have no other one."""
    return sorted(
        (round(on, 9), round(off, 9), int(label))
        for (on, off), label in zip(intervals(found), found.label, strict=True)
    )
