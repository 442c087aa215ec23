"""The tables of a dataset in forms that any program reads: CSV, and Raven tables beside the sound."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from tymbal.annotations import make_events, write_events
from tymbal.annotations.formats.base import cells_of, write_delimited
from tymbal.annotations.sheet import SOURCE_ROW, VIEW_ROWS

LOCAL = ("mtime_ns",)  # columns that mean nothing elsewhere


def write_open_tables(
    folder: Path, tables: Mapping[str, pl.DataFrame], sums: Mapping[str, str], licences: pl.DataFrame, before: str
) -> None:
    """recordings.csv, metadata.csv, events.csv, coverage.csv, splits.csv and LICENSES.csv; blank cells are null.

    `sums` are SHA-256 by recording; `before` goes before a recording's name to find its file. metadata.csv is
    what loaders of folders of sound look for: file_name relative to it; and the fold in every split as fold_SCHEME.
    """
    recordings = tables["recordings"].drop(*LOCAL)
    hashed = recordings.with_columns(pl.col("recording").replace_strict(sums, default=None).alias("sha256"))
    _write(folder / "recordings.csv", hashed)
    files = hashed.select((before + pl.col("recording")).alias("file_name"), *hashed.columns)
    files = files.drop("faults", "content_hash").with_columns(licences["licence"].alias("licence"))
    whole = tables["splits"].filter(pl.col("event_id").is_null())
    for scheme in whole["scheme"].unique().sort():
        fold = dict(whole.filter(pl.col("scheme") == scheme).select("recording", "fold").iter_rows())
        column = recordings["recording"].replace_strict(fold, default=None, return_dtype=pl.String)
        files = files.with_columns(column.alias(f"fold_{scheme}"))
    _write(folder / "metadata.csv", files)
    write_events(tables["events"], folder / "events.csv", format="csv")
    write_events(make_events({}), folder / "coverage.csv", format="coverage", coverage=tables["coverage"])
    _write(folder / "splits.csv", tables["splits"])
    _write(folder / "LICENSES.csv", licences)


def _write(path: Path, table: pl.DataFrame) -> None:
    write_delimited(path, {name: cells_of(table[name]) for name in table.columns})


def write_raven(folder: Path, events: pl.DataFrame) -> None:
    """One selection table per recording that has events with times; a channel that is not told is written as 1."""
    timed = events.filter(pl.col("onset_s").is_not_null() & pl.col("offset_s").is_not_null())
    timed = timed.drop(SOURCE_ROW, VIEW_ROWS, strict=False)
    for (recording,), rows in timed.group_by("recording", maintain_order=True):
        write_events(rows, folder / f"{recording}.Table.1.selections.txt", format="raven")
