"""What a datasheet states, counted from the tables of a dataset."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from tymbal.annotations import covered_seconds
from tymbal.corpus.tables import OUR_OWN, as_text

MOST_VALUES = 60  # different values that a column of groups may have to be counted one by one
ALWAYS = ("site", "individual", "species", "session", "recorder")


def overlapping_pairs(events: pl.DataFrame) -> int:
    """Pairs of events of one recording and channel that share time; touching ones do not. n log n."""
    pairs = 0
    timed = events.filter(pl.col("onset_s").is_not_null() & pl.col("offset_s").is_not_null())
    for _, rows in timed.group_by("recording", "channel", maintain_order=True):
        onset, offset = rows["onset_s"].to_numpy(), rows["offset_s"].to_numpy()
        began = np.searchsorted(np.sort(onset), offset - 1e-9, side="left").sum()  # begun before each one ends ...
        ended = np.searchsorted(np.sort(offset), onset + 1e-9, side="right").sum()  # ... less those over by its onset
        pairs += int(began - ended - len(onset)) // 2
    return pairs


def overlap_ratio(events: pl.DataFrame) -> float | None:
    """Overlapping pairs per event with times; None where there is none."""
    timed = events.filter(pl.col("onset_s").is_not_null()).height
    return overlapping_pairs(events) / timed if timed else None


def counted(tables: Mapping[str, pl.DataFrame], label: str | None) -> list[tuple[str, list[tuple[str, ...]]]]:
    """Tables of (value, recordings, hours, events) by the label and by every column that groups recordings."""
    recordings, events = tables["recordings"], tables["events"]
    hours = recordings.select("recording", (pl.col("duration_s") / 3600).alias("hours"))
    per = events.group_by("recording").agg(pl.len().alias("events"))
    facts = hours.join(per, on="recording", how="left").with_columns(pl.col("events").fill_null(0))
    found = []
    if label is not None and label in events.columns and events[label].null_count() < events.height:
        found.append((label, _by_label(events, label, hours)))
    elif label is not None and label in recordings.columns:
        found.append((label, _by_column(recordings, label, facts)))
    for name in _grouping(recordings):
        if name != label:
            found.append((name, _by_column(recordings, name, facts)))
    return found


def _grouping(recordings: pl.DataFrame) -> list[str]:
    """Columns of few values that several recordings share, and those that always matter."""
    theirs = [name for name in recordings.columns if name not in OUR_OWN and recordings.schema[name] == pl.String]
    kept = []
    for name in theirs:
        values = recordings.select(as_text(name)).to_series().drop_nulls()
        different = values.n_unique()
        several = 1 < different <= min(MOST_VALUES, recordings.height // 2)
        if len(values) and (name in ALWAYS or (several and values.cast(pl.Float64, strict=False).null_count())):
            kept.append(name)
    return kept


def _by_label(events: pl.DataFrame, label: str, hours: pl.DataFrame) -> list[tuple[str, ...]]:
    named = events.with_columns(as_text(label).fill_null("(none)").alias("_value"))
    held = named.select("_value", "recording").unique().join(hours, on="recording")
    sums = held.group_by("_value").agg(pl.len().alias("recordings"), pl.col("hours").sum())
    counts = named.group_by("_value").agg(pl.len().alias("events"))
    return _rows(sums.join(counts, on="_value"))


def _by_column(recordings: pl.DataFrame, name: str, facts: pl.DataFrame) -> list[tuple[str, ...]]:
    named = recordings.select("recording", as_text(name).fill_null("(unknown)").alias("_value"))
    grouped = named.join(facts, on="recording").group_by("_value")
    return _rows(grouped.agg(pl.len().alias("recordings"), pl.col("hours").sum(), pl.col("events").sum()))


def _rows(table: pl.DataFrame) -> list[tuple[str, ...]]:
    ordered = table.sort("events", "recordings", "_value", descending=[True, True, False])
    columns = ordered.select("_value", "recordings", "hours", "events").iter_rows()
    return [(value, f"{number:,}", f"{hours:.3f}", f"{events:,}") for value, number, hours, events in columns]


def grouped_by(tables: Mapping[str, pl.DataFrame], scheme: str) -> str | None:
    """The column whose values are the groups of a split, as far as the tables tell; None where none is."""
    rows = tables["splits"].filter((pl.col("scheme") == scheme) & pl.col("event_id").is_null())
    if rows.is_empty():
        return None
    if (rows["group"] == rows["recording"]).all():
        return "recording"
    joined = rows.select("recording", pl.col("group").alias("_group")).join(tables["recordings"], on="recording")
    for name in tables["recordings"].columns:
        if name not in ("recording", "faults"):
            values = joined.select(as_text(name)).to_series()
            if values.null_count() == 0 and (values == joined["_group"]).all():
                return name
    return None


def folds(tables: Mapping[str, pl.DataFrame], scheme: str) -> list[tuple[str, ...]]:
    """Rows of (fold, groups, recordings, events) of a split."""
    rows = tables["splits"].filter(pl.col("scheme") == scheme)
    found = rows.group_by("fold").agg(
        pl.col("group").n_unique(), pl.col("recording").n_unique(), pl.col("event_id").n_unique() - 1
    )
    timed = rows.drop_nulls("event_id").group_by("fold").agg(pl.len().alias("events"))
    joined = found.join(timed, on="fold", how="left").sort("fold")
    columns = joined.select("fold", "group", "recording", pl.col("events").fill_null(0)).iter_rows()
    return [(str(fold), f"{groups:,}", f"{number:,}", f"{events:,}") for fold, groups, number, events in columns]


def covered(tables: Mapping[str, pl.DataFrame]) -> float:
    """Seconds listened to for every label."""
    recordings = tables["recordings"]
    durations = dict(recordings.select("recording", "duration_s").iter_rows())
    return covered_seconds(tables["coverage"], durations)
