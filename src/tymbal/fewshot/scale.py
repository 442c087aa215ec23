"""The analysis scale: rate, hop, window and bands, all chosen from the examples.

Whatever the animal, a median example is about 24 frames long and its band fills the picture: whales and bats look
alike to the finders, and no recording is slowed down or sped up for it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tymbal.audio import AudioReader
from tymbal.errors import DataError, UsageError
from tymbal.fewshot.prompt import Shot
from tymbal.units import FrameGrid, to_samples

Floats = NDArray[np.float64]

FRAMES = 24  # of a median example
HOP_S = (0.0, 0.02)  # never coarser than this: long events have a fine structure too
HOP_SAMPLES = 24  # never finer than this
WINDOW_HOPS = 3.2
RESOLVED = 12  # bins that the band of the examples should have, where their length allows it
BANDS = 48
MARGIN = 0.35  # of the width of the examples' band is shown on both sides of it
BEND = 11.0  # the scale of frequencies bends at high_hz / BEND, as mel bends at 700 Hz below 8 kHz
LONGEST_S = 10.0  # of an example is looked at for its band, and twice as much on either side
AT_ONCE = 512  # spectra
CONTRAST = 0.3  # of the greatest contrast: what belongs to the band of examples that come without one


@dataclass(frozen=True)
class Scale:
    """How sound becomes a picture.

    sample_rate_hz : recordings of other rates are resampled to it. hop, n_fft : in samples of it.
    low_hz, high_hz : the outer edges of the first and last of `bands` triangular bands, evenly spaced on
    log(1 + f / (high_hz / BEND)).
    """

    sample_rate_hz: int
    hop: int
    n_fft: int
    low_hz: float
    high_hz: float
    bands: int

    def __post_init__(self) -> None:
        sound = self.hop >= 1 and self.n_fft >= 2 and self.bands >= 1 and self.sample_rate_hz >= 1
        if not (sound and 0 <= self.low_hz < self.high_hz <= self.sample_rate_hz / 2):
            raise UsageError(f"{self} is no scale", where="Scale", allowed="0 <= low_hz < high_hz <= half the rate")

    @property
    def grid(self) -> FrameGrid:
        """Frame i is centred on sample i * hop."""
        return FrameGrid.from_samples(self.sample_rate_hz, hop=self.hop, first_center=0, receptive=self.n_fft)

    @property
    def edges_hz(self) -> Floats:
        """Edges of the bands, shape (bands + 2,): band b rises from edge b to b + 1 and falls to b + 2."""
        bend = self.high_hz / BEND
        low, high = math.log1p(self.low_hz / bend), math.log1p(self.high_hz / bend)
        return np.asarray(bend * np.expm1(np.linspace(low, high, self.bands + 2)))

    @cached_property
    def filters(self) -> NDArray[np.float32]:
        """Triangles of unit sum, shape (n_fft // 2 + 1, bands); a band narrower than a bin interpolates two bins."""
        edges = self.edges_hz
        bins = np.fft.rfftfreq(self.n_fft, 1 / self.sample_rate_hz)
        width = bins[1]
        left, centre, right = edges[:-2], edges[1:-1], edges[2:]
        left, right = np.minimum(left, centre - width), np.maximum(right, centre + width)
        rising = (bins[:, None] - left) / (centre - left)
        falling = (right - bins[:, None]) / (right - centre)
        weights = np.clip(np.minimum(rising, falling), 0, None)
        return np.asarray(weights / np.maximum(weights.sum(axis=0), 1e-12), dtype=np.float32)


def choose_scale(shots: Sequence[Shot], *, bands: int = BANDS) -> Scale:
    """The scale for these examples (see the module); their recordings are read around them.

    Raises DataError without examples, and the errors of `AudioReader`.
    """
    if not shots:
        raise DataError("a scale needs examples", where="choose_scale")
    counts: dict[int, int] = {}
    for path in sorted({shot.recording for shot in shots}):
        with AudioReader(path) as reader:
            rate = reader.sample_rate_hz
        counts[rate] = counts.get(rate, 0) + sum(shot.recording == path for shot in shots)
    rate = max(counts, key=lambda each: (counts[each], each))
    median_s = float(np.median([shot.duration_s for shot in shots]))
    low, high = _band(shots, rate, median_s)
    hop_s = min(max(median_s / FRAMES, HOP_SAMPLES / rate), HOP_S[1])
    window_s = max(WINDOW_HOPS * hop_s, min(RESOLVED / (high - low), 0.3 * median_s))
    n_fft = 2 ** max(5, round(math.log2(window_s * rate)))
    margin = MARGIN * (high - low)
    low, high = max(0.0, low - margin), min(rate / 2, high + margin)
    return Scale(rate, max(1, to_samples(hop_s, rate)), n_fft, low, high, bands)


def _band(shots: Sequence[Shot], rate: int, median_s: float) -> tuple[float, float]:
    """The band of the examples in Hz: as their table says, else as measured."""
    given = [(s.low_hz, s.high_hz) for s in shots if s.low_hz is not None and s.high_hz is not None]
    if len(given) * 2 > len(shots):
        low = float(np.median([each[0] for each in given]))
        high = min(float(np.median([each[1] for each in given])), rate / 2)
        if high - low > 1e-3 * rate:
            return low, high
    return measured_band(shots, rate, median_s)


def measured_band(shots: Sequence[Shot], rate: int, median_s: float) -> tuple[float, float]:
    """Where the examples stand out of the sound around them: the band (Hz) of contrast above CONTRAST of the greatest.

    Contrast is the difference of mean log power inside and around the examples, in standard deviations of the latter.
    """
    n_fft = 2 ** int(np.clip(round(math.log2(0.25 * median_s * rate)), 6, 11))
    longest_s = max(LONGEST_S, 64 * n_fft / rate)
    inside, around = [], []
    for shot in shots[:32]:
        with AudioReader(shot.recording, shot.channel, rate) as reader:
            pad = max(min(2 * shot.duration_s, 2 * longest_s), 0.2, 8 * n_fft / rate)
            spared = max(0.0, shot.duration_s - longest_s) / 2  # at either end of an example, which is like its middle
            first = max(0, to_samples(shot.onset_s + spared - pad, rate))
            sound = reader.read(first, to_samples(shot.offset_s - spared + pad, rate) - first)
        power, centers = _spectra(sound, n_fft)
        times = first / rate + centers / rate
        within = (times >= shot.onset_s) & (times <= shot.offset_s)
        if not within.any():
            within[int(np.argmin(np.abs(times - (shot.onset_s + shot.offset_s) / 2)))] = True
        others = np.zeros(len(times), bool)
        for other in shots:
            if other.recording == shot.recording:
                others |= (times >= other.onset_s - n_fft / rate) & (times <= other.offset_s + n_fft / rate)
        inside.append(power[within])
        around.append(power[~others & ~within])
    signal, noise = np.concatenate(inside), np.concatenate(around)
    bins = np.fft.rfftfreq(n_fft, 1 / rate)
    if len(noise) < 8:
        return float(bins[1]), float(rate / 2)
    contrast = (signal.mean(axis=0) - noise.mean(axis=0)) / (noise.std(axis=0) + 0.3)
    contrast = np.convolve(np.pad(contrast, 1, mode="edge"), [0.25, 0.5, 0.25], mode="valid")
    contrast[0] = min(contrast[0], contrast[1])
    loud = np.flatnonzero(contrast >= max(CONTRAST * contrast.max(), 1e-9))
    if not len(loud):
        return float(bins[1]), float(rate / 2)
    low, high = bins[loud[0]] - bins[1], bins[loud[-1]] + bins[1]
    return float(max(low, 0.0)), float(min(high, rate / 2))


def _spectra(sound: NDArray[np.float32], n_fft: int) -> tuple[Floats, Floats]:
    """Log power (frames, bins) every quarter window, and the centres of the frames in samples."""
    padded = np.pad(sound.astype(np.float64), n_fft // 2)
    cut = np.lib.stride_tricks.sliding_window_view(padded, n_fft)[:: n_fft // 4]
    power = np.empty((len(cut), n_fft // 2 + 1))
    window = np.hanning(n_fft)
    for row in range(0, len(cut), AT_ONCE):
        power[row : row + AT_ONCE] = np.abs(np.fft.rfft(cut[row : row + AT_ONCE] * window, axis=1)) ** 2
    floor = max(1e-7 * float(power.max(initial=0.0)), 1e-14)
    return np.asarray(np.log(power + floor), np.float64), np.arange(len(cut), dtype=np.float64) * (n_fft // 4)
