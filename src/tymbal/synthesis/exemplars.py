"""One exemplar of a class as sound, cut to where its energy is, with the band that holds it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from tymbal.synthesis.families import renderer
from tymbal.synthesis.voices import LONGEST_S, Voice, realise

AUDIBLE_DB = 26.0  # an exemplar begins and ends where its power is this far below its loudest moment
SMOOTH_S = 0.001  # over which power is averaged to find that, at the reference rate of 16 kHz
OUTSIDE = 0.005  # share of the energy left below the band, and above it
FADE = 4  # samples over which the cut ends fade
Sound = NDArray[np.float32]


@dataclass(frozen=True)
class Exemplar:
    """samples (n,) float32 with a mean power of 1; all of it is the vocalisation, from the first sample to the last.

    low_hz and high_hz hold all but `OUTSIDE` of the energy on either side. `origin` says where it was cut from.
    """

    samples: NDArray[np.float32]
    low_hz: float
    high_hz: float
    origin: str = ""


class Source(Protocol):
    """Where the exemplars of one class come from."""

    @property
    def family(self) -> str: ...

    def exemplar(self, rng: Generator) -> Exemplar:
        """A new exemplar; everything random comes from `rng`."""
        ...


@dataclass(frozen=True)
class VoiceSource:
    """Exemplars rendered from a voice; seconds and Hz as at `rate_hz`."""

    voice: Voice
    rate_hz: float

    @property
    def family(self) -> str:
        return self.voice.family

    def exemplar(self, rng: Generator) -> Exemplar:
        """The voice jittered, rendered and cut."""
        return cut(render_voice(realise(self.voice, rng), self.rate_hz, rng), self.rate_hz)


def render_voice(voice: Voice, rate_hz: float, rng: Generator) -> NDArray[np.float32]:
    """All syllables of a voice with the gaps between them, uncut, shape (samples,)."""
    total = max(32, round(min(voice.duration_s, LONGEST_S) * rate_hz))
    count = max(1, min(voice.syllables, total // 64))
    length = max(32, round(total / (count + (count - 1) * voice.gap)))
    step = length + round(length * voice.gap)
    wave = np.zeros((count - 1) * step + length, dtype=np.float32)
    render = renderer(voice.family)
    for number in range(count):
        wave[number * step : number * step + length] = render(voice, length, rate_hz, rng)
    return wave


def cut(wave: NDArray[np.float32], rate_hz: float, *, origin: str = "") -> Exemplar:
    """A sound cut to its audible extent, at unit power, with its band."""
    first, last = audible(wave, max(4, round(SMOOTH_S * rate_hz)))
    samples = wave[first:last].copy()
    fade = min(FADE, len(samples) // 2)
    if fade:
        ramp = ((np.arange(fade) + 0.5) / fade).astype(np.float32)
        samples[:fade] *= ramp
        samples[len(samples) - fade :] *= ramp[::-1]
    low_hz, high_hz = band(samples, rate_hz)
    return Exemplar(unit_power(samples), low_hz, high_hz, origin)


def audible(wave: NDArray[np.float32], window: int) -> tuple[int, int]:
    """Samples [first, last) within `AUDIBLE_DB` of the loudest; never empty.

    Power is averaged over `window` samples, so that a single sample makes no beginning; in the first and the last
    window that is loud enough, the first and the last sample that is count.
    """
    square = np.square(wave, dtype=np.float64)
    energy = np.concatenate([[0.0], np.cumsum(square)])
    window = min(window, len(wave))
    power = (energy[window:] - energy[:-window]) / window  # of samples [i, i + window)
    least = power.max() * 10 ** (-AUDIBLE_DB / 10)
    loud = np.flatnonzero(power >= least)
    first, last = int(loud[0]), int(loud[-1]) + window
    inside = np.flatnonzero(square[first:last] >= least)
    return (first + int(inside[0]), first + int(inside[-1]) + 1) if len(inside) else (first, last)


def band(samples: NDArray[np.float32], rate_hz: float) -> tuple[float, float]:
    """The frequencies (Hz) below and above which lies `OUTSIDE` of the energy; at least one bin wide."""
    import scipy.fft

    length = scipy.fft.next_fast_len(len(samples), real=True)
    power = np.abs(scipy.fft.rfft(samples, length)) ** 2
    total = np.cumsum(power, dtype=np.float64)
    low, high = np.searchsorted(total, [OUTSIDE * total[-1], (1 - OUTSIDE) * total[-1]])
    width = rate_hz / length
    return max(0.0, (float(low) - 0.5) * width), min(rate_hz / 2, (float(high) + 0.5) * width)


def unit_power(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """The same sound with a mean power of 1 (silence stays silence)."""
    power = float(np.mean(np.square(samples, dtype=np.float64)))
    return samples if power <= 0 else samples * np.float32(power**-0.5)


def crop(exemplar: Exemplar, first: int, last: int, rate_hz: float) -> tuple[Exemplar, int]:
    """What of an exemplar lies in its samples [first, last), and at which of them it begins.

    Cut to its audible extent again where anything was lost: an edge may fall into the silence between two syllables.
    """
    first, last = max(first, 0), min(last, len(exemplar.samples))
    if first == 0 and last == len(exemplar.samples):
        return exemplar, 0
    part = exemplar.samples[first:last]
    begin, end = audible(part, max(4, round(SMOOTH_S * rate_hz)))
    inner = part[begin:end]
    low_hz, high_hz = band(inner, rate_hz)
    return Exemplar(unit_power(inner), low_hz, high_hz, exemplar.origin), first + begin
