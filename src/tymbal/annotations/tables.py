"""The Events and Coverage tables: the one form that annotations, detections and prompts take everywhere."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from tymbal.errors import AnnotationError

EVENTS = pl.Schema(
    {
        "event_id": pl.String(),
        "recording": pl.String(),  # path relative to the corpus root, "/" between folders
        "channel": pl.Int32(),  # counts from 1 as Raven's do; null = the mix of all channels
        "onset_s": pl.Float64(),  # null onset and offset = the label holds for the whole recording
        "offset_s": pl.Float64(),
        "low_hz": pl.Float64(),
        "high_hz": pl.Float64(),
        "label": pl.String(),
        "score": pl.Float64(),
        "certainty": pl.String(),
        "annotator": pl.String(),
        "source": pl.String(),  # the file the event was read from
    }
)

COVERAGE = pl.Schema(
    {
        "recording": pl.String(),
        "channel": pl.Int32(),
        "start_s": pl.Float64(),  # null = the beginning of the recording
        "end_s": pl.Float64(),  # null = its end
        "labels": pl.List(pl.String()),  # what was listened for; null = every label of the table
        "annotator": pl.String(),
    }
)


def make_events(columns: Mapping[str, object] | pl.DataFrame) -> pl.DataFrame:
    """A table with every Events column, in order and typed, extra columns after them untouched.

    Missing columns become null, NaN becomes null, missing event ids are numbered per source row.
    Raises AnnotationError where a column cannot take its type.
    """
    return _conform(columns, EVENTS, number="event_id")


def make_coverage(columns: Mapping[str, object] | pl.DataFrame) -> pl.DataFrame:
    """A table with every Coverage column, in order and typed; extra columns after them untouched."""
    return _conform(columns, COVERAGE)


def _conform(
    columns: Mapping[str, object] | pl.DataFrame, schema: pl.Schema, number: str | None = None
) -> pl.DataFrame:
    # Series by series: expressions cost a tenth of a millisecond each, and there are folders of 10,000 small tables.
    frame = columns if isinstance(columns, pl.DataFrame) else pl.DataFrame(dict(columns), strict=False)
    height = frame.height
    typed: list[pl.Series] = []
    try:
        for name, kind in schema.items():
            series = frame[name] if name in frame.columns else pl.Series(name, [None] * height, dtype=kind)
            typed.append(_without_nan(series if series.dtype == kind else series.cast(kind)))
    except pl.exceptions.PolarsError as error:
        raise AnnotationError(f"a column does not hold what its name says: {error}", where="events table") from error
    if number is not None and height and typed[0].null_count():
        width = len(str(height))
        names = typed[0].to_list()
        filled = [f"e{row:0{width}}" if name is None else name for row, name in enumerate(names, 1)]
        typed[0] = pl.Series(number, filled, dtype=pl.String)
    return pl.DataFrame([*typed, *(frame[name] for name in frame.columns if name not in schema)])


def _without_nan(series: pl.Series) -> pl.Series:
    """The same with null for NaN."""
    if not series.dtype.is_float():
        return series
    missing = int(np.isnan(series.to_numpy()).sum())  # nulls come out as NaN too
    return series if missing == series.null_count() else series.fill_nan(None)
