"""One label file on its way to events: its bytes, text, header, and the faults found on the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tymbal.annotations.faults import row_fault
from tymbal.annotations.matching import recording_of_table
from tymbal.annotations.sheet import SOURCE_ROW, Sheet, key, parse_sheet, split_delimiter, text_series
from tymbal.annotations.text import TextForm, decode, is_text
from tymbal.errors import AnnotationError, Fault

_HEAD = 65_536  # characters looked at when the format is sniffed


class Source:
    """A label file, read once; sniffers look at the head, readers at the whole, all add to `faults`.

    `label_column` and `recording` are the caller's choices, None where left to the file.
    """

    def __init__(
        self, path: Path, data: bytes, *, label_column: str | None = None, recording: str | None = None
    ) -> None:
        self.path, self.data = path, data
        self.label_column, self.recording = label_column, recording
        self.faults: list[Fault] = []

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def default_recording(self) -> str:
        """The recording of rows that name none: the caller's, else the one the file's own name speaks of."""
        return self.recording if self.recording is not None else recording_of_table(self.path.name)

    @cached_property
    def is_text(self) -> bool:
        return is_text(self.data)

    @cached_property
    def _decoded(self) -> tuple[str, TextForm]:
        text, form, faults = decode(self.data, self.name)
        self.faults.extend(faults)
        return text, form

    @property
    def text(self) -> str:
        return self._decoded[0]

    @property
    def form(self) -> TextForm | None:
        """How the text was written; None for binary formats."""
        return self._decoded[1] if self.is_text else None

    @cached_property
    def first_lines(self) -> list[str]:
        """The first lines that are not blank, at most ten; empty for binary files."""
        if not self.is_text:
            return []
        return [line for line in self.text[:_HEAD].split("\n", 200)[:200] if line and not line.isspace()][:10]

    @cached_property
    def header(self) -> tuple[str, ...]:
        """The cells of the first line that is not blank, lower case, stripped."""
        if not self.first_lines:
            return ()
        line = self.first_lines[0]
        cells = line.split(split_delimiter(line))
        return tuple(cell.strip().strip('"').strip().lower() for cell in cells)

    @cached_property
    def keys(self) -> frozenset[str]:
        """The header's cells in comparable form (`sheet.key`)."""
        return frozenset(key(cell) for cell in self.header)

    @cached_property
    def sheet(self) -> Sheet:
        return parse_sheet(self.text, self.name)

    def fault(self, code: str, text: str, rows: Sequence[int] = ()) -> None:
        """Note something odd, with the rows it was found in."""
        self.faults.append(row_fault(code, self.name, rows, text) if rows else Fault(code, f"{self.name}: {text}"))

    def error(self, what: str, *, mend: str, allowed: object = None) -> AnnotationError:
        """The error that refuses this file; the caller raises it."""
        return AnnotationError(what, where=self.path, allowed=allowed, mend=mend)

    def numbers(self, column: int | None, what: str) -> pl.Series | None:
        """A column of the sheet as float64, null where blank or no number (a fault names the rows).

        Decimal commas are read where no cell could be a number otherwise and commas do not part the cells.
        """
        if column is None:
            return None
        sheet = self.sheet
        plain = _floats(sheet.cells[column])
        if plain is not None:
            return pl.Series(what, plain, nan_to_null=True)
        text = text_series(what, sheet.cells[column]).str.strip_chars()
        values = text.cast(pl.Float64, strict=False)
        odd = values.is_null() & text.is_not_null() & (text != "")
        if not odd.any():
            return values.fill_nan(None)
        commas = odd & text.str.contains(r"^[+-]?\d*,\d+$")
        if commas.any() and sheet.delimiter != ",":
            with_points = text.str.replace(",", ".", literal=True).cast(pl.Float64, strict=False)
            values = pl.select(pl.when(commas).then(with_points).otherwise(values)).to_series()
            odd &= ~commas
            self._fault_where(commas, "decimal_comma", f"decimal comma in {sheet.header[column]!r}, read as a point")
        if odd.any():
            cell = text.filter(odd)[0]
            self._fault_where(odd, "not_a_number", f"{sheet.header[column]!r} holds no number, such as {cell!r}")
        return values.fill_nan(None)

    def _fault_where(self, mask: pl.Series, code: str, text: str) -> None:
        self.fault(code, text, [self.sheet.rows[index] for index in mask.arg_true()])


def _floats(cells: Sequence[str | None]) -> NDArray[np.float64] | None:
    """All cells as numbers, or None where one of them is none; the common case, without a query plan."""
    try:
        values = [float(cell) for cell in cells]  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    if any("_" in cell for cell in cells):  # type: ignore[operator]  # Python's 1_000 is nobody else's number
        return None
    return np.array(values, dtype=np.float64)


@dataclass
class Reading:
    """What a reader makes of a source: `columns` of Events (any of them), `extras` that ride along, `rows` = file rows.

    `coverage` is a table by the COVERAGE schema or None where the format claims none.
    """

    columns: Mapping[str, pl.Series | Sequence[object] | None]
    extras: Mapping[str, pl.Series | Sequence[object]] = field(default_factory=dict)
    rows: Sequence[int] | pl.Series | None = None
    coverage: pl.DataFrame | None = None

    def frame(self) -> pl.DataFrame:
        """One frame: the Events columns that are there, the file rows, then the extras."""
        data = {name: values for name, values in self.columns.items() if values is not None}
        series = [
            values.alias(name) if isinstance(values, pl.Series) else pl.Series(name, values, strict=False)
            for name, values in data.items()
        ]
        if self.rows is not None:
            series.append(pl.Series(SOURCE_ROW, self.rows, dtype=pl.Int32))
        for name, values in self.extras.items():
            series.append(values.alias(name) if isinstance(values, pl.Series) else text_series(name, values))  # type: ignore[arg-type]
        return pl.DataFrame(series)
