"""Arbimon pattern matching exports: boxes x1-x2 (s), y1-y2 (Hz) with a species, a score and a person's verdict.

Boxes judged "not present" are no events. A judged box, either way, was listened to for its species: coverage.
"""

from __future__ import annotations

import polars as pl

from tymbal.annotations.formats.base import Format
from tymbal.annotations.formats.plain import blank_to_null, forced_label
from tymbal.annotations.sheet import text_series, unique_names
from tymbal.annotations.source import Reading, Source
from tymbal.annotations.tables import make_coverage

_COLUMNS = {"onset_s": "x1", "offset_s": "x2", "low_hz": "y1", "high_hz": "y2", "score": "score"}
_ABSENT = "not present"
_UNJUDGED = ("", "(not validated)", "not validated")


def sniff(source: Source) -> float:
    """0.95 with its box columns."""
    return 0.95 if {"recording", "x1", "x2", "y1", "y2"} <= source.keys else 0.0


def read(source: Source) -> Reading:
    """Read the export; the verdict becomes the certainty, all other columns ride along."""
    sheet = source.sheet
    columns: dict[str, pl.Series | None] = {
        name: source.numbers(sheet.find(found), name) for name, found in _COLUMNS.items()
    }
    recording = sheet.find("recording")
    columns["recording"] = blank_to_null(text_series("recording", sheet.cells[recording or 0]))
    label = sheet.find("species") if source.label_column is None else forced_label(source, sheet)
    verdict = sheet.find("validated")
    if label is not None:
        columns["label"] = blank_to_null(text_series("label", sheet.cells[label]))
    if verdict is not None:
        columns["certainty"] = blank_to_null(text_series("certainty", sheet.cells[verdict]))
    used = {*_COLUMNS.values(), "recording", "validated"}
    extras = {
        name: text_series(name, sheet.cells[at])
        for at, name in enumerate(unique_names(sheet.header))
        if sheet.keys[at] not in used and at != label
    }
    frame = Reading(columns, extras, sheet.rows).frame()
    if verdict is None:
        return Reading({}, {name: frame[name] for name in frame.columns})
    words = frame["certainty"].fill_null("").str.to_lowercase()
    coverage = _coverage(frame.filter(~words.is_in(_UNJUDGED)))
    absent = words == _ABSENT
    if absent.any():
        source.fault("not_present", f"{int(absent.sum())} boxes judged 'not present' were left out; they are coverage")
    kept = frame.filter(~absent)
    return Reading({}, {name: kept[name] for name in kept.columns}, None, coverage)


def _coverage(judged: pl.DataFrame) -> pl.DataFrame | None:
    if not judged.height or "label" not in judged.columns:
        return None
    spans = judged.select("recording", pl.col("onset_s").alias("start_s"), pl.col("offset_s").alias("end_s"), "label")
    return make_coverage(spans.with_columns(labels=pl.concat_list("label")).drop("label"))


FORMAT = Format("arbimon", (".csv",), sniff, read, "Arbimon pattern matching export", many=True)
