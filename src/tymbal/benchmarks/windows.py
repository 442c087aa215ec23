"""Recordings to labelled windows, as BEANS cuts and labels them (arXiv 2210.12300; spec of its repository)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tymbal.audio import probe
from tymbal.corpus.windows import window_labels
from tymbal.errors import DataError

CHUNK_S = 60


@dataclass(frozen=True)
class Annotation:
    """One event of a recording in seconds; not cleaned: times may lie past the end, as the set has them."""

    onset_s: float
    offset_s: float
    label: str


def window_count(length_s: float, window_s: float, hop_s: float) -> int:
    """How many windows a stretch holds: int((length - window) / hop) + 1, never below 0.

    int() cuts towards zero, so a stretch that is up to one hop shorter than a window still gives one, whose end is
    padding: the official code does so, and its counts of test windows follow from it.
    """
    return max(int((length_s - window_s) / hop_s) + 1, 0)


def chunk_annotations(annotations: Sequence[Annotation], chunk_s: int = CHUNK_S) -> dict[int, list[Annotation]]:
    """Events of every chunk on the chunk's own clock; an event across a border is cut there into one for each side."""
    chunks: dict[int, list[Annotation]] = {}
    for event in annotations:
        first, last = int(event.onset_s // chunk_s), int(event.offset_s // chunk_s)
        for chunk in range(first, last + 1):
            onset = event.onset_s - chunk * chunk_s if chunk == first else 0.0
            offset = event.offset_s - chunk * chunk_s if chunk == last else float(chunk_s)
            chunks.setdefault(chunk, []).append(Annotation(onset, offset, event.label))
    return chunks


def delivered_s(path: Path, sample_rate_hz: int | None) -> float:
    """Seconds of a recording after resampling, which rounds its samples up; None keeps its own rate."""
    info = probe(path)
    if not info.samples or not info.sample_rate_hz:
        raise DataError("this recording holds no sound", where=path, mend="Download it again.")
    if sample_rate_hz is None or sample_rate_hz == info.sample_rate_hz:
        return info.samples / info.sample_rate_hz
    common = math.gcd(sample_rate_hz, info.sample_rate_hz)
    samples = -(-info.samples * (sample_rate_hz // common) // (info.sample_rate_hz // common))
    return samples / sample_rate_hz


@dataclass(frozen=True)
class Cut:
    """How recordings become windows: width and hop (s), chunks (None: none), and the label numbers."""

    window_s: float
    hop_s: float
    numbers: dict[str, int]
    chunk_s: int | None = None

    def windows(
        self, recording: str, length_s: float, annotations: Sequence[Annotation], fold: Callable[[int, int], str | None]
    ) -> pl.DataFrame:
        """The windows of one recording as rows of EXAMPLES and `chunk`; `fold(chunk, chunks)` None leaves a chunk out.

        Labels are found on each chunk's clock, so that an event shared by two chunks is two events, as in BEANS.
        """
        chunk_s = self.chunk_s or length_s
        chunks = math.ceil(length_s / chunk_s)
        parts = chunk_annotations(annotations, self.chunk_s) if self.chunk_s else {0: list(annotations)}
        names = list(self.numbers)
        rows = []
        for chunk in range(chunks):
            where = fold(chunk, chunks)
            if where is None:
                continue
            base = chunk * chunk_s
            count = window_count(min(chunk_s, length_s - base), self.window_s, self.hop_s)
            starts = np.arange(count, dtype=np.float64) * self.hop_s
            for number, member in enumerate(self._label(parts.get(chunk, []), starts)):
                onset = base + number * self.hop_s
                labels = [names[index] for index in np.flatnonzero(member)]
                offset = min(onset + self.window_s, length_s)
                rows.append(
                    [f"{recording}@{chunk}:{number}", recording, onset, offset, labels, where, recording, chunk]
                )
        return pl.DataFrame(rows, schema=WINDOWS, orient="row")

    def _label(self, events: Sequence[Annotation], starts: NDArray[np.float64]) -> NDArray[np.bool_]:
        return window_labels(
            np.array([event.onset_s for event in events], dtype=np.float64),
            np.array([event.offset_s for event in events], dtype=np.float64),
            np.array([self.numbers[event.label] for event in events], dtype=np.int64),
            starts_s=starts,
            window_s=self.window_s,
            classes=max(self.numbers.values()) + 1,
        )


WINDOWS = pl.Schema(
    {
        "event_id": pl.String(),
        "recording": pl.String(),
        "onset_s": pl.Float64(),
        "offset_s": pl.Float64(),
        "labels": pl.List(pl.String()),
        "fold": pl.String(),
        "unit": pl.String(),
        "chunk": pl.Int64(),
    }
)
