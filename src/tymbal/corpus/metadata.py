"""Tables about recordings: site, individual, session, fold and whatever else rides along."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from tymbal.annotations import match_recordings
from tymbal.corpus.tables import RECORDINGS
from tymbal.errors import AnnotationError, Fault, counted

TOLD = ("start_time", "start_time_source", "recorder", "site")  # what a table says here stands over the header
MEASURED = ("container", "codec", "sample_rate_hz", "channels", "samples", "duration_s")
TOLERANCE = 0.01  # by how much, relatively, a table may differ from a file's header before it is said


def read_metadata(path: Path) -> pl.DataFrame:
    """A CSV or TSV table with a `recording` column, every cell as text, blank cells null.

    Raises AnnotationError naming the row where cells and header do not fit, or the missing column.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise AnnotationError(f"cannot be read: {reason}", where=path, mend="Check the path.") from error
    except UnicodeDecodeError as error:
        raise AnnotationError(f"cannot be read as text: {error}", where=path, mend="Save it as UTF-8 CSV.") from error
    head = text.split("\n", 1)[0]
    delimiter = "\t" if "\t" in head else ";" if head.count(";") > head.count(",") else ","
    reader = csv.reader(text.splitlines(keepends=True), delimiter=delimiter)
    try:
        table = [(reader.line_num, cells) for cells in reader if any(cell.strip() for cell in cells)]
    except csv.Error as error:
        raise AnnotationError(f"row {reader.line_num}: {error}", where=path, mend="Check its quotes.") from error
    header = [name.strip() for name in table[0][1]] if table else []
    if "recording" not in header or len(set(header)) < len(header):
        raise AnnotationError(
            "a metadata table needs a column 'recording' and different names for all columns",
            where=path,
            allowed="CSV or TSV with a header line",
            mend=f"Its header is: {', '.join(header) or 'empty'}.",
        )
    for row, cells in table[1:]:
        if len(cells) != len(header):
            raise AnnotationError(
                f"row {row} has {len(cells)} cells where the header has {len(header)}",
                where=path,
                mend="Check quotes and delimiters in that row.",
            )
    columns = {name: [cells[place].strip() or None for _, cells in table[1:]] for place, name in enumerate(header)}
    return pl.DataFrame(columns, schema=dict.fromkeys(header, pl.String()))


def join_metadata(
    recordings: pl.DataFrame, tables: Sequence[tuple[str, pl.DataFrame]]
) -> tuple[pl.DataFrame, list[tuple[str, Fault]]]:
    """Recordings with the columns of metadata `tables` (name, table) and (name, fault) of what did not fit.

    Later tables fill what earlier ones left blank; a different value for the same cell is a fault and the first
    stands. start_time, recorder and site of a table stand over the header's; measured facts never do.
    """
    faults: list[tuple[str, Fault]] = []
    names = recordings["recording"].to_list()
    for source, table in tables:
        matched, found = match_recordings(table.with_columns(pl.lit(source).alias("source")), names)
        faults += [(source, fault) for fault in found]
        matched = matched.drop("source") if "source" not in table.columns else matched
        unique = matched.unique("recording", keep="first", maintain_order=True)
        if unique.height < matched.height:
            twice = matched.filter(pl.col("recording").is_duplicated())["recording"].unique().sort().to_list()
            told = f"{source}: several rows of {counted(len(twice), 'recording')}"
            text = f"{told}, the first is taken: {', '.join(twice[:5])}"
            faults.append((source, Fault("repeated_recording", text)))
        for name in unique.columns:
            if name in MEASURED:
                faults += _compare(recordings, unique, name, source)
            elif name != "recording" and name not in ("content_hash", "size_bytes", "mtime_ns", "faults"):
                recordings, conflicts = _ride(recordings, unique.select("recording", pl.col(name).alias("_told")), name)
                faults += [(source, fault) for fault in conflicts]
    return recordings, faults


def _ride(recordings: pl.DataFrame, told: pl.DataFrame, name: str) -> tuple[pl.DataFrame, list[Fault]]:
    joined = recordings.join(told, on="recording", how="left", maintain_order="left")
    if name not in recordings.columns:
        return joined.rename({"_told": name}), []
    if name in TOLD:
        return joined.with_columns(pl.coalesce("_told", name).alias(name)).drop("_told"), []
    differ = joined.filter(pl.col(name) != pl.col("_told"))["recording"].to_list()
    faults = []
    if differ:
        where = counted(len(differ), "recording")
        text = f"{name!r} differs between tables for {where}, the first table stands: {differ[0]}"
        faults.append(Fault("metadata_conflict", text))
    return joined.with_columns(pl.coalesce(name, "_told").alias(name)).drop("_told"), faults


def _compare(recordings: pl.DataFrame, told: pl.DataFrame, name: str, source: str) -> list[tuple[str, Fault]]:
    if not RECORDINGS[name].is_numeric():
        return []
    joined = recordings.select("recording", name).join(
        told.select("recording", pl.col(name).cast(pl.Float64, strict=False).alias("_told")), on="recording"
    )
    off = joined.filter((pl.col(name) - pl.col("_told")).abs() > TOLERANCE * pl.col(name).abs())
    if off.is_empty():
        return []
    recording, measured, claim = off.row(0)
    text = f"{source}: {name} differs from the file for {counted(off.height, 'recording')}, the file stands: "
    return [(source, Fault("metadata_disagrees", f"{text}{recording} has {measured:g}, the table says {claim:g}"))]
