"""opensoundscape tables: clips with one column per class (labels or scores), and boxes with an `annotation` column.

A clip table of zeros and ones is a table of labels: each one is an event over its clip, and each clip was listened to
for every class (coverage). Any other numbers are scores: every cell is an event with its score, no coverage.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from tymbal.annotations.formats import plain
from tymbal.annotations.formats.base import Format
from tymbal.annotations.sheet import Sheet, text_series
from tymbal.annotations.source import Reading, Source
from tymbal.annotations.tables import make_coverage


def sniff(source: Source) -> float:
    """0.9 with its clip or box columns."""
    times = {"start_time", "end_time"} <= source.keys
    if not times:
        return 0.0
    if "annotation" in source.keys and ("audio_file" in source.keys or "low_f" in source.keys):
        return 0.9
    return 0.7 if "file" in source.keys else 0.0


def read(source: Source) -> Reading:
    """Read either form; a clip table is one whose other columns all hold numbers (or True and False)."""
    sheet = source.sheet
    columns = plain.find_columns(source, sheet)
    fixed = {columns[name] for name in ("recording", "onset_s", "offset_s") if name in columns}
    classes = [at for at, name in enumerate(sheet.header) if name and at not in fixed]
    values = None
    if "annotation" not in sheet.keys and source.label_column is None and classes:
        values = [_class_values(sheet, at) for at in classes]
    if values is None or any(column is None for column in values):
        return plain.read(source)
    return _wide(source, sheet, columns, classes, np.column_stack([column for column in values if column is not None]))


def _class_values(sheet: Sheet, column: int) -> np.ndarray[tuple[int], np.dtype[np.float64]] | None:
    """The cells as float64, NaN where blank; None where a cell is no number."""
    text = text_series("", sheet.cells[column]).str.strip_chars().str.to_lowercase()
    text = text.replace({"true": "1", "false": "0", "": None})
    numbers = text.cast(pl.Float64, strict=False)
    if numbers.null_count() > text.null_count():
        return None
    return np.array(numbers.fill_null(float("nan")).to_numpy(), dtype=np.float64)


def _wide(
    source: Source,
    sheet: Sheet,
    columns: dict[str, int],
    classes: list[int],
    values: np.ndarray[tuple[int, int], np.dtype[np.float64]],
) -> Reading:
    names = [sheet.header[at] for at in classes]
    clips = plain.read_columns(source, sheet, columns, drop=tuple(classes)).frame()
    filled = values[~np.isnan(values)]
    labels = bool(np.isin(filled, (0.0, 1.0)).all())
    rows, at = np.nonzero(values == 1.0 if labels else ~np.isnan(values))
    if not labels and ((filled < 0) | (filled > 1)).any():
        source.fault("score_range", "scores lie outside 0-1 (logits?); kept as they are")
    events = clips[rows]
    events = events.with_columns(pl.Series("label", [names[index] for index in at.tolist()], dtype=pl.String))
    if not labels:
        events = events.with_columns(pl.Series("score", values[rows, at]))
    coverage = None
    if labels and "recording" in clips.columns:
        spans = {"recording": clips["recording"], "start_s": clips["onset_s"], "end_s": clips["offset_s"]}
        known = pl.Series("labels", [names] * clips.height, dtype=pl.List(pl.String))
        coverage = make_coverage(pl.DataFrame(spans).with_columns(known))
    return Reading({}, {name: events[name] for name in events.columns}, None, coverage)


FORMAT = Format(
    "opensoundscape",
    (".csv",),
    sniff,
    read,
    "opensoundscape clips (one column per class) and boxes",
    many=True,
    timed=False,
)
