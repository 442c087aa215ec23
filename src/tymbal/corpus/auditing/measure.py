"""What a recording sounds like apart from what it is about: level, noise, bandwidth, silence, fingerprint."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.fft import rfft

from tymbal.audio import AudioReader
from tymbal.corpus.auditing.landmarks import HOP_S, NEAR_FRAMES, WINDOW_S, Landmarks, pair_up, peaks
from tymbal.jobs import Worked
from tymbal.units import to_samples

STRETCH_FRAMES = 256  # frames analysed at a time: two seconds
BAND_EDGES_HZ = np.geomspace(60.0, 250_000.0, 37)  # thirds of an octave
BANDS = len(BAND_EDGES_HZ) - 1
QUIET_DB = -160.0  # stands for digital silence and for bands above Nyquist
BIN_DB = 1.0  # resolution of the level histograms that percentiles are read from
CUTOFF_DB = 60.0  # the spectrum ends where its mean level last lies within this of its greatest

MEASURES = pl.Schema(
    {
        "recording": pl.String(),
        "content_hash": pl.String(),
        "sample_hash": pl.String(),  # BLAKE2b-128 of the decoded samples, all channels mixed, hex
        "level_db": pl.Float64(),  # root mean square, dB re full scale
        "peak_db": pl.Float64(),
        "noise_floor_db": pl.Float64(),  # tenth percentile of the level of 32-ms frames
        "cutoff_hz": pl.Float64(),
        "zero_share": pl.Float64(),  # samples that are exactly zero
        "offset": pl.Float64(),  # mean sample (direct current), full scale = 1
        "spectrum_db": pl.List(pl.Float64()),  # mean level per third of an octave, (36,)
        "background_db": pl.List(pl.Float64()),  # its tenth percentile over time, (36,)
        "landmarks": pl.List(pl.UInt32()),
        "landmark_frames": pl.List(pl.UInt32()),
    }
)


@dataclass(frozen=True)
class SoundFile:
    """One recording to listen to; its content hash makes the result valid wherever the bytes lie."""

    name: str
    content_hash: str


@dataclass(frozen=True)
class Measure:
    """The work on one recording: decode it once, block by block."""

    root: str

    def prepare(self) -> None:
        """Nothing to load."""

    def __call__(self, item: SoundFile) -> Worked[dict[str, Any]]:
        """One row of MEASURES. Raises AudioError where the sound cannot be decoded."""
        with AudioReader(Path(self.root) / item.name) as reader:
            rate = reader.sample_rate_hz
            meter = Meter(rate)
            for block in reader.blocks(to_samples(STRETCH_FRAMES * HOP_S, rate)):
                meter.add(block)
        row = {"recording": item.name, "content_hash": item.content_hash, **meter.finish()}
        return Worked(row, audio_s=meter.samples / rate)


@dataclass
class Meter:
    """Adds up one recording given as consecutive blocks of float32 samples, in the memory of one block."""

    rate_hz: int
    samples: int = 0
    _frame: int = 0  # next frame to be analysed
    _tail: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    _tail_start: int = 0
    _energy: float = 0.0
    _sum: float = 0.0
    _peak: float = 0.0
    _zeros: int = 0
    _hash: Any = field(default_factory=lambda: hashlib.blake2b(digest_size=16))

    def __post_init__(self) -> None:
        self._window = max(to_samples(WINDOW_S, self.rate_hz), 8)
        self._hop = max(HOP_S * self.rate_hz, self._window / 4)  # in samples, not always whole
        self._taper = np.hanning(self._window + 1)[:-1].astype(np.float32)
        self._scale = 2.0 / float(self._taper.sum())
        self._power = np.zeros(self._window // 2 + 1)
        centers = np.fft.rfftfreq(self._window, 1 / self.rate_hz)
        self._band = np.searchsorted(BAND_EDGES_HZ, centers, side="right") - 1
        self._levels = np.zeros(int(-QUIET_DB / BIN_DB) + 1, dtype=np.int64)
        self._band_levels = np.zeros((BANDS, len(self._levels)), dtype=np.int64)
        self._context = np.zeros((0, len(self._power)), np.float32)
        self._context_start = 0
        self._peak_frames: list[NDArray[np.int64]] = []
        self._peak_bins: list[NDArray[np.int64]] = []

    def add(self, block: NDArray[np.float32]) -> None:
        """Take the next samples, shape (n,)."""
        wide = block.astype(np.float64)
        self._hash.update(np.ascontiguousarray(block, dtype="<f4").tobytes())
        self._energy += float(wide @ wide)
        self._sum += float(wide.sum())
        self._peak = max(self._peak, float(np.abs(block).max(initial=0.0)))
        self._zeros += int(np.count_nonzero(block == 0))
        self.samples += len(block)
        self._tail = np.concatenate([self._tail, block])
        self._analyse(last=False)

    def _starts(self, count: int) -> NDArray[np.int64]:
        exact = (self._frame + np.arange(count)) * self._hop
        return np.asarray(np.floor(exact + 0.5), dtype=np.int64)

    def _analyse(self, *, last: bool) -> None:
        for frames in self._stretches(last=last):
            spectrum = np.abs(rfft(frames * self._taper, axis=1)) * self._scale
            power = np.square(spectrum, dtype=np.float64)
            self._power += power.sum(axis=0)
            self._count_levels(frames, power)
            with np.errstate(divide="ignore"):
                levels = np.maximum(20 * np.log10(spectrum), QUIET_DB).astype(np.float32)
            self._find_peaks(levels)

    def _stretches(self, *, last: bool) -> Iterator[NDArray[np.float32]]:
        while True:
            starts = self._starts(STRETCH_FRAMES)
            if last:  # a final frame may reach past the end, where zeros stand for sound
                starts = starts[starts < max(self.samples - self._window // 2, 1)]
                short = int(starts[-1]) + self._window - self.samples if len(starts) else 0
                self._tail = np.concatenate([self._tail, np.zeros(max(short, 0), np.float32)])
                if not len(starts):
                    return
            elif starts[-1] + self._window > self.samples:
                return
            places = (starts - self._tail_start)[:, None] + np.arange(self._window)
            yield self._tail[places]
            self._frame += len(starts)
            keep = min(int(self._starts(1)[0]) - self._tail_start, len(self._tail))
            self._tail, self._tail_start = self._tail[keep:], self._tail_start + keep
            if last and len(starts) < STRETCH_FRAMES:
                return

    def _count_levels(self, frames: NDArray[np.float32], power: NDArray[np.float64]) -> None:
        loudness = _decibels(np.square(frames, dtype=np.float64).mean(axis=1))
        np.add.at(self._levels, _bins(loudness), 1)
        bands = np.zeros((len(power), BANDS))
        inside = (self._band >= 0) & (self._band < BANDS)
        for band in np.unique(self._band[inside]):
            bands[:, band] = power[:, self._band == band].mean(axis=1)
        places = _bins(_decibels(bands))
        np.add.at(self._band_levels, (np.arange(BANDS)[None, :].repeat(len(places), axis=0), places), 1)

    def _find_peaks(self, levels: NDArray[np.float32]) -> None:
        # Frames near an edge wait for their neighbours: peaks are the same wherever the stretches begin.
        held = np.concatenate([self._context, levels])
        first = min(NEAR_FRAMES, len(held)) if self._context_start else 0
        last = max(len(held) - NEAR_FRAMES, first)
        self._keep_peaks(held, first, last)
        drop = max(last - NEAR_FRAMES, 0)
        self._context, self._context_start = held[drop:], self._context_start + drop

    def _keep_peaks(self, held: NDArray[np.float32], first: int, last: int) -> None:
        frames, bins = peaks(held, first, last)
        self._peak_frames.append(frames + self._context_start)
        self._peak_bins.append(bins)

    def finish(self) -> dict[str, Any]:
        """All measures as plain values; null where there is no sample."""
        self._analyse(last=True)
        if len(self._context):
            first = min(NEAR_FRAMES, len(self._context)) if self._context_start else 0
            self._keep_peaks(self._context, first, len(self._context))
        marks = self._landmarks()
        samples = max(self.samples, 1)
        return {
            "sample_hash": self._hash.hexdigest(),
            "level_db": float(_decibels(np.array(self._energy / samples))),
            "peak_db": float(_decibels(np.array(self._peak**2))),
            "noise_floor_db": _percentile(self._levels),
            "cutoff_hz": self._cutoff_hz(),
            "zero_share": self._zeros / samples,
            "offset": self._sum / samples,
            "spectrum_db": [_mean_level(counts) for counts in self._band_levels],
            "background_db": [_percentile(counts) for counts in self._band_levels],
            "landmarks": marks.values.tolist(),
            "landmark_frames": marks.frames.tolist(),
        }

    def _landmarks(self) -> Landmarks:
        if not self._peak_frames:
            return pair_up(np.zeros(0, np.int64), np.zeros(0, np.int64))
        return pair_up(np.concatenate(self._peak_frames), np.concatenate(self._peak_bins))

    def _cutoff_hz(self) -> float | None:
        levels = _decibels(self._power)
        if levels.max() <= QUIET_DB:
            return None
        last = int(np.flatnonzero(levels > levels.max() - CUTOFF_DB)[-1])
        return last * self.rate_hz / self._window


def _decibels(power: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(divide="ignore"):
        return np.asarray(np.clip(10 * np.log10(power), QUIET_DB, 0.0))


def _bins(levels: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.asarray(np.floor((levels - QUIET_DB) / BIN_DB), dtype=np.int64)


def _percentile(counts: NDArray[np.int64], share: float = 0.1) -> float:
    total = np.cumsum(counts)
    if not total[-1]:
        return QUIET_DB
    return QUIET_DB + BIN_DB * (int(np.searchsorted(total, share * total[-1])) + 0.5)


def _mean_level(counts: NDArray[np.int64]) -> float:
    centers = QUIET_DB + BIN_DB * (np.arange(len(counts)) + 0.5)
    return float((counts * centers).sum() / counts.sum()) if counts.sum() else QUIET_DB
