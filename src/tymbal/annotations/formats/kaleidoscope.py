"""Kaleidoscope's cluster.csv and id.csv, and BirdNET's imitation of them.

Times are OFFSET and DURATION (s), channels count from 0. The label is MANUAL ID where a person gave one, else what
the program found (annotator "kaleidoscope" tells these apart). Fmin and Fmax are Hz in cluster.csv and kHz in the
bat tables (id.csv); rows without OFFSET are labels of whole recordings.
"""

from __future__ import annotations

import polars as pl

from tymbal.annotations.formats.base import Format
from tymbal.annotations.formats.plain import blank_to_null, forced_label, whole_numbers
from tymbal.annotations.sheet import Sheet, text_series, unique_names
from tymbal.annotations.source import Reading, Source

_AUTO = ("top1match", "auto_id", "common_name", "scientific_name")
_KHZ_BELOW = 1000.0  # no Fmax in Hz is this low, no Fmax in kHz this high


def sniff(source: Source) -> float:
    """0.95 with the columns of its tables."""
    return 0.95 if {"indir", "in_file"} <= source.keys and {"offset", "folder"} & source.keys else 0.0


def read(source: Source) -> Reading:
    """Read the table; every column but those the events are made of rides along."""
    sheet = source.sheet
    onset = source.numbers(sheet.find("offset"), "onset_s")
    length = source.numbers(sheet.find("duration"), "duration")
    columns: dict[str, pl.Series | None] = {"recording": _recording(sheet)}
    if onset is not None and length is not None:
        columns |= {"onset_s": onset, "offset_s": onset + length}
    columns["score"] = source.numbers(sheet.find("confidence", "match_ratio"), "score")
    channel = sheet.find("channel")
    if channel is not None:
        columns["channel"] = whole_numbers(text_series("channel", sheet.cells[channel])) + 1
    columns |= _frequencies(source, sheet) | _labels(source, sheet)
    extras = {
        name: text_series(name, cells)
        for key, name, cells in zip(sheet.keys, unique_names(sheet.header), sheet.cells, strict=True)
        if key not in ("in_file", "offset", "duration", "channel")
    }
    return Reading(columns, extras, sheet.rows)


def _recording(sheet: Sheet) -> pl.Series:
    """FOLDER/IN FILE, where there is a folder."""
    file, folder = (sheet.find(name) for name in ("in_file", "folder"))
    names = blank_to_null(text_series("recording", sheet.cells[file or 0]))
    if folder is None:
        return names
    parents = blank_to_null(text_series("folder", sheet.cells[folder])).str.replace_all("\\", "/", literal=True)
    joined = parents.str.strip_chars_end("/") + "/" + names
    return pl.select(pl.coalesce(joined, names)).to_series()


def _frequencies(source: Source, sheet: Sheet) -> dict[str, pl.Series | None]:
    low, high = (source.numbers(sheet.find(name), name) for name in ("fmin", "fmax"))
    if low is None or high is None:
        return {}
    top = high.max()
    if sheet.find("top1match") is None and isinstance(top, float) and top < _KHZ_BELOW:
        low, high = low * 1000, high * 1000
    return {"low_hz": low, "high_hz": high}


def _labels(source: Source, sheet: Sheet) -> dict[str, pl.Series | None]:
    if source.label_column is not None:
        return {"label": blank_to_null(text_series("label", sheet.cells[forced_label(source, sheet)]))}
    manual, auto = sheet.find("manual_id"), sheet.find(*_AUTO)
    empty = pl.Series([None] * sheet.height, dtype=pl.String)
    by_hand = empty if manual is None else blank_to_null(text_series("label", sheet.cells[manual]))
    found = empty if auto is None else blank_to_null(text_series("label", sheet.cells[auto]))
    both = pl.select(
        label=pl.coalesce(by_hand, found),
        annotator=pl.when(by_hand.is_null() & found.is_not_null()).then(pl.lit("kaleidoscope")),
    )
    return {"label": both["label"], "annotator": both["annotator"]}


FORMAT = Format("kaleidoscope", (".csv",), sniff, read, "Kaleidoscope cluster.csv and id.csv", many=True, timed=False)
