"""Events to Raven selection tables: cells that still say what the event says are left as they were written."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import polars as pl

from tymbal.annotations.formats.base import cells_of, extra_columns, require_times
from tymbal.annotations.formats.raven_columns import event_times, label_column
from tymbal.annotations.sheet import SOURCE_ROW, VIEW_ROWS, Sheet, header_name, text_series

Cells = list[str | None]
_BASE = ("Selection", "View", "Channel", "Begin Time (s)", "End Time (s)", "Low Freq (Hz)", "High Freq (Hz)")
_PIECE = 8192  # rows at a time
_FIELDS = {  # Events column -> (header, keys under which a table may hold it)
    "recording": ("Begin File", ("begin_path", "begin_file")),
    "channel": ("Channel", ("channel",)),
    "low_hz": ("Low Freq (Hz)", ("low_freq_hz",)),
    "high_hz": ("High Freq (Hz)", ("high_freq_hz",)),
    "score": ("Score", ("score", "confidence")),
    "certainty": ("Certainty", ("certainty",)),
    "annotator": ("Annotator", ("annotator",)),
}


def write(events: pl.DataFrame, path: Path, coverage: pl.DataFrame | None) -> None:
    """Write a selection table, UTF-8, tabs, "\\n".

    Events that were read from a Raven table get their rows back: the same columns in the same order, every cell as it
    was, all views; only cells whose event has changed since are written anew, and what has no column gets one at the
    end. Other events get Raven's standard columns. A null channel is written as 1: Raven has no word for the mix.
    """
    from tymbal.jobs.atomic import write_bytes

    timed = pl.col("onset_s").is_not_null() | pl.col("offset_s").is_not_null()
    if events.filter(timed).height < events.height:  # a row that had one time only is given back as it was
        require_times(events, path, "raven")
    names = [name for name in extra_columns(events) if name not in (SOURCE_ROW, VIEW_ROWS)]
    raw = "Begin Time (s)" in names or "File Offset (s)" in names
    if raw or VIEW_ROWS in events.columns:
        tables: Iterable[_Table] = [_Table(events, names if raw else [], [] if raw else names)]
    else:  # cells as Python's strings take a hundred times their length: a day of detections goes piece by piece
        header = _standard_header(events)
        pieces = events.iter_slices(_PIECE) if events.height else [events]
        tables = (_Table(piece, [], names, header, _PIECE * number) for number, piece in enumerate(pieces))
    parts: list[bytes] = []
    for table in tables:
        if not parts:
            parts.append(_text([table.header]))
        parts.append(_text(table.lines()))
    write_bytes(path, b"".join(parts))


class _Table:
    """The rows to be, column by column: raw cells first, then what the events say now."""

    def __init__(
        self, events: pl.DataFrame, raw: list[str], extras: list[str], header: list[str] | None = None, first: int = 0
    ) -> None:
        self._events = events
        self._raw = raw
        self._before = first  # rows that stand above these
        header = [header_name(name) for name in raw] if raw else header or _standard_header(events)
        self._columns: list[Cells] = [_raw_cells(events, name) for name in raw]
        if not raw:
            self._columns = [[None] * events.height for _ in header]
        self._sheet = Sheet(tuple(header), tuple(self._columns), list(range(events.height)), "\t")
        self.header: list[str] = list(header)
        self._changed: list[dict[int, str]] = [{} for _ in range(events.height)]
        self._fill_times()
        self._fill_fields()
        self._fill_label()
        if raw:
            self._fill_new_rows()
        else:
            self._fill_standard()
        for name in extras:
            self.header.append(_clean(header_name(name)))
            self._columns.append([_clean(cell) for cell in cells_of(events[name])])

    def _numbers(self, *names: str) -> pl.Series | None:
        column = self._sheet.find(*names)
        if column is None:
            return None
        text = text_series("", self._columns[column]).str.strip_chars()
        values = text.cast(pl.Float64, strict=False).fill_nan(None)
        if values.null_count() == text.null_count():
            return values
        points = text.str.replace(",", ".", literal=True).cast(pl.Float64, strict=False).fill_nan(None)
        return pl.select(pl.coalesce(values, points)).to_series()

    def _put(self, row: int, column: int | None, cell: str) -> None:
        if column is not None:
            self._changed[row][column] = _clean(cell)

    def _fill_times(self) -> None:
        find = self._sheet.find
        begin, end = self._numbers("begin_time_s"), self._numbers("end_time_s")
        delta, in_file = self._numbers("delta_time_s"), self._numbers("file_offset_s")
        empty = pl.Series([None] * self._events.height, dtype=pl.Float64)
        old = event_times(begin, end if end is not None or delta is not None else empty, delta, in_file)
        new = self._events["onset_s"], self._events["offset_s"]
        differs = pl.select(old[0].ne_missing(new[0]) | old[1].ne_missing(new[1])).to_series()
        for row in differs.arg_true().to_list():
            onset, offset, shift = new[0][row], new[1][row], 0.0
            if in_file is not None and in_file[row] is not None:
                self._put(row, find("file_offset_s"), _seconds(onset))
                shift = (begin[row] or 0.0) - in_file[row] if begin is not None else 0.0
            self._put(row, find("begin_time_s"), _seconds(onset, shift))
            self._put(row, find("end_time_s"), _seconds(offset, shift))
            self._put(row, find("delta_time_s"), _seconds(offset, -onset) if onset is not None else "")

    def _fill_fields(self) -> None:
        for field, (title, keys) in _FIELDS.items():
            values = self._events[field]
            column = self._sheet.find(*keys)
            if column is None:
                if not self._raw or values.null_count() == len(values):
                    continue
                if field == "recording" and values.n_unique() < 2:
                    continue  # the table's own name says which recording it is about
                column = self._add(title)
            differs = self._differs(field, column, values)
            cells = cells_of(values)
            for row in differs:
                self._put(row, column, cells[row])

    def _add(self, title: str) -> int:
        self.header.append(title)
        self._columns.append([None] * self._events.height)
        return len(self.header) - 1

    def _differs(self, field: str, column: int, values: pl.Series) -> list[int]:
        text = text_series("", self._columns[column]).str.strip_chars()
        if values.dtype.is_numeric():
            old = self._numbers(self._sheet.keys[column]) if column < len(self._sheet.header) else None
            if old is None:
                return values.is_not_null().arg_true().to_list()
            return old.ne_missing(values.cast(pl.Float64)).arg_true().to_list()
        old_text = text.fill_null("").to_list()
        new_text = values.fill_null("").to_list()
        if field == "recording":
            return [row for row, (a, b) in enumerate(zip(old_text, new_text, strict=True)) if not _same_file(a, b)]
        return [row for row, (a, b) in enumerate(zip(old_text, new_text, strict=True)) if a != b]

    def _fill_label(self) -> None:
        labels = self._events["label"].fill_null("").to_list()
        column = self._label_column(labels)
        if column is None:
            if not any(labels):
                return
            column = self._add("Annotation")
        for row, (old, new) in enumerate(zip(self._columns[column], labels, strict=True)):
            if (old or "") != new:
                self._put(row, column, new)

    def _label_column(self, labels: list[str]) -> int | None:
        # The column that was read as labels: the one that agrees with most events, else the one a reader would take.
        default, _ = label_column(self._sheet)
        if not self._raw:
            return self.header.index("Annotation")
        agree = {}
        for index in range(len(self._raw)):
            same = sum((old or "") == new for old, new in zip(self._columns[index], labels, strict=True))
            agree[index] = (same, index == default)
        best = max(agree, key=agree.__getitem__, default=None)
        return best if best is not None and agree[best][0] else default

    def _fill_standard(self) -> None:
        columns = {name: self.header.index(name) for name in ("Selection", "View", "Channel")}
        for row, channel in enumerate(self._events["channel"].fill_null(1).to_list()):
            self._put(row, columns["Selection"], str(self._before + row + 1))
            self._put(row, columns["View"], "Spectrogram 1")
            self._put(row, columns["Channel"], str(channel))

    def _fill_new_rows(self) -> None:
        # Events that came from elsewhere into a table that was read from Raven.
        selection, view = self._sheet.find("selection"), self._sheet.find("view")
        used = [
            int(cell or 0) for cell in (self._columns[selection] if selection is not None else []) if _is_count(cell)
        ]
        number = max(used, default=0)
        for row in range(self._events.height):
            if all(column[row] is None for column in self._columns[: len(self._raw)]):
                number += 1
                self._put(row, selection, str(number))
                self._put(row, view, "Spectrogram 1")

    def lines(self) -> list[list[str]]:
        """The rows as text, those of other views beside their event, in the order of the file they came from."""
        names = {name: index for index, name in enumerate(self._raw)}
        views = self._events[VIEW_ROWS].to_list() if VIEW_ROWS in self._events.columns else [None] * self._events.height
        numbers = _row_numbers(self._events)
        numbered: list[tuple[float, Cells]] = []
        for row in range(self._events.height):
            cells = [column[row] for column in self._columns]
            group: list[tuple[float, Cells]] = [(numbers[row], cells)]
            for number, differing in json.loads(views[row] or "[]"):
                other = list(cells)
                for name, cell in differing.items():
                    if name in names:
                        other[names[name]] = cell
                group.append((number if numbers[row] >= 0 else row, other))
            for _, line in group:
                for index, cell in self._changed[row].items():
                    line[index] = cell
            numbered += sorted(group, key=_first)
        if all(number >= 0 for number in numbers) and numbers == sorted(numbers):
            numbered.sort(key=_first)
        return [_trimmed(cells) for _, cells in numbered]


def _text(rows: Iterable[Sequence[str]]) -> bytes:
    return "".join("\t".join(row) + "\n" for row in rows).encode("utf-8")


def _first(pair: tuple[float, Any]) -> float:
    return pair[0]


def _standard_header(events: pl.DataFrame) -> list[str]:
    if events.is_empty():  # nothing was found: the table still has every column of one with rows
        return [*_BASE, "Begin File", "Annotation", "Score"]
    blank = {
        name for name in ("low_hz", "high_hz", "recording", "score", "certainty", "annotator") if _blank(events, name)
    }
    without = {"Low Freq (Hz)", "High Freq (Hz)"} if {"low_hz", "high_hz"} <= blank else set()
    header = [name for name in _BASE if name not in without]
    if "recording" not in blank:
        header.append("Begin File")
    header.append("Annotation")
    return header + [_FIELDS[name][0] for name in ("score", "certainty", "annotator") if name not in blank]


def _blank(events: pl.DataFrame, name: str) -> bool:
    return events[name].null_count() == events.height


def _raw_cells(events: pl.DataFrame, name: str) -> Cells:
    series = events[name]
    return series.to_list() if series.dtype == pl.String else list(cells_of(series))


def _row_numbers(events: pl.DataFrame) -> list[float]:
    """Rows of the one file all events came from, in it; -1 each where they came from several or from none."""
    if SOURCE_ROW not in events.columns or events["source"].n_unique() > 1 or events[SOURCE_ROW].null_count():
        return [-1.0] * events.height
    return [float(number) for number in events[SOURCE_ROW].to_list()]


def _same_file(cell: str, recording: str) -> bool:
    # A path or an extension more does not make it another file: the table's own words stay.
    left, right = (PurePosixPath(name.replace("\\", "/")) for name in (cell, recording))
    return left.stem.casefold() == right.stem.casefold()


def _seconds(value: float | None, shift: float = 0.0) -> str:
    return "" if value is None else repr(value + shift)


def _is_count(cell: str | None) -> bool:
    return cell is not None and cell.strip().isascii() and cell.strip().isdigit()


def _clean(cell: str) -> str:
    return cell.replace("\t", " ").replace("\r", " ").replace("\n", " ")


def _trimmed(cells: Sequence[str | None]) -> list[str]:
    end = len(cells)
    while end and cells[end - 1] is None:
        end -= 1
    return [_clean(cell) if cell is not None else "" for cell in cells[:end]]
