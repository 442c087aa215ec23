"""When calls sound: by chance, evenly, in bouts, or steered to a ratio of overlap."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from tymbal.errors import ConfigError, DataError
from tymbal.synthesis.distributions import Distribution, check_weights, constant, log_uniform

MOST = 2000  # calls of one class in one part of a scene
CANDIDATES = 12  # places tried by chance, and as many on top of calls that are there, for each steered call
REPAIRS = 40  # places tried anew per call before steering gives up
LEAST_SHARE = 0.3  # of a call that the edge of a scene leaves, or it is placed elsewhere
Starts = NDArray[np.int64]


@dataclass(frozen=True)
class Calls:
    """How many calls there are and when.

    Parameters
    ----------
    rate_per_s : expected calls per second of one class; drawn per class and part.
    timings : weights of "chance" (a Poisson process), "even" (a steady beat) and "bouts" (one after the other).
    uneven : of a steady beat: standard deviation in periods.
    gap_s : silence within a bout.
    edge : share of the calls that run past the beginning or the end of the scene which are cut there; the others are
        moved inside.
    events : calls in a part, all classes together, instead of rates.
    overlap_ratio : pairs of overlapping calls per call, all classes together, instead of timings.
    """

    rate_per_s: Distribution = log_uniform(0.04, 0.8)
    timings: dict[str, float] = field(default_factory=lambda: {"chance": 0.5, "even": 0.25, "bouts": 0.25})
    uneven: Distribution = constant(0.1)
    gap_s: Distribution = log_uniform(0.03, 3.0)
    edge: float = 0.5
    events: Distribution | None = None
    overlap_ratio: Distribution | None = None

    def check(self, where: object) -> None:
        """Raise ConfigError naming the first field out of range."""
        check_weights("calls.timings", self.timings, tuple(TIMINGS), where=where)
        self.rate_per_s.check("calls.rate_per_s", 0, 1000, where=where)
        self.uneven.check("calls.uneven", 0, 10, where=where)
        self.gap_s.check("calls.gap_s", 0, 3600, where=where)
        if self.events is not None:
            self.events.check("calls.events", 0, MOST, where=where)
        if self.overlap_ratio is not None:
            self.overlap_ratio.check("calls.overlap_ratio", 0, 100, where=where)
        if not 0 <= self.edge <= 1:
            raise ConfigError(f"calls.edge: {self.edge}", where=where, allowed="0 to 1")


def _chance(lengths: Starts, total: int, rate_hz: float, plan: Calls, rng: Generator) -> NDArray[np.float64]:
    return rng.uniform(0, total, len(lengths))


def _even(lengths: Starts, total: int, rate_hz: float, plan: Calls, rng: Generator) -> NDArray[np.float64]:
    beats = np.arange(len(lengths)) + rng.random() + plan.uneven.draw(rng) * rng.standard_normal(len(lengths))
    return (beats / max(len(lengths), 1) * total) % total


def _bouts(lengths: Starts, total: int, rate_hz: float, plan: Calls, rng: Generator) -> NDArray[np.float64]:
    steps = lengths + plan.gap_s.draws(rng, len(lengths)) * rate_hz
    return (rng.uniform(0, total) + np.concatenate([[0.0], np.cumsum(steps)[:-1]])) % total


Timing = Callable[[Starts, int, float, Calls, Generator], NDArray[np.float64]]
TIMINGS: dict[str, Timing] = {"chance": _chance, "even": _even, "bouts": _bouts}


def timed(timing: str, lengths: Starts, total: int, rate_hz: float, plan: Calls, rng: Generator) -> Starts:
    """Where calls of these lengths (samples) start in a scene of `total` samples; one cut by an edge may start below 0.

    Calls longer than the scene start at 0. In bouts and beats the order is that of time, but where the scene wraps.
    """
    if not len(lengths):
        return np.zeros(0, dtype=np.int64)
    starts = np.floor(TIMINGS[timing](lengths, total, rate_hz, plan, rng)).astype(np.int64)
    anywhere = np.floor(rng.random(len(lengths)) * (np.maximum(total - lengths, 0) + 1)).astype(np.int64)
    cut, early = rng.random(len(lengths)) < plan.edge, rng.random(len(lengths)) < 0.5
    over = starts + lengths > total
    before = starts - total + lengths  # the same call, begun before the scene does, by as much as it stands over
    before = np.where(before < lengths, before - lengths, 0)
    moved = np.where(early, before, starts)
    kept = np.where(early, moved + lengths, total - moved)
    moved = np.where(cut & (kept >= LEAST_SHARE * lengths), moved, anywhere)
    return np.where(over, moved, starts)


def steered(lengths: Starts, total: int, ratio: float, rng: Generator) -> Starts:
    """Starts such that round(ratio * calls) pairs of calls overlap; every call lies inside the scene.

    Calls are placed one after the other, each where it adds about the pairs still lacking per call left; calls are
    then moved until the number is met.

    Raises DataError where it is not to be met: too many or too long calls for so little overlap, too few for so much.
    """
    number = len(lengths)
    wanted = math.floor(ratio * number + 0.5)
    if (number and int(lengths.max()) > total) or wanted > number * (number - 1) // 2:
        raise _impossible(lengths, total, ratio)
    starts = np.full(number, -1, dtype=np.int64)
    pairs = 0
    for done, call in enumerate(rng.permutation(number)):
        lacking = (wanted - pairs) / (number - done)
        aim = math.floor(max(lacking, 0.0) + rng.random())
        pairs += _place(call, starts, lengths, total, aim, rng)
    for _ in range(REPAIRS * number):
        if pairs == wanted:
            return starts
        call = int(rng.integers(number))
        before, old = int(starts[call]), _overlaps(starts[call : call + 1], lengths[call], starts, lengths, call)[0]
        new = _place(call, starts, lengths, total, int(old) + wanted - pairs, rng)
        if abs(pairs - old + new - wanted) > abs(pairs - wanted):
            starts[call] = before
        else:
            pairs += new - int(old)
    if pairs != wanted:
        raise _impossible(lengths, total, ratio)
    return starts


def _place(call: int, starts: Starts, lengths: Starts, total: int, aim: int, rng: Generator) -> int:
    """Start `call` where it overlaps about `aim` others, of a few places tried; returns how many it does."""
    length = int(lengths[call])
    free = total - length
    tried = rng.integers(0, free + 1, CANDIDATES)
    there = np.flatnonzero((starts >= 0) & (np.arange(len(starts)) != call))
    if aim > 0 and len(there):
        others = rng.choice(there, CANDIDATES)
        onto = starts[others] - length + 1 + np.floor(rng.random(CANDIDATES) * (length + lengths[others] - 1))
        tried = np.concatenate([tried, np.clip(onto.astype(np.int64), 0, free)])
    counts = _overlaps(tried, length, starts, lengths, call)
    best = int(np.argmin(np.abs(counts - aim)))
    starts[call] = tried[best]
    return int(counts[best])


def _overlaps(tried: Starts, length: int, starts: Starts, lengths: Starts, call: int) -> Starts:
    """How many placed calls, `call` itself left out, one of `length` would overlap at each of the places tried."""
    hits = (tried[:, None] < starts + lengths) & (tried[:, None] + length > starts) & (starts >= 0)
    hits[:, call] = False
    counts: Starts = hits.sum(axis=1)
    return counts


def _impossible(lengths: Starts, total: int, ratio: float) -> DataError:
    share = float(lengths.sum()) / total
    return DataError(
        f"{len(lengths)} calls that fill {share:.2f} of the scene cannot have an overlap ratio of {ratio:g}",
        where="calls.overlap_ratio",
        mend="Ask for fewer or shorter calls, a longer scene, or another ratio.",
    )
