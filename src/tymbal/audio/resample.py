"""Resampling that does not depend on where one begins: streamed, whole and random access agree to the bit.

Output is cut into chunks that lie at fixed places of the recording, each a whole number of periods of the rate ratio
(`up` output samples = `down` input samples), so that every chunk begins in phase. A chunk is computed on its own, by
soxr at quality HQ, from its input and a margin on both sides; before and after the recording there are zeros. So a
chunk is a function of the recording alone, and any stretch of output is cut from chunks.

Measured (tests/audio/test_resample.py, docs/decisions/0006): with 160 samples of the lower rate as margin the result
differs from one with 2000 by at most 1e-6 of full scale, float32 rounding inside soxr; the impulse response of HQ is
shorter. One soxr run over a long recording drifts for ratios like 44099:16000; restarted chunks do not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import gcd, isqrt

import numpy as np
import soxr
from numpy.typing import NDArray

from tymbal.errors import UsageError

QUALITY = "HQ"
MARGIN = 160  # samples at the lower of the two rates
CHUNK_SAMPLES = 1 << 17  # about so many samples at the higher rate make a chunk
TWO_STAGES = 1000  # ratio of the rates beyond which the way leads over a rate between them
_HUGE = np.float32(1e30)  # above this the sums inside a float32 filter could overflow

Fetch = Callable[[int, int], NDArray[np.float32]]


@dataclass(frozen=True)
class RatePlan:
    """How one rate becomes another: everything about chunks that follows from the two rates alone."""

    from_hz: int
    to_hz: int

    def __post_init__(self) -> None:
        for name, rate in (("from_hz", self.from_hz), ("to_hz", self.to_hz)):
            if not isinstance(rate, int | np.integer) or rate < 1:
                raise UsageError(f"{name} is {rate!r}", where="resample", allowed="a whole number of Hz, 1 or more")

    @property
    def up(self) -> int:
        """Output samples of one period of the ratio."""
        return self.to_hz // gcd(self.from_hz, self.to_hz)

    @property
    def down(self) -> int:
        """Input samples of one period of the ratio."""
        return self.from_hz // gcd(self.from_hz, self.to_hz)

    @property
    def periods(self) -> int:
        """Periods in one chunk."""
        return max(1, CHUNK_SAMPLES // max(self.up, self.down))

    @property
    def chunk(self) -> int:
        """Output samples of one chunk."""
        middle_hz = self.middle_hz
        return RatePlan(middle_hz, self.to_hz).chunk if middle_hz is not None else self.periods * self.up

    @property
    def lead(self) -> int:
        """Periods of margin before a chunk: whole ones, so that the filter starts in phase."""
        return -(-self._margin // self.down)

    @property
    def _margin(self) -> int:
        return -(-MARGIN * self.from_hz // min(self.from_hz, self.to_hz))

    def span(self, number: int) -> tuple[int, int]:
        """Input samples [first, end) from which chunk `number` is computed; may reach beyond the recording."""
        begin = number * self.periods * self.down
        return begin - self.lead * self.down, begin + self.periods * self.down + self._margin

    def length(self, samples: int) -> int:
        """Output samples of a recording: all whose time lies inside it, ceil(samples * to_hz / from_hz)."""
        return -(-samples * self.to_hz // self.from_hz)

    @property
    def middle_hz(self) -> int | None:
        """Rate between two stages for ratios beyond TWO_STAGES, where one filter would be absurdly long; else None."""
        low, high = sorted((self.from_hz, self.to_hz))
        return low * isqrt(high // low) if high > TWO_STAGES * low else None

    def run(self, number: int, fetch: Fetch) -> NDArray[np.float32]:
        """Chunk `number`, shape (chunk,); `fetch(first, end)` gives input samples, zeros beyond the recording."""
        middle_hz = self.middle_hz
        if middle_hz is not None:
            inner = RatePlan(self.from_hz, middle_hz)
            return RatePlan(middle_hz, self.to_hz).run(number, partial(inner._between, fetch=fetch))
        return self._stage(number, fetch)

    def _stage(self, number: int, fetch: Fetch) -> NDArray[np.float32]:
        first, end = self.span(number)
        samples, factor = _tamed(fetch(first, end))
        if not samples.any():
            return np.zeros(self.chunk, np.float32)
        out = soxr.resample(samples, self.from_hz, self.to_hz, quality=QUALITY)
        drop = self.lead * self.up
        return _restored(out[drop : drop + self.chunk], factor)

    def _between(self, first: int, end: int, *, fetch: Fetch) -> NDArray[np.float32]:
        """Output samples [first, end), which may lie before 0."""
        numbers = range(first // self.chunk, -(-end // self.chunk))
        joined = np.concatenate([self.run(number, fetch) for number in numbers])
        skip = first - numbers[0] * self.chunk
        return joined[skip : skip + end - first]


def _tamed(samples: NDArray[np.float32]) -> tuple[NDArray[np.float32], float]:
    peak = float(np.max(np.abs(samples), initial=0.0))
    if peak <= _HUGE:
        return samples, 1.0
    return samples * np.float32(2.0**-100), 2.0**100


def _restored(samples: NDArray[np.float32], factor: float) -> NDArray[np.float32]:
    if factor == 1.0:
        return np.ascontiguousarray(samples)
    limit = float(np.finfo(np.float32).max)
    return np.clip(samples.astype(np.float64) * factor, -limit, limit).astype(np.float32)


def resample(x: NDArray[np.float32], from_hz: int, to_hz: int) -> NDArray[np.float32]:
    """A whole recording at another rate: the same bits as `AudioReader` gives in any pieces.

    Parameters
    ----------
    x : float (samples,).
    from_hz, to_hz : whole numbers of Hz from 1 on.

    Returns
    -------
    float32 (ceil(samples * to_hz / from_hz),); sample i lies at the time i / to_hz of `x`.
    """
    plan = RatePlan(from_hz, to_hz)
    values = np.asarray(x, dtype=np.float32)
    if values.ndim != 1:
        raise UsageError(f"x has shape {values.shape}", where="resample", allowed="one channel, shape (samples,)")
    if from_hz == to_hz or len(values) == 0:
        return values.copy()
    fetch = zero_beyond(lambda first, end: values[first:end], len(values))
    length = plan.length(len(values))
    chunks = [plan.run(number, fetch) for number in range(-(-length // plan.chunk))]
    return np.concatenate(chunks)[:length]


def zero_beyond(inside: Fetch, samples: int) -> Fetch:
    """`inside` extended by zeros before 0 and from `samples` on."""

    def fetch(first: int, end: int) -> NDArray[np.float32]:
        """Samples [first, end), wherever they lie."""
        low, high = min(max(first, 0), samples), max(min(end, samples), 0)
        middle = inside(low, high) if high > low else np.zeros(0, np.float32)
        if low == first and high == end:
            return middle
        out = np.zeros(end - first, np.float32)
        out[low - first : low - first + len(middle)] = middle
        return out

    return fetch
