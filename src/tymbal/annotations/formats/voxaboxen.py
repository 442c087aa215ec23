"""voxaboxen manifests: fn, audio_fp, selection_table_fp; one Raven table per recording.

A manifest lists recordings whose tables are complete: each recording with a table is coverage from end to end. Paths
are taken from the manifest's folder where they are there, else as they stand.
"""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl

from tymbal.annotations.coverage import whole_coverage
from tymbal.annotations.formats import raven, raven_write
from tymbal.annotations.formats.base import Format, require_times, write_delimited
from tymbal.annotations.formats.plain import blank_to_null
from tymbal.annotations.sheet import SOURCE_ROW, VIEW_ROWS, text_series
from tymbal.annotations.source import Reading, Source
from tymbal.errors import AnnotationError


def sniff(source: Source) -> float:
    """0.95 with the manifest's columns."""
    return 0.95 if {"audio_fp", "selection_table_fp"} <= source.keys else 0.0


def read(source: Source) -> Reading:
    """Read every table of the manifest; a table that cannot be read is an error that names it."""
    sheet = source.sheet
    columns = [sheet.find(name) for name in ("audio_fp", "selection_table_fp")]
    audio, tables = (blank_to_null(text_series("", sheet.cells[at or 0])).to_list() for at in columns)
    name_column = sheet.find("fn")
    names = sheet.cells[name_column] if name_column is not None else [None] * sheet.height
    frames: list[pl.DataFrame] = []
    covered: list[str] = []
    without: list[int] = []
    for row, (recording, table, name) in enumerate(zip(audio, tables, names, strict=True)):
        if table is None:
            without.append(sheet.rows[row])
            continue
        covered.append(str(recording or name))
        frame = _table(source, table, str(recording or name))
        frames.append(frame.with_columns(fn=pl.lit(name, dtype=pl.String)))
    if without:
        source.fault("no_table", "no selection table: nothing is known of this recording", without)
    coverage = whole_coverage(list(dict.fromkeys(covered)))
    if not frames:
        return Reading({"recording": []}, {}, [], coverage)
    both = pl.concat(frames, how="diagonal")
    return Reading({}, {name: both[name] for name in both.columns}, None, coverage)


def _table(source: Source, table: str, recording: str) -> pl.DataFrame:
    path = Path(table.replace("\\", "/"))
    beside = source.path.parent / path
    path = beside if beside.exists() else path
    try:
        data = path.read_bytes()
    except OSError as error:
        raise source.error(
            f"cannot read the selection table {table!r}", mend="Check the path in the manifest."
        ) from error
    inner = Source(path, data, label_column=source.label_column, recording=recording)
    frame = raven.read(inner).frame()
    source.faults.extend(inner.faults)
    named = pl.lit(recording, dtype=pl.String).alias("recording")
    return frame.with_columns(named, pl.lit(str(path)).alias("source"))


def write(events: pl.DataFrame, path: Path, coverage: pl.DataFrame | None) -> None:
    """Write the manifest and, beside it in "STEM_tables", one selection table per recording.

    Recordings that are covered but have no event get a table with a header only. The label column is Annotation.
    """
    require_times(events, path, "voxaboxen")
    if events["recording"].null_count():
        raise AnnotationError("events without a recording", where=path, mend="Give `recording` a value first.")
    covered = [] if coverage is None else coverage["recording"].to_list()
    recordings = list(dict.fromkeys([*events["recording"].to_list(), *covered]))
    folder = path.with_name(f"{path.stem}_tables")
    names = _file_names(recordings)
    plain = events.drop([name for name in (SOURCE_ROW, VIEW_ROWS) if name in events.columns])
    for recording, name in zip(recordings, names, strict=True):
        mine = plain.filter(pl.col("recording") == recording)
        raven_write.write(mine, folder / f"{name}.selections.txt", None)
    columns = {
        "fn": names,
        "audio_fp": recordings,
        "selection_table_fp": [f"{folder.name}/{name}.selections.txt" for name in names],
    }
    write_delimited(path, columns)


def _file_names(recordings: list[str]) -> list[str]:
    """A file name for each recording that no file system refuses; numbered where two would be the same."""
    names: list[str] = []
    for recording in recordings:
        stem = (
            re.sub(r'[\x00-\x1f/\\:*?"<>|]+', "_", str(Path(recording).with_suffix(""))).strip("_. ")[:150]
            or "recording"
        )
        taken = {name.casefold() for name in names}
        number, name = 1, stem
        while name.casefold() in taken:
            number += 1
            name = f"{stem}_{number}"
        names.append(name)
    return names


FORMAT = Format(
    "voxaboxen", (".csv",), sniff, read, "voxaboxen manifest with one Raven table per recording", write, many=True
)
