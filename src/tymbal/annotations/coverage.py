"""What was listened to: unions of intervals, and which events lie inside them.

A null start is the beginning of the recording, a null end its end; null labels stand for every label; a null channel
stands for every channel. Outside coverage the absence of an event says nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tymbal.annotations.tables import make_coverage
from tymbal.errors import AnnotationError

Intervals = NDArray[np.float64]  # shape (n, 2): start and end in seconds, sorted, apart from each other


def merge_intervals(intervals: Iterable[tuple[float, float]]) -> Intervals:
    """The union of [start, end) intervals: sorted, touching ones joined, empty ones left out; shape (n, 2)."""
    pairs = np.array([pair for pair in intervals if pair[1] > pair[0]], dtype=np.float64).reshape(-1, 2)
    if len(pairs) < 2:
        return pairs
    pairs = pairs[np.argsort(pairs[:, 0], kind="stable")]
    ends = np.maximum.accumulate(pairs[:, 1])
    fresh = np.r_[True, pairs[1:, 0] > ends[:-1]]  # a start past everything so far opens a new interval
    starts = pairs[fresh, 0]
    return np.column_stack([starts, ends[np.r_[np.flatnonzero(fresh)[1:] - 1, len(pairs) - 1]]])


def complement(intervals: Intervals, start_s: float = 0.0, end_s: float = math.inf) -> Intervals:
    """What lies between `start_s` and `end_s` outside merged `intervals`; shape (n, 2)."""
    inner = np.clip(intervals, start_s, end_s).ravel()
    edges = np.concatenate([[start_s], inner, [end_s]]).reshape(-1, 2)
    return edges[edges[:, 1] > edges[:, 0]]


def whole_coverage(
    recordings: Iterable[str], labels: Iterable[str] | None = None, annotator: str | None = None
) -> pl.DataFrame:
    """Coverage that says: these recordings were listened to from end to end, for `labels` (None = every label)."""
    names = list(recordings)
    wanted = None if labels is None else list(labels)
    columns = {"recording": names, "labels": [wanted] * len(names), "annotator": [annotator] * len(names)}
    schema = {"recording": pl.String(), "labels": pl.List(pl.String()), "annotator": pl.String()}
    return make_coverage(pl.DataFrame(columns, schema=schema))


@dataclass(frozen=True)
class _Span:
    channel: int | None
    start_s: float
    end_s: float
    labels: frozenset[str] | None

    def holds(self, channel: int | None, label: str | None) -> bool:
        right_channel = self.channel is None or self.channel == channel
        return right_channel and (self.labels is None or (label is not None and label in self.labels))


class CoverageIndex:
    """Coverage made ready for many questions; the intervals of each (recording, channel, label) are merged once."""

    def __init__(self, coverage: pl.DataFrame) -> None:
        self._spans: dict[str, list[_Span]] = {}
        self._merged: dict[tuple[str, int | None, str | None], Intervals] = {}
        columns = coverage.select("recording", "channel", "start_s", "end_s", "labels")
        for recording, channel, start, end, labels in columns.iter_rows():
            span = _Span(
                channel,
                0.0 if start is None else start,
                math.inf if end is None else end,
                None if labels is None else frozenset(labels),
            )
            self._spans.setdefault(recording, []).append(span)

    def intervals(self, recording: str, label: str | None = None, channel: int | None = None) -> Intervals:
        """Where `recording` was listened to for `label`; shape (n, 2), an open end is infinite.

        Without a label only spans that hold for every label count; without a channel (the mix) only those that hold
        for every channel.
        """
        wanted = (recording, channel, label)
        if wanted not in self._merged:
            spans = self._spans.get(recording, [])
            self._merged[wanted] = merge_intervals(
                (span.start_s, span.end_s) for span in spans if span.holds(channel, label)
            )
        return self._merged[wanted]

    def intervals_of_all(self, recording: str, labels: Iterable[str], channel: int | None = None) -> Intervals:
        """Where `recording` was listened to for each of `labels`, whoever said so; without any, for every label."""
        unheard = [complement(self.intervals(recording, label, channel)) for label in labels]
        if not unheard:
            return self.intervals(recording, None, channel)
        return complement(merge_intervals((start, end) for part in unheard for start, end in part))

    def covers(
        self, recording: str, start_s: float, end_s: float, *, label: str | None = None, channel: int | None = None
    ) -> bool:
        """Whether all of [start_s, end_s] was listened to for `label`; an end of infinity asks for the whole rest."""
        spans = self.intervals(recording, label, channel)
        at = int(np.searchsorted(spans[:, 0], start_s, side="right")) - 1
        return bool(at >= 0 and spans[at, 1] >= end_s)


def is_covered(
    coverage: pl.DataFrame,
    recording: str,
    start_s: float,
    end_s: float,
    *,
    label: str | None = None,
    channel: int | None = None,
) -> bool:
    """`CoverageIndex.covers` for a single question."""
    return CoverageIndex(coverage).covers(recording, start_s, end_s, label=label, channel=channel)


def covered_seconds(
    coverage: pl.DataFrame, durations: Mapping[str, float] | None = None, label: str | None = None
) -> float:
    """Seconds of recording listened to for `label` (None = for every label), each second counted once.

    The channels of a recording are one stretch of time. `durations` (s) closes spans that run to the end of their
    recording; AnnotationError names a recording whose end is needed and not known.
    """
    total = 0.0
    for (recording,), rows in coverage.group_by("recording", maintain_order=True):
        index = CoverageIndex(rows.with_columns(channel=pl.lit(None, dtype=pl.Int32)))
        spans = index.intervals(str(recording), label)
        end = (durations or {}).get(str(recording))
        if end is not None:
            spans = np.clip(spans, 0.0, end)
        elif np.isinf(spans).any():
            raise AnnotationError(
                "listened to until the end, but how long it is, is not known",
                where=recording,
                mend="Give the duration of this recording in `durations`.",
            )
        total += float((spans[:, 1] - spans[:, 0]).sum())
    return total


def within_coverage(events: pl.DataFrame, coverage: pl.DataFrame) -> pl.DataFrame:
    """The events that lie wholly inside coverage for their label; events without times need the whole recording."""
    index = CoverageIndex(coverage)
    columns = events.select("recording", "onset_s", "offset_s", "label", "channel")
    keep = [
        index.covers(
            recording,
            0.0 if onset is None else onset,
            math.inf if offset is None else offset,
            label=label,
            channel=channel,
        )
        for recording, onset, offset, label, channel in columns.iter_rows()
    ]
    return events.filter(pl.Series(keep, dtype=pl.Boolean))


def intersect_coverage(events: pl.DataFrame, coverage: pl.DataFrame) -> pl.DataFrame:
    """Events cut to what was listened to for their label: the parts outside vanish, gaps cut an event in pieces.

    Pieces keep the row of their event (and its event_id); events without times stay where the whole recording is
    covered and vanish elsewhere.
    """
    index = CoverageIndex(coverage)
    rows: list[int] = []
    starts: list[float | None] = []
    ends: list[float | None] = []
    columns = events.select("recording", "onset_s", "offset_s", "label", "channel")
    for row, (recording, onset, offset, label, channel) in enumerate(columns.iter_rows()):
        if onset is None or offset is None:
            if index.covers(recording, 0.0, math.inf, label=label, channel=channel):
                rows.append(row)
                starts.append(onset)
                ends.append(offset)
            continue
        spans = index.intervals(recording, label, channel)
        first = int(np.searchsorted(spans[:, 1], onset, side="right"))
        last = int(np.searchsorted(spans[:, 0], offset, side="left"))
        for start, end in spans[first:last]:
            rows.append(row)
            starts.append(max(onset, float(start)))
            ends.append(min(offset, float(end)))
    cut = events[rows] if rows else events.clear()
    return cut.with_columns(
        pl.Series("onset_s", starts, dtype=pl.Float64), pl.Series("offset_s", ends, dtype=pl.Float64)
    )
