"""Plain template matching, the kind that served as baseline of DCASE task 5: what the finders must beat.

Magnitudes of a spectrogram (a window of 0.1 s, a quarter of it as hop), less the median of each bin and of each frame;
correlation of each example over all of it but two bins at either end; as threshold the greatest correlation between two
examples; peaks as long as their example, joined. No calibration, no choice of bands: nothing is mended here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy import fft

from tymbal.annotations import make_events
from tymbal.audio import AudioReader
from tymbal.errors import DataError
from tymbal.fewshot.calibrate import SHARED
from tymbal.fewshot.finders.contract import Pixels
from tymbal.fewshot.finders.ncc import SHIFTS, Ncc, Template
from tymbal.fewshot.finders.peaks import apart, best_boxes, peaks, runs
from tymbal.fewshot.picture import hann
from tymbal.fewshot.prompt import Prompt, Shot
from tymbal.units import FrameGrid, to_samples

WINDOW_S = 0.1
HOPS = 4  # in a window
BLOCK_S = 300.0  # whose medians are taken off
CONTEXT_S = 60.0  # around an example, for its medians
SINGLE = 0.5  # threshold where there is one example alone


@dataclass(frozen=True)
class TemplateMatching:
    """Made by `fit`; `predict` gives events as `Finder.predict` does, the score being the correlation."""

    label: str
    sample_rate_hz: int
    models: tuple[Ncc, ...]
    threshold: float

    @classmethod
    def fit(cls, prompt: Prompt) -> TemplateMatching:
        """Cut the templates and compare them with each other. Raises DataError without examples."""
        if not prompt.shots:
            raise DataError(f"no example of {prompt.label!r}", where="TemplateMatching.fit", mend="Give at least one.")
        with AudioReader(prompt.shots[0].recording) as reader:
            rate = reader.sample_rate_hz
        cuts = [_cut(shot, rate) for shot in prompt.shots]
        bands = np.arange(SHIFTS, cuts[0].shape[1] - SHIFTS, dtype=np.int64)
        templates = [Template(cut[:, bands] - cut[:, bands].mean(), 0, len(cut)) for cut in cuts]
        models = tuple(Ncc((each,), bands, cuts[0].shape[1], 0.0) for each in templates)
        alike = []
        for number, model in enumerate(models):
            length = len(cuts[number])
            others = [cut for place, cut in enumerate(cuts) if place != number and len(cut) >= length]
            for other in others:
                curve = model.correlate(other)[0]
                inside = curve[length // 2 : len(other) - length + length // 2 + 1]
                alike.append(float(inside.max()))
        return cls(prompt.label, rate, models, max(alike, default=SINGLE))

    def predict(self, recording: str | Path, *, channel: int | None = None, least: float | None = None) -> pl.DataFrame:
        """Events of one recording, read in blocks. Raises AudioError where it cannot be read.

        least : also peaks between this correlation and the threshold, as long as their example, where nothing higher
            lies; the events at the threshold and above it stay the same. None: those alone.
        """
        lowest = self.threshold if least is None else least
        rows: list[tuple[float, float, float]] = []
        with AudioReader(recording, channel, self.sample_rate_hz) as reader:
            n_fft, hop = _sizes(self.sample_rate_hz)
            grid = FrameGrid.from_samples(self.sample_rate_hz, hop=hop, first_center=0, receptive=n_fft)
            end_s = reader.samples / self.sample_rate_hz
            for first, pixels in _blocks(reader, self.sample_rate_hz):
                for start, stop, score in self._search(pixels, lowest):
                    onset, offset = grid.center_s(first + start - 0.5), grid.center_s(first + stop - 0.5)
                    rows.append((max(onset, 0.0), min(offset, end_s), score))
        columns = {"onset_s": 0, "offset_s": 1, "score": 2}
        table = {name: pl.Series([row[at] for row in rows], dtype=pl.Float64) for name, at in columns.items()}
        named = {
            "recording": pl.Series([str(recording)] * len(rows), dtype=pl.String),
            "channel": pl.Series([channel] * len(rows), dtype=pl.Int32),
            "label": pl.Series([self.label] * len(rows), dtype=pl.String),
        }
        return make_events(pl.DataFrame({**named, **table})).filter(pl.col("offset_s") > pl.col("onset_s"))

    def _search(self, pixels: Pixels, lowest: float) -> list[tuple[int, int, float]]:
        """(start, stop, correlation) of the events of a block, in frames, and of peaks below the threshold."""
        best = np.full(len(pixels), -1.0)
        lower: list[tuple[int, int, float]] = []
        for model in self.models:
            curve = model.correlate(pixels)[0].astype(np.float64)
            length = model.templates[0].length
            at = peaks(curve, self.threshold)
            for middle in apart(at, curve[at], np.full(len(at), float(length))).tolist():
                start = max(0, middle - length // 2)
                best[start : middle - length // 2 + length] = np.maximum(
                    best[start : middle - length // 2 + length], curve[middle]
                )
            at = peaks(curve, lowest)
            for middle in at[curve[at] < self.threshold].tolist():
                start = middle - length // 2
                lower.append((max(0, start), min(len(pixels), start + length), float(curve[middle])))
        found = [
            (int(start), int(stop), float(best[start:stop].max()))
            for start, stop in zip(*runs(best > -1.0, 0, 1), strict=True)
        ]
        if not lower:
            return found
        every = found + lower
        starts, stops, height = (np.array(column) for column in zip(*every, strict=True))
        return [every[number] for number in best_boxes(starts, stops, height, SHARED)]


def _sizes(rate: int) -> tuple[int, int]:
    n_fft = max(8, to_samples(WINDOW_S, rate))
    return n_fft, max(1, n_fft // HOPS)


def _levels(reader: AudioReader, rate: int, first: int, stop: int) -> Pixels:
    """Magnitudes less medians, frames first ... stop - 1, (frames, bins)."""
    n_fft, hop = _sizes(rate)
    begin = first * hop - n_fft // 2
    sound = np.zeros((stop - first - 1) * hop + n_fft, np.float32)
    read = reader.read(max(begin, 0), begin + len(sound) - max(begin, 0))
    sound[max(0, -begin) : max(0, -begin) + len(read)] = read
    cut = np.lib.stride_tricks.sliding_window_view(sound, n_fft)[::hop]
    taper = hann(n_fft)
    found = np.abs(fft.rfft(cut * taper, axis=1))
    found -= np.median(found, axis=0, keepdims=True)
    return np.asarray(found - np.median(found, axis=1, keepdims=True), dtype=np.float32)


def _blocks(reader: AudioReader, rate: int) -> Iterator[tuple[int, Pixels]]:
    """(first frame, levels) of blocks of BLOCK_S; an event across a seam is cut there."""
    _, hop = _sizes(rate)
    frames, length = -(-reader.samples // hop), max(1, to_samples(BLOCK_S, rate) // hop)
    for first in range(0, frames, length):
        yield first, _levels(reader, rate, first, min(first + length, frames))


def _cut(shot: Shot, rate: int) -> Pixels:
    """The frames of an example, of levels whose medians are those of the sound around it."""
    _, hop = _sizes(rate)
    with AudioReader(shot.recording, shot.channel, rate) as reader:
        frames = -(-reader.samples // hop)
        low = max(0, to_samples(shot.onset_s - CONTEXT_S, rate) // hop)
        high = min(frames, to_samples(shot.offset_s + CONTEXT_S, rate) // hop + 1)
        levels = _levels(reader, rate, low, max(high, low + 1))
    start = min(max(0, to_samples(shot.onset_s, rate) // hop - low), len(levels) - 1)
    stop = min(max(start + 1, -(-to_samples(shot.offset_s, rate) // hop) - low), len(levels))
    return levels[start:stop]
