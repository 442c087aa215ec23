"""Delimited text as cells, every cell as it was written."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import polars as pl

from tymbal.annotations.tables import COVERAGE, EVENTS
from tymbal.errors import AnnotationError

SOURCE_ROW = "source_row"  # extra Events column: the row of the file, the header being row 1
VIEW_ROWS = "view_rows"  # extra Events column of Raven tables: rows of the same selection in other views (JSON)
_NUMBERED = re.compile(r"^(.*) \(column (\d+)\)$", re.DOTALL)
_RESERVED = {*EVENTS, *COVERAGE, SOURCE_ROW, VIEW_ROWS}


@dataclass(frozen=True)
class Sheet:
    """A table of text: `header` as written, `cells[column][row]` (None = the row ended before), `rows` = row numbers.

    Cells beyond the header belong to columns whose header is "".
    """

    header: tuple[str, ...]
    cells: tuple[Sequence[str | None], ...]
    rows: list[int]
    delimiter: str
    ragged: tuple[int, ...] = ()  # rows with fewer cells than the header

    @property
    def height(self) -> int:
        return len(self.rows)

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """The header in a comparable form, see `key`."""
        return tuple(key(name) for name in self.header)

    @cached_property
    def extra_names(self) -> tuple[str, ...]:
        """A usable, unique Events column name for each column; `header_name` is the way back."""
        return tuple(unique_names(self.header))

    def find(self, *names: str) -> int | None:
        """Index of the first column whose key is the first of `names` that occurs; None where none does."""
        for name in names:
            if name in self.keys:
                return self.keys.index(name)
        return None


def key(name: str) -> str:
    """A header in a comparable form: "Begin Time (s)", "begin_time_s" and "Begin.Time..s." are all begin_time_s."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def unique_names(header: Sequence[str], *, guard: bool = True) -> list[str]:
    """Column names for Events: the header itself, or "NAME (column N)" where it is blank, repeated, or taken.

    `guard` numbers names that look numbered already too, so that `header_name` is an exact way back.
    """
    seen: set[str] = set()
    names = []
    for number, name in enumerate(header, 1):
        plain = name and name not in _RESERVED and name not in seen and not (guard and _NUMBERED.match(name))
        names.append(name if plain else f"{name} (column {number})")
        seen.add(name)
    return names


def header_name(extra: str) -> str:
    """The header that `unique_names` gave the column name `extra`."""
    found = _NUMBERED.match(extra)
    return found.group(1) if found else extra


def split_delimiter(line: str) -> str:
    """The delimiter of a header line: a tab, else a semicolon where these are more than the commas, else a comma."""
    if "\t" in line:
        return "\t"
    return ";" if line.count(";") > line.count(",") else ","


def parse_sheet(text: str, where: object) -> Sheet:
    """Cut text with a header line into cells; blank lines are skipped, rows keep their numbers.

    Tab-separated cells are taken as they stand (Raven quotes nothing); others follow RFC 4180 quoting.
    Raises AnnotationError where the quoting cannot be followed.
    """
    body = text.lstrip("\n")
    delimiter = split_delimiter(body.split("\n", 1)[0])
    if delimiter == "\t" or '"' not in text:
        lines = text.split("\n")
        rows = [number for number, line in enumerate(lines, 1) if line and not line.isspace()]
        table = [lines[number - 1].split(delimiter) for number in rows]
    else:
        rows, table = _quoted(text, delimiter, where)
    if delimiter != "\t":
        filled = [any(cell and not cell.isspace() for cell in row) for row in table]
        rows = [row for row, keep in zip(rows, filled, strict=True) if keep]
        table = [row for row, keep in zip(table, filled, strict=True) if keep]
    return _transpose(rows, table, delimiter)


def _quoted(text: str, delimiter: str, where: object) -> tuple[list[int], list[list[str]]]:
    reader = csv.reader(io.StringIO(text), delimiter=delimiter)
    rows, table = [], []
    last = 0
    try:
        for cells in reader:
            if cells:
                rows.append(last + 1)
                table.append(cells)
            last = reader.line_num
    except csv.Error as error:
        raise AnnotationError(
            f"row {last + 1}: {error}", where=where, mend="Check the quotation marks from that row on."
        ) from error
    return rows, table


def _transpose(rows: list[int], table: list[list[str]], delimiter: str) -> Sheet:
    if not table:
        return Sheet((), (), [], delimiter)
    header, body = table[0], table[1:]
    width = max(map(len, table))
    cells: tuple[Sequence[str | None], ...]
    short = tuple(row for row, line in zip(rows[1:], body, strict=True) if len(line) < len(header))
    if all(len(line) == width for line in body):
        cells = tuple(zip(*body, strict=True)) if body else ((),) * width
    else:
        padded: list[list[str | None]] = [[*line, *[None] * (width - len(line))] for line in body]
        cells = tuple(zip(*padded, strict=True))
    header = header + [""] * (width - len(header))
    return Sheet(tuple(header), cells, rows[1:], delimiter, short)


def text_series(name: str, cells: Sequence[str | None]) -> pl.Series:
    """Cells as a polars string column."""
    return pl.Series(name, cells, dtype=pl.String)
