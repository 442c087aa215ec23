"""The same sound in several recordings: copies, re-encoded copies, excerpts.

Candidates share landmarks at one time difference, found by sorting, not by comparing all pairs; each candidate is
then listened to: the waveforms, flattened in frequency, must agree sample by sample.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft

from tymbal.audio import AudioReader
from tymbal.corpus.auditing.landmarks import HOP_S
from tymbal.errors import AudioError
from tymbal.units import to_samples

NEIGHBOURS = 16  # recordings with the same landmark that each is paired with: keeps the work linear
REPEATS = 2  # times one recording may show the same landmark
LEAST_VOTES = 6  # landmarks at one time difference that make a pair a candidate ...
LEAST_VOTES_SHORT = 3  # ... and for recordings so short that LEAST_SHARE of theirs are fewer
LEAST_SHARE = 0.1
AT_ONCE = 100_000  # landmarks whose pairs are counted together
BEST_PAIRS = 8  # candidates per recording that are listened to
LISTEN_S = 5.0  # seconds compared, where the landmarks agree
SLACK_S = 0.05  # by how much the landmarks' time difference may be off
RANGE_DB = 40.0  # frequencies further below the strongest are not brought up by the flattening
LEAST_LIKENESS = 0.5  # correlation above which two waveforms are one sound (docs/studies/audit.md)
HIGHEST_RATE_HZ = 48_000  # sounds above it are compared below 24 kHz unless both are ultrasonic
LONGEST_SAMPLES = 1 << 20


@dataclass(frozen=True)
class Candidate:
    """Two recordings (`first` < `second`) whose landmarks agree: `second` begins `lag_s` after `first`."""

    first: str
    second: str
    lag_s: float
    votes: int
    around_s: float  # where in `first` they agree


@dataclass(frozen=True)
class Duplicate:
    """Two recordings with the same sound in them.

    `kind`: "file" same bytes, "samples" same samples, "sound" re-encoded, changed in gain or cut. `lag_s`: where
    `second` begins on the clock of `first`; `overlap_s`: how long both sound; `likeness`: correlation, 0-1.
    """

    first: str
    second: str
    kind: str
    lag_s: float
    overlap_s: float
    likeness: float


def find_duplicates(
    measures: pl.DataFrame, durations: dict[str, float], locate: Callable[[str], Path]
) -> list[Duplicate]:
    """All duplicates among the recordings of `measures` (MEASURES); `locate` gives a recording's file.

    Of recordings that are equal sample by sample only the first is compared with others. Time and memory grow with
    the number of landmarks (times its logarithm, for sorting), not with pairs.
    """
    exact, firsts = _exact(measures)
    found = list(exact)
    for candidate in candidates(measures.filter(pl.col("recording").is_in(list(firsts)))):
        likeness = listen(candidate, durations, locate)
        if likeness >= LEAST_LIKENESS:
            start = max(0.0, candidate.lag_s)
            end = min(durations[candidate.first], candidate.lag_s + durations[candidate.second])
            pair = (candidate.first, candidate.second, "sound", round(candidate.lag_s, 3))
            found.append(Duplicate(*pair, round(max(end - start, 0.0), 3), round(likeness, 3)))
    return sorted(found, key=lambda each: (each.first, each.second))


def _exact(measures: pl.DataFrame) -> tuple[list[Duplicate], list[str]]:
    """Pairs with equal samples (silence left out), and one recording of each such set."""
    found, firsts = [], []
    sounding = measures.with_columns((pl.col("zero_share") >= 1).alias("silent"))
    groups = sounding.sort("recording").group_by("sample_hash", "silent", maintain_order=True)
    for (_, silent), part in groups:
        names, hashes = part["recording"].to_list(), part["content_hash"].to_list()
        firsts.append(names[0])
        for name, content in zip(names[1:], hashes[1:], strict=True):
            same_file = content == hashes[0]
            if same_file or not silent:
                found.append(Duplicate(names[0], name, "file" if same_file else "samples", 0.0, float("nan"), 1.0))
    return found, firsts


def candidates(measures: pl.DataFrame) -> list[Candidate]:
    """Pairs of recordings with enough landmarks in common at one time difference, those with most first."""
    table = measures.select("recording", "landmarks", "landmark_frames").sort("recording")
    names = table["recording"].to_list()
    counts = table["landmarks"].list.len().to_numpy()
    owner = np.repeat(np.arange(len(names), dtype=np.int64), counts)
    if not len(owner):
        return []
    value = table["landmarks"].explode().drop_nulls().to_numpy().astype(np.int64)
    frame = table["landmark_frames"].explode().drop_nulls().to_numpy().astype(np.int64)
    order = np.lexsort((frame, owner, value))
    value, owner, frame = value[order], owner[order], frame[order]
    value, owner, frame = _without_repeats(value, owner, frame)
    needed = np.clip(np.ceil(LEAST_SHARE * counts), LEAST_VOTES_SHORT, LEAST_VOTES).astype(np.int64)
    found: list[tuple[int, int, Candidate]] = []
    by_owner = np.argsort(owner, kind="stable")
    last = np.searchsorted(owner[by_owner], np.arange(len(names)), side="right")
    start = 0
    while start < len(by_owner):  # all pairs of a few recordings at a time: they would not fit into memory together
        stop = int(last[max(int(owner[by_owner[start]]), int(np.searchsorted(last, start + AT_ONCE)) - 1)])
        found += _count(names, needed, *_pairs(by_owner[start:stop], value, owner, frame))
        start = stop
    return _best(found, len(names))


def _pairs(
    rows: NDArray[np.int64], value: NDArray[np.int64], owner: NDArray[np.int64], frame: NDArray[np.int64]
) -> tuple[NDArray[np.int64], ...]:
    """For landmarks `rows`: own recording, other recording with the same value, lag between them, own frame."""
    lefts, rights = [], []
    for step in range(1, NEIGHBOURS + 1):
        own = rows[rows + step < len(value)]
        own = own[(value[own + step] == value[own]) & (owner[own + step] != owner[own])]
        lefts.append(own)
        rights.append(own + step)
    left, right = np.concatenate(lefts), np.concatenate(rights)
    return owner[left], owner[right], frame[left] - frame[right], frame[left]


def _without_repeats(
    value: NDArray[np.int64], owner: NDArray[np.int64], frame: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    if len(value) <= REPEATS:
        return value, owner, frame
    repeated = np.zeros(len(value), dtype=bool)
    repeated[REPEATS:] = (value[REPEATS:] == value[:-REPEATS]) & (owner[REPEATS:] == owner[:-REPEATS])
    return value[~repeated], owner[~repeated], frame[~repeated]


def _count(
    names: list[str],
    needed: NDArray[np.int64],
    left: NDArray[np.int64],
    right: NDArray[np.int64],
    lag: NDArray[np.int64],
    place: NDArray[np.int64],
) -> list[tuple[int, int, Candidate]]:
    """Pairs with enough votes at their best lag; a lag counts its two neighbours' votes too.

    (A copy shifted by part of a frame has its votes at two lags.)
    """
    order = np.lexsort((lag, right, left))
    left, right, lag, place = left[order], right[order], lag[order], place[order]
    fresh = np.r_[True, (np.diff(left) != 0) | (np.diff(right) != 0)][: len(left)]
    key = np.cumsum(fresh) * (1 << 33) + (lag + (1 << 32))  # pair, then lag, in one sorted number
    votes = np.searchsorted(key, key + 1, side="right") - np.searchsorted(key, key - 1, side="left")
    best: dict[tuple[int, int], tuple[int, int]] = {}
    for row in np.flatnonzero(votes >= np.minimum(needed[left], needed[right])).tolist():
        ends = (int(left[row]), int(right[row]))
        if ends not in best or votes[row] > best[ends][0]:
            best[ends] = (int(votes[row]), row)
    found = []
    for (one, other), (count, row) in best.items():
        inside = slice(
            np.searchsorted(key, key[row] - 1, side="left"), np.searchsorted(key, key[row] + 1, side="right")
        )
        around = float(np.median(place[inside])) * HOP_S
        found.append((one, other, Candidate(names[one], names[other], float(lag[row]) * HOP_S, count, around)))
    return found


def _best(found: list[tuple[int, int, Candidate]], recordings: int) -> list[Candidate]:
    """Candidates by votes; a recording that has BEST_PAIRS takes part in no more with others that have."""
    taken = np.zeros(recordings, dtype=np.int64)
    kept: list[Candidate] = []
    for one, other, candidate in sorted(found, key=lambda each: (-each[2].votes, each[0], each[1])):
        if min(taken[one], taken[other]) < BEST_PAIRS:
            taken[[one, other]] += 1
            kept.append(candidate)
    return kept


def listen(candidate: Candidate, durations: dict[str, float], locate: Callable[[str], Path]) -> float:
    """How alike the two recordings are where their landmarks agree, 0-1; 0 where one cannot be read."""
    one, other = locate(candidate.first), locate(candidate.second)
    try:
        with AudioReader(one) as first, AudioReader(other) as second:
            rate = min(first.sample_rate_hz, second.sample_rate_hz)
        rate = rate if rate > 2 * HIGHEST_RATE_HZ else min(rate, HIGHEST_RATE_HZ)
        start = max(0.0, candidate.lag_s)
        end = min(durations[candidate.first], candidate.lag_s + durations[candidate.second])
        length = min(LISTEN_S, end - start, LONGEST_SAMPLES / rate)
        start = min(max(start, candidate.around_s - length / 2), max(end - length, start))
        with AudioReader(one, sample_rate_hz=rate) as first, AudioReader(other, sample_rate_hz=rate) as second:
            left = _excerpt(first, start, length)
            right = _excerpt(second, start - candidate.lag_s - SLACK_S, length + 2 * SLACK_S)
    except AudioError:
        return 0.0
    return likeness(left, right, rate)


def _excerpt(reader: AudioReader, start_s: float, length_s: float) -> NDArray[np.float32]:
    rate = reader.sample_rate_hz
    start, stop = to_samples(start_s, rate), to_samples(start_s + length_s, rate)
    inside = reader.read(max(start, 0), max(min(stop, reader.samples) - max(start, 0), 0))
    return np.pad(inside, (max(-start, 0), max(stop - max(start, 0) - len(inside), 0)))


def likeness(left: NDArray[np.float32], right: NDArray[np.float32], rate_hz: float) -> float:
    """Greatest correlation of `left` with a part of `right` (which is longer by the slack), sign ignored, 0-1.

    Both are flattened first: divided by their smoothed joint spectrum, so that hum or one loud band does not decide.
    """
    if len(left) < 64 or not left.any() or not right.any():
        return 0.0
    size = next_fast_len(len(left) + len(right), real=True)
    one, other = rfft(left.astype(np.float64), size), rfft(right.astype(np.float64), size)
    weight = _flattening(np.abs(one) ** 2, np.abs(other) ** 2, rate_hz, size)
    one, other = one * weight, other * weight
    product = irfft(np.conj(one) * other, size)[: max(len(right) - len(left), 0) + 1]
    flat_left, flat_right = irfft(one, size)[: len(left)], irfft(other, size)[: len(right)]
    sums = np.concatenate([[0.0], np.cumsum(flat_right**2)])
    energy = sums[len(left) : len(left) + len(product)] - sums[: len(product)]
    scale = np.sqrt(np.maximum(energy, 1e-9 * sums[-1]) * float(flat_left @ flat_left))
    return float(min(1.0, np.max(np.abs(product) / scale)))


def _flattening(one: NDArray[np.float64], other: NDArray[np.float64], rate_hz: float, size: int) -> NDArray[np.float64]:
    """Per-bin gain that evens out sixth-octave bands of the geometric mean of two power spectra."""
    frequencies = np.arange(len(one)) * rate_hz / size
    band = np.floor(6 * np.log2(np.maximum(frequencies, 30.0) / 30.0)).astype(np.int64)
    width = np.maximum(np.bincount(band), 1)
    mean = np.sqrt(np.bincount(band, one) / width * (np.bincount(band, other) / width))
    floor = mean.max() * 10 ** (-RANGE_DB / 10)
    gain = 1 / np.sqrt(np.maximum(mean, floor))
    gain[0] = 0.0  # below 30 Hz: drift and direct current
    return np.asarray(gain[band])
