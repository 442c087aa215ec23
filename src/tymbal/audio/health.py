"""What is wrong with samples: found in one pass over blocks, in bounded memory."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tymbal.errors import Fault

CLIP_RUN = 3  # samples in a row at the extreme that make it look clipped
CLIP_LEVEL = 0.1  # extremes below are too quiet for clipping
CLIP_SHARE = 1e-4
FEWEST = 32  # samples from which on statistics mean anything
DROPOUT_S = 0.01
DROPOUT_LEAST = 64
DROPOUT_LEVEL = 1e-3  # sound this loud must stand beside the gap
_EDGE = 32


@dataclass
class _Extreme:
    """Samples that sit in runs at the largest value so far (of x, or of -x for the smallest)."""

    value: float = -np.inf
    count: int = 0

    def add(self, x: NDArray[np.float32]) -> None:
        """Samples of one channel, shape (n,), n above 0."""
        top = float(x.max())
        if top < self.value:
            return
        if top > self.value:
            self.value, self.count = top, 0
        at = x == np.float32(top)
        inner = at[CLIP_RUN - 1 :].copy()
        for shift in range(CLIP_RUN - 1):
            inner &= at[shift : shift - CLIP_RUN + 1]
        runs = int(np.count_nonzero(inner))
        self.count += runs + (CLIP_RUN - 1) * int(np.count_nonzero(np.diff(inner.astype(np.int8), prepend=0) == 1))


class SampleScan:
    """Statistics of all channels, block after block; `faults()` says what they mean.

    Parameters
    ----------
    channels, sample_rate_hz : of the recording.
    floating : whether samples may lie beyond full scale (float formats; lossy decoders overshoot, which is no fault).
    """

    def __init__(self, channels: int, sample_rate_hz: int, *, floating: bool) -> None:
        self.seen = 0
        self._channels, self._rate_hz, self._floating = channels, sample_rate_hz, floating
        self._bad, self._bad_at = 0, 0
        self._sum, self._power = np.zeros(channels), np.zeros(channels)
        self._cross = 0.0
        self._highs = [_Extreme() for _ in range(channels)]
        self._lows = [_Extreme() for _ in range(channels)]
        self._gaps: list[tuple[int, int]] = []
        self._zero_from: int | None = None
        self._loud_before = False
        self._edge = np.zeros(0, np.float32)

    def add(self, block: NDArray[np.float32], bad: int = 0, bad_at: int = 0) -> None:
        """The next samples, shape (n, channels), finite; `bad` of them were not, the first at sample `bad_at`."""
        if len(block) == 0:
            return
        if bad and not self._bad:
            self._bad_at = bad_at
        self._bad += bad
        for channel in range(self._channels):
            x = np.ascontiguousarray(block[:, channel])
            wide = x.astype(np.float64)
            self._sum[channel] += wide.sum()
            self._power[channel] += wide @ wide
            self._highs[channel].add(x)
            self._lows[channel].add(-x)
        if self._channels == 2:
            self._cross += float(block[:, 0].astype(np.float64) @ block[:, 1].astype(np.float64))
        self._find_gaps(np.abs(block).max(axis=1))
        self.seen += len(block)

    def _find_gaps(self, level: NDArray[np.float32]) -> None:
        """Stretches of exact zeros with sound on both sides."""
        zero = level == 0
        change = np.flatnonzero(np.diff(zero.astype(np.int8), prepend=np.int8(self._zero_from is not None)))
        begins, ends = change[zero[change]], change[~zero[change]]
        carried = self._zero_from is not None
        if carried and len(ends):  # the stretch that was open when the block began
            self._end_gap(self._zero_from or 0, int(ends[0]), level)
            self._zero_from, ends = None, ends[1:]
        lengths = ends - begins[: len(ends)]
        for number in np.flatnonzero(lengths >= self._least_gap):
            begin = int(begins[number])
            self._loud_before = self._loud_ahead_of(begin, level)
            self._end_gap(self.seen + begin, int(ends[number]), level)
        if len(begins) > len(ends):
            self._loud_before = self._loud_ahead_of(int(begins[-1]), level)
            self._zero_from = self.seen + int(begins[-1])
        self._edge = level[-_EDGE:].copy()

    @property
    def _least_gap(self) -> float:
        return max(DROPOUT_LEAST, DROPOUT_S * self._rate_hz)

    def _loud_ahead_of(self, at: int, level: NDArray[np.float32]) -> bool:
        before = np.concatenate([self._edge, level[max(0, at - _EDGE) : at]])[-_EDGE:]
        return bool(np.any(before > DROPOUT_LEVEL))

    def _end_gap(self, begin: int, at: int, level: NDArray[np.float32]) -> None:
        """Zeros from sample `begin` end at place `at` of this block."""
        length = self.seen + at - begin
        loud = self._loud_before and bool(np.any(level[at : at + _EDGE] > DROPOUT_LEVEL))
        if loud and length >= self._least_gap and len(self._gaps) < 1000:
            self._gaps.append((begin, length))

    def faults(self) -> list[Fault]:
        """What the samples seen so far have wrong; meant for a whole recording."""
        if self.seen == 0:
            return []
        found: list[Fault] = []
        if self._bad:
            found.append(
                Fault(
                    "nan_samples",
                    f"samples are NaN or infinite ({self._bad}, first at sample {self._bad_at}); they read as zeros",
                )
            )
        peaks = [max(high.value, low.value) for high, low in zip(self._highs, self._lows, strict=True)]
        if self.seen < FEWEST:
            return found
        if max(peaks) == 0:
            found.append(Fault("all_zeros", "every sample is exactly zero: digital silence"))
            return found
        found += self._channel_faults(peaks)
        found += self._level_faults(peaks)
        if self._gaps and not self._bad:  # NaN samples read as zeros were named already
            at, length = self._gaps[0]
            found.append(
                Fault(
                    "dropout",
                    f"gaps of exact zeros inside the sound ({len(self._gaps)}), as lost buffers leave; the first at"
                    f" {at / self._rate_hz:.3f} s lasts {length / self._rate_hz:.3f} s",
                )
            )
        return found

    def _channel_faults(self, peaks: list[float]) -> list[Fault]:
        found = []
        dead = [str(channel + 1) for channel, peak in enumerate(peaks) if peak == 0]
        if dead:
            found.append(
                Fault("dead_channel", f"channel {', '.join(dead)} of {self._channels} is all zeros; take another one")
            )
        energy = float(np.sqrt(self._power[0] * self._power[1])) if self._channels == 2 else 0.0
        if energy > 0 and self._cross / energy < -0.99:
            found.append(
                Fault("antiphase", "channel 2 is channel 1 upside down: their mix is silence; take one channel")
            )
        return found

    def _level_faults(self, peaks: list[float]) -> list[Fault]:
        found, mean = [], self._sum / self.seen
        spread = np.sqrt(np.maximum(self._power / self.seen - mean**2, 0))
        constant = [high.value == -low.value for high, low in zip(self._highs, self._lows, strict=True)]
        if all(constant):
            return [
                Fault("constant", f"every sample has the same value ({mean[np.argmax(np.abs(mean))]:.4g}): no sound")
            ]
        if np.any((np.abs(mean) > 0.05) & (np.abs(mean) > 0.5 * spread) & (np.array(peaks) <= 2)):
            found.append(Fault("dc_offset", f"the mean is {mean[np.argmax(np.abs(mean))]:.3f} instead of 0"))
        peak = max(peaks)
        if self._floating and 128 <= peak < 2.0**31:
            found.append(
                Fault(
                    "integer_scale",
                    f"float samples reach {peak:.6g}, as if they held integers; levels are not those of other files",
                )
            )
        elif self._floating and peak > 1.001:
            found.append(Fault("beyond_full_scale", f"float samples reach {peak:.4g}, full scale is 1"))
        clipped = sum(
            extreme.count
            for extreme in (*self._highs, *self._lows)
            if extreme.value >= CLIP_LEVEL and extreme.count >= max(10, CLIP_SHARE * self.seen)
        )
        if clipped:
            share = 100 * clipped / (self.seen * self._channels)
            found.append(Fault("clipped", f"{clipped} samples ({share:.2g} %) sit at the extremes in runs: clipped"))
        return found


class Md5Check:
    """The MD5 of FLAC samples as integers, against the one in the header (RFC 9639, section 8.2)."""

    def __init__(self, bits: int, expected: bytes) -> None:
        self._bits, self._expected, self._digest = bits, expected, hashlib.md5(usedforsecurity=False)

    def add(self, block: NDArray[np.float32]) -> None:
        """The next samples, shape (n, channels); up to 24 bits a float32 holds them exactly."""
        values = np.rint(block.astype(np.float64) * 2.0 ** (self._bits - 1)).astype("<i4")
        width = -(-self._bits // 8)
        self._digest.update(np.ascontiguousarray(values).view(np.uint8).reshape(-1, 4)[:, :width].tobytes())

    def faults(self) -> list[Fault]:
        """One fault where the digests differ."""
        if self._digest.digest() == self._expected:
            return []
        return [Fault("md5", "the samples do not match the MD5 in the FLAC header: they changed since they were coded")]
