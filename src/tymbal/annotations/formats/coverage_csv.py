"""Coverage as a table of its own: recording, channel, start_s, end_s, labels (parted by ";"), annotator.

A blank start is the beginning, a blank end the end of the recording, blank labels stand for every label. It holds no
events. Told from an event table by having none but these columns.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from tymbal.annotations.formats.base import Format, cells_of, write_delimited
from tymbal.annotations.formats.plain import blank_to_null, whole_numbers
from tymbal.annotations.sheet import text_series
from tymbal.annotations.source import Reading, Source
from tymbal.annotations.tables import COVERAGE, make_coverage
from tymbal.errors import AnnotationError

_TELLING = {"start_s", "end_s", "labels"}


def sniff(source: Source) -> float:
    """0.8 where there are coverage columns and no others."""
    own = source.keys <= {*COVERAGE, "source"} and "recording" in source.keys
    return 0.8 if own and source.keys & _TELLING else 0.0


def read(source: Source) -> Reading:
    """Read the table as coverage and no events. Rows that end before they begin are faults and left out."""
    sheet = source.sheet
    columns: dict[str, pl.Series] = {}
    for name in COVERAGE:
        at = sheet.find(name)
        if at is None:
            continue
        text = blank_to_null(text_series(name, sheet.cells[at]))
        if name in ("start_s", "end_s"):
            numbers = source.numbers(at, name)
            columns[name] = text if numbers is None else numbers
        elif name == "labels":
            columns[name] = pl.Series(name, [_labels(cell) for cell in text.to_list()], dtype=pl.List(pl.String))
        else:
            columns[name] = whole_numbers(text) if name == "channel" else text
    if "recording" not in columns:
        raise source.error("there is no column 'recording'", mend="Name the recordings that were listened to.")
    coverage = make_coverage(pl.DataFrame(columns))
    backward = (coverage["end_s"] <= coverage["start_s"]).fill_null(False)
    if backward.any():
        rows = [sheet.rows[index] for index in backward.arg_true()]
        source.fault("end_before_begin", "ends before it begins; left out", rows)
    empty = pl.Series("recording", [], dtype=pl.String)
    return Reading({"recording": empty}, coverage=coverage.filter(~backward))


def _labels(cell: str | None) -> list[str] | None:
    parts = [part.strip() for part in (cell or "").split(";")]
    return [part for part in parts if part] or None


def write(events: pl.DataFrame, path: Path, coverage: pl.DataFrame | None) -> None:
    """Write `coverage`; AnnotationError where there are events, which it cannot hold."""
    if events.height:
        raise AnnotationError(
            f"{events.height} events, which a coverage table cannot hold", where=path, mend="Write them as csv."
        )
    table = make_coverage({} if coverage is None else coverage)
    write_delimited(path, {name: cells_of(table[name]) for name in COVERAGE})


FORMAT = Format(
    "coverage",
    (".csv",),
    sniff,
    read,
    "what was listened to (recording, start_s, end_s, labels)",
    write,
    many=True,
    timed=False,
)
