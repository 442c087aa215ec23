"""How far each reference stands above its surroundings, measured on the recording; for recall by SNR."""

from __future__ import annotations

import numpy as np
import polars as pl

from tymbal.annotations.coverage import Intervals, merge_intervals
from tymbal.audio import AudioReader
from tymbal.corpus import Corpus
from tymbal.errors import TymbalError
from tymbal.evaluation.detection.boxes import Booleans, Floats

CONTEXT_S = 2.0  # looked at before and after an event
LONGEST_S = 30.0  # of an event that is looked at
FRAME_S = 0.01
FEWEST = 5  # frames of background; with fewer nothing is said
LEAST_DB = -30.0  # what is no louder than its surroundings


def measure_snr(corpus: Corpus, events: pl.DataFrame) -> tuple[Floats, tuple[tuple[str, str], ...]]:
    """SNR (dB) of every event, (rows,), NaN where it cannot be told, and (recording, why) of recordings not read.

    10 log10 of (mean power while the event lasts - background) over background, both within its frequency bounds
    (without bounds: all frequencies), background = median power of 10 ms frames within 2 s of it that no event of the
    table covers. Nothing is said of an event without times, or whose surroundings are full of others. An event no
    louder than its surroundings has -30 dB. Memory is that of one event and its surroundings.
    """
    values: Floats = np.full(events.height, np.nan)
    failed: list[tuple[str, str]] = []
    timed = events.with_row_index("_row").drop_nulls(["onset_s", "offset_s"])
    for (recording, channel), rows in timed.group_by("recording", "channel", maintain_order=True):
        busy = merge_intervals(timed.filter(pl.col("recording") == recording).select("onset_s", "offset_s").iter_rows())
        try:
            with AudioReader(corpus.file(str(recording)), channel=channel) as reader:
                for row in rows.iter_rows(named=True):
                    values[row["_row"]] = _snr(reader, row, busy)
        except (TymbalError, OSError) as error:
            failed.append((str(recording), str(error)))
    return values, tuple(failed)


def _snr(reader: AudioReader, row: dict[str, float | None], busy: Intervals) -> float:
    rate = reader.sample_rate_hz
    onset, offset = float(row["onset_s"] or 0.0), float(row["offset_s"] or 0.0)
    offset = min(offset, onset + LONGEST_S)
    first = max(round((onset - CONTEXT_S) * rate), 0)
    last = min(round((offset + CONTEXT_S) * rate), reader.samples)
    size = 1 << max(round(np.log2(FRAME_S * rate)), 3)
    if last - first < size:
        return float("nan")
    samples = np.asarray(reader.read(first, last - first), dtype=np.float64)
    frames = samples[: len(samples) // size * size].reshape(-1, size) * np.hanning(size)
    power = np.abs(np.fft.rfft(frames, axis=1)) ** 2
    hertz = np.fft.rfftfreq(size, 1 / rate)
    inside = (hertz >= (row["low_hz"] or 0.0)) & (hertz <= (row["high_hz"] or np.inf))
    if not inside.any():
        inside[int(np.abs(hertz - ((row["low_hz"] or 0.0) + (row["high_hz"] or 0.0)) / 2).argmin())] = True
    level = power[:, inside].sum(axis=1)
    centre = (first + (np.arange(len(level)) + 0.5) * size) / rate
    sounding = (centre >= onset) & (centre < offset)
    if not sounding.any():
        sounding[int(np.abs(centre - (onset + offset) / 2).argmin())] = True
    quiet = level[~_within(centre, busy, size / rate)]
    if len(quiet) < FEWEST:
        return float("nan")
    background = float(np.median(quiet))
    if background <= 0:
        return float("nan")
    above = float(level[sounding].mean()) / background - 1
    return max(10 * float(np.log10(max(above, 1e-12))), LEAST_DB)


def _within(times_s: Floats, busy: Intervals, margin_s: float) -> Booleans:
    """Whether each time lies in an interval or within a margin of it."""
    at = np.searchsorted(busy[:, 0] - margin_s, times_s, side="right") - 1
    return np.asarray((at >= 0) & (times_s < busy[np.maximum(at, 0), 1] + margin_s))
