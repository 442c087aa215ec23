"""The same sound in several recordings: copies, re-encoded copies, excerpts.

Candidates share landmarks at one time difference, found by sorting, not by comparing all pairs; each candidate is
then listened to: the waveforms, flattened in frequency, must agree sample by sample.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft

from tymbal.audio import AudioReader
from tymbal.corpus.auditing.landmarks import HOP_S
from tymbal.jobs import Failure, Progress, Shard, ShardOutcomes, Silent, Worked, make_executor, make_plan, run_job
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
FEW = 512  # candidates that are compared in this process: starting others takes longer
PER_SHARD = 32  # candidates between two marks of progress


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


@dataclass(frozen=True)
class Pair:
    """A candidate to be listened to, with the durations of both recordings."""

    candidate: Candidate
    first_s: float
    second_s: float

    @property
    def name(self) -> str:
        """How a failure calls it."""
        return f"{self.candidate.first} and {self.candidate.second}"


@dataclass(frozen=True)
class Listen:
    """The work on one pair: read a few seconds of both and compare."""

    root: str

    def prepare(self) -> None:
        """Nothing to load."""

    def __call__(self, pair: Pair) -> Worked[float]:
        """The likeness, 0-1. Raises AudioError or OSError where one of the two cannot be read any more."""
        return Worked(listen(pair, Path(self.root)))


def find_duplicates(
    measures: pl.DataFrame,
    durations: Mapping[str, float],
    root: Path,
    *,
    workers: int | None = 1,
    progress: Progress | None = None,
) -> tuple[list[Duplicate], list[Failure]]:
    """All duplicates among the recordings of `measures` (MEASURES) under `root`, and the pairs that could not be read.

    Of recordings that are equal sample by sample only the first is compared with others. Time and memory grow with
    the number of landmarks (times its logarithm, for sorting), not with pairs.
    """
    told = progress or Silent()
    exact, firsts = _exact(measures)
    likely = candidates(measures.filter(pl.col("recording").is_in(list(firsts))), progress=told)
    pairs = [Pair(each, durations[each.first], durations[each.second]) for each in likely]
    likenesses: dict[int, list[float | None]] = {}
    failures: list[Failure] = []

    def keep(shard: Shard[Pair], outcomes: ShardOutcomes[float]) -> None:
        failures.extend(outcomes.failures)
        likenesses[shard.index] = [None if one.worked is None else one.worked.value for one in outcomes.outcomes]

    if pairs:
        work = Listen(root.as_posix())
        plan = make_plan("audit: comparing likely copies", pairs, work, per_shard=PER_SHARD)
        executor = make_executor(1 if len(pairs) <= FEW else workers)
        run_job(plan, work, keep, executor=executor, progress=told)
    heard = [value for index in sorted(likenesses) for value in likenesses[index]]
    found = exact + [_duplicate(*each) for each in zip(pairs, heard, strict=True) if (each[1] or 0) >= LEAST_LIKENESS]
    return sorted(found, key=lambda each: (each.first, each.second)), failures


def _duplicate(pair: Pair, likeness: float | None) -> Duplicate:
    candidate = pair.candidate
    start, end = _common(pair)
    ends = (candidate.first, candidate.second, "sound", round(candidate.lag_s, 3))
    return Duplicate(*ends, round(max(end - start, 0.0), 3), round(likeness or 0.0, 3))


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


def candidates(measures: pl.DataFrame, *, progress: Progress | None = None) -> list[Candidate]:
    """Pairs of recordings with enough landmarks in common at one time difference, those with most first."""
    table = measures.select("recording", "landmarks", "landmark_frames").sort("recording")
    names = table["recording"].to_list()
    counts = table["landmarks"].list.len().to_numpy()
    owner = np.repeat(np.arange(len(names), dtype=np.int32), counts)
    if not len(owner):
        return []
    value = table["landmarks"].explode().drop_nulls().to_numpy()
    frame = table["landmark_frames"].explode().drop_nulls().to_numpy().astype(np.int32)
    order = np.argsort(value, kind="stable")  # within a value by recording and frame, as they come
    value, owner, frame = _without_repeats(value[order], owner[order], frame[order])
    needed = np.clip(np.ceil(LEAST_SHARE * counts), LEAST_VOTES_SHORT, LEAST_VOTES).astype(np.int64)
    found: list[Candidate] = []
    by_owner = np.argsort(owner, kind="stable")
    last = np.searchsorted(owner[by_owner], np.arange(len(names)), side="right")
    told = progress or Silent()
    told.start("audit: looking for likely copies", len(names))
    start = done = 0
    while start < len(by_owner):  # all pairs of a few recordings at a time: they would not fit into memory together
        full = max(int(owner[by_owner[start]]), int(np.searchsorted(last, start + AT_ONCE)) - 1)
        stop = int(last[full])
        found += _count(names, needed, *_pairs(by_owner[start:stop], value, owner, frame))
        told.advance(full + 1 - done)
        start, done = stop, full + 1
    told.advance(len(names) - done)
    told.finish()
    return _best(found)


def _pairs(
    rows: NDArray[np.int64], value: NDArray[np.uint32], owner: NDArray[np.int32], frame: NDArray[np.int32]
) -> tuple[NDArray[np.int64], ...]:
    """For landmarks `rows`: own recording, other recording with the same value, lag between them, own frame."""
    lefts, rights = [], []
    for step in range(1, NEIGHBOURS + 1):
        own = rows[rows + step < len(value)]
        own = own[(value[own + step] == value[own]) & (owner[own + step] != owner[own])]
        lefts.append(own)
        rights.append(own + step)
    left, right = np.concatenate(lefts), np.concatenate(rights)
    wide = owner[left], owner[right], frame[left] - frame[right], frame[left]
    return tuple(each.astype(np.int64) for each in wide)


def _without_repeats(
    value: NDArray[np.uint32], owner: NDArray[np.int32], frame: NDArray[np.int32]
) -> tuple[NDArray[np.uint32], NDArray[np.int32], NDArray[np.int32]]:
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
) -> list[Candidate]:
    """Pairs with enough votes at their best lag, the least of several; a lag counts its two neighbours' votes too.

    (A copy shifted by part of a frame has its votes at two lags.)
    """
    ends, members, shared = np.unique((left << 32) | right, return_inverse=True, return_counts=True)
    # Most pairs share a landmark or two by chance: they are dropped before the sorting.
    kept = np.flatnonzero((shared >= np.minimum(needed[ends >> 32], needed[ends & 0xFFFFFFFF]))[members])
    order = kept[np.lexsort((lag[kept], members[kept]))]
    left, right, lag, place = left[order], right[order], lag[order], place[order]
    fresh = np.r_[True, (np.diff(left) != 0) | (np.diff(right) != 0)][: len(left)]
    pair = np.cumsum(fresh)
    key = pair * (1 << 33) + (lag + (1 << 32))  # pair, then lag, in one sorted number
    first, stop = np.searchsorted(key, key - 1, side="left"), np.searchsorted(key, key + 1, side="right")
    enough = np.flatnonzero(stop - first >= np.minimum(needed[left], needed[right]))
    enough = enough[np.lexsort((-(stop - first)[enough], pair[enough]))]
    enough = enough[np.r_[True, np.diff(pair[enough]) != 0][: len(enough)]]  # the best row of each pair
    found = []
    for row in enough.tolist():
        around = float(np.median(place[first[row] : stop[row]])) * HOP_S
        both = names[left[row]], names[right[row]]
        found.append(Candidate(*both, float(lag[row]) * HOP_S, int(stop[row] - first[row]), around))
    return found


def _best(found: list[Candidate]) -> list[Candidate]:
    """Candidates by votes; a recording that has BEST_PAIRS takes part in no more with others that have."""
    taken: Counter[str] = Counter()
    kept: list[Candidate] = []
    for candidate in sorted(found, key=lambda each: (-each.votes, each.first, each.second)):
        if min(taken[candidate.first], taken[candidate.second]) < BEST_PAIRS:
            taken[candidate.first] += 1
            taken[candidate.second] += 1
            kept.append(candidate)
    return kept


def _common(pair: Pair) -> tuple[float, float]:
    """Where both recordings sound, in seconds of the first."""
    lag_s = pair.candidate.lag_s
    return max(0.0, lag_s), min(pair.first_s, lag_s + pair.second_s)


def listen(pair: Pair, root: Path) -> float:
    """How alike the two recordings are where their landmarks agree, 0-1; errors of AudioReader."""
    candidate = pair.candidate
    one, other = root / candidate.first, root / candidate.second
    with AudioReader(one) as first, AudioReader(other) as second:
        rate = min(first.sample_rate_hz, second.sample_rate_hz)
    rate = rate if rate > 2 * HIGHEST_RATE_HZ else min(rate, HIGHEST_RATE_HZ)
    start, end = _common(pair)
    length = min(LISTEN_S, end - start, LONGEST_SAMPLES / rate)
    start = min(max(start, candidate.around_s - length / 2), max(end - length, start))
    with AudioReader(one, sample_rate_hz=rate) as first, AudioReader(other, sample_rate_hz=rate) as second:
        left = _excerpt(first, start, length)
        right = _excerpt(second, start - candidate.lag_s - SLACK_S, length + 2 * SLACK_S)
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
