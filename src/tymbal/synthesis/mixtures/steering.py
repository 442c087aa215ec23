"""Where recordings begin, so that a set number of their events overlap."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from tymbal.synthesis.truth import count_overlaps

Spans = NDArray[np.int64]  # (events, 2): onset and offset in samples
Counts = Callable[[NDArray[np.int64]], NDArray[np.int64]]
STARTS = 4  # beginnings tried, each improved until a round betters nothing
ROUNDS = 12
GUARD_S = 0.02  # gaps shorter than this are avoided where the count allows it
STEP_S = 0.01


def pairs_at(first: Spans, second: Spans) -> Counts:
    """The number of pairs that overlap when `second` begins so many samples after `first`; n log n for n pairs."""
    low = np.sort((first[:, None, 0] - second[None, :, 1]).ravel())
    high = np.sort((first[:, None, 1] - second[None, :, 0]).ravel())

    def count(delay: NDArray[np.int64]) -> NDArray[np.int64]:
        begun, over = np.searchsorted(low, delay, side="left"), np.searchsorted(high, delay, side="right")
        return np.asarray(begun - over, dtype=np.int64)

    return count


def steer(
    spans: Sequence[Spans], lengths: Sequence[int], ratio: float, rate_hz: int, rng: Generator
) -> NDArray[np.int64]:
    """Begin of each recording in samples, the earliest at 0, for `ratio` overlapping pairs per event.

    The nearest that is found counts first, then few gaps under `GUARD_S`, then a short mixture; what is left is
    chance. One recording after the other moves over all places where it touches the others, while that helps.
    """
    events = sum(len(each) for each in spans)
    own = sum(int(count_overlaps(each[:, 0], each[:, 1]).sum()) // 2 for each in spans)
    wanted = max(round(ratio * events) - own, 0)
    guard = round(GUARD_S * rate_hz / 2)
    wide = [each + np.array([-guard, guard]) for each in spans]
    places = range(len(spans))
    exact = {(a, b): pairs_at(spans[a], spans[b]) for a in places for b in places if a != b}
    near = {(a, b): pairs_at(wide[a], wide[b]) for a in places for b in places if a != b}
    best: tuple[tuple[int, int, int], NDArray[np.int64]] | None = None
    for _ in range(STARTS):
        starts = _improved(exact, near, lengths, wanted, max(round(STEP_S * rate_hz), 1), rng)
        key = _key(exact, near, starts, lengths, wanted)
        if best is None or key < best[0]:
            best = key, starts
    assert best is not None
    starts = best[1]
    return np.asarray(starts - starts.min(), dtype=np.int64)


def _improved(
    exact: dict[tuple[int, int], Counts],
    near: dict[tuple[int, int], Counts],
    lengths: Sequence[int],
    wanted: int,
    step: int,
    rng: Generator,
) -> NDArray[np.int64]:
    starts = rng.integers(0, max(lengths), len(lengths))
    key = _key(exact, near, starts, lengths, wanted)
    for _ in range(ROUNDS):
        before = key
        for at in rng.permutation(len(lengths)):
            others = [other for other in range(len(lengths)) if other != at]
            last = max(int(starts[other]) + lengths[other] for other in others)
            first = int(starts[others].min())
            tried = np.append(np.arange(first - lengths[at], last + 1, step), starts[at])
            counts = _at_each(exact, at, tried, starts, others)
            close = _at_each(near, at, tried, starts, others) - counts
            rest = _pairs(exact, starts, others)
            span = np.maximum(last, tried + lengths[at]) - np.minimum(first, tried)
            left = np.arange(len(tried))
            for cost in (np.abs(counts + rest - wanted), close, span):
                left = left[cost[left] == cost[left].min()]
            starts[at] = tried[rng.choice(left)]
        key = _key(exact, near, starts, lengths, wanted)
        if key >= before:
            break
    return starts


def _at_each(
    counts: dict[tuple[int, int], Counts],
    at: int,
    tried: NDArray[np.int64],
    starts: NDArray[np.int64],
    others: list[int],
) -> NDArray[np.int64]:
    """How many pairs the recording at `at` would have with the others, at each of the places tried."""
    return np.asarray(np.sum([counts[other, at](tried - starts[other]) for other in others], axis=0))


def _pairs(counts: dict[tuple[int, int], Counts], starts: NDArray[np.int64], places: Sequence[int]) -> int:
    """How many pairs overlap among the recordings at `places`."""
    return sum(int(counts[a, b](starts[b : b + 1] - starts[a])[0]) for a in places for b in places if a < b)


def _key(
    exact: dict[tuple[int, int], Counts],
    near: dict[tuple[int, int], Counts],
    starts: NDArray[np.int64],
    lengths: Sequence[int],
    wanted: int,
) -> tuple[int, int, int]:
    places = range(len(lengths))
    count = _pairs(exact, starts, places)
    close = _pairs(near, starts, places) - count
    span = int((starts + np.array(lengths)).max() - starts.min())
    return abs(count - wanted), close, span
