"""What truly sounds in a scene: calls with onset, offset, band, SNR, class and overlap, as Events and Coverage."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tymbal.annotations import make_coverage, make_events
from tymbal.annotations.coverage import complement, merge_intervals

POS, NEG, UNK = "POS", "NEG", "UNK"
UNKNOWN = "unknown"  # the certainty of an event that is UNK: what writers of few-shot tables go by


@dataclass(frozen=True)
class Call:
    """One call in a scene. Onset and offset (s) and band (Hz) are those of the call itself, without its echoes.

    truth : POS for a target class, NEG for another, UNK for a target too faint to be told.
    snr_db : power of the call with its echoes, onset to offset, over that of the background in its band.
    overlaps : how many other calls of the scene sound at some time while it does.
    origin : what it was cut from, for calls of recordings.
    """

    label: str
    truth: Literal["POS", "NEG", "UNK"]
    onset_s: float
    offset_s: float
    low_hz: float
    high_hz: float
    snr_db: float
    overlaps: int
    family: str
    origin: str = ""


COLUMNS: dict[str, Any] = {field.name: pl.String if field.type == "str" else pl.Float64 for field in fields(Call)}
COLUMNS |= {"truth": pl.String, "overlaps": pl.Int32}


def count_overlaps(onsets: NDArray[np.int64], offsets: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each interval [onset, offset) how many others it shares time with, shape (n,); n log n.

    Those that do not overlap it end before it begins or begin after it ends: both are counted in sorted lists.
    """
    ended = np.searchsorted(np.sort(offsets), onsets, side="right")
    unbegun = len(onsets) - np.searchsorted(np.sort(onsets), offsets, side="left")
    return np.asarray(len(onsets) - 1 - ended - unbegun)


def events_table(calls: Sequence[Call], recording: str) -> pl.DataFrame:
    """The Events table of one scene in order of onset, columns `truth`, `snr_db`, `overlaps`, `family`, `origin`
    after the usual ones; UNK events are of certainty "unknown"."""
    ordered = sorted(calls, key=lambda call: (call.onset_s, call.offset_s, call.label))
    columns = {name: [getattr(call, name) for call in ordered] for name in COLUMNS}
    table = pl.DataFrame(columns, schema=COLUMNS)
    certainty = pl.when(pl.col("truth") == UNK).then(pl.lit(UNKNOWN)).alias("certainty")
    return make_events(table.with_columns(pl.lit(recording).alias("recording"), certainty))


def coverage_table(calls: Sequence[Call], recording: str, duration_s: float, labels: Sequence[str]) -> pl.DataFrame:
    """Everything was listened to but each label's UNK calls: there a detection of that label is unknown, not false.

    `labels` are all there are; those without an UNK call share a row.
    """
    unknown: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for call in calls:
        if call.truth == UNK:
            unknown[call.label].append((call.onset_s, call.offset_s))
    if not unknown:
        return make_coverage({"recording": [recording], "start_s": [0.0], "end_s": [duration_s]})
    rows = [(recording, 0.0, duration_s, [label for label in labels if label not in unknown])]
    for label, spans in sorted(unknown.items()):
        for start, end in complement(merge_intervals(spans), 0.0, duration_s).tolist():
            rows.append((recording, start, end, [label]))
    schema = {"recording": pl.String(), "start_s": pl.Float64(), "end_s": pl.Float64(), "labels": pl.List(pl.String())}
    return make_coverage(pl.DataFrame([row for row in rows if row[3]], schema=schema, orient="row"))
