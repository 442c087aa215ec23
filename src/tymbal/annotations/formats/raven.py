"""Raven selection tables, every variant that is about in the field.

Every column rides along as it was written (so that the way back keeps each cell), whichever of them the events are
made from. Rows of one selection in several views (waveform and spectrogram) are one event. On tables over several
files `File Offset (s)` is the onset in the file; `Begin Time (s)` counts over the whole sequence. A table with a
header and no rows says that the recording was listened to and nothing was found: coverage; other tables claim none.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence

import polars as pl

from tymbal.annotations.coverage import whole_coverage
from tymbal.annotations.formats.base import Format
from tymbal.annotations.formats.plain import blank_to_null, forced_label, whole_numbers
from tymbal.annotations.formats.raven_columns import event_times, label_column, pairs
from tymbal.annotations.formats.raven_write import write
from tymbal.annotations.sheet import VIEW_ROWS, Sheet, text_series
from tymbal.annotations.source import Reading, Source


def sniff(source: Source) -> float:
    """0.9 with Raven's own time columns, spelled as Raven spells them."""
    spelled = {"begin time (s)", "end time (s)", "file offset (s)"} & set(source.header)
    return 0.9 if len(spelled) > 1 or (spelled and "selection" in source.header) else 0.8 if spelled else 0.0


def read(source: Source) -> Reading:
    """Read a selection table; AnnotationError where it has no begin, or neither an end nor a duration."""
    sheet = source.sheet
    _require_times(source, sheet)
    columns = _times(source, sheet)
    columns["low_hz"] = source.numbers(sheet.find("low_freq_hz"), "low_hz")
    columns["high_hz"] = source.numbers(sheet.find("high_freq_hz"), "high_hz")
    columns["score"] = source.numbers(sheet.find("score", "confidence"), "score")
    columns["recording"] = _recordings(sheet)
    for name in ("certainty", "annotator"):
        columns[name] = _text(sheet, name)
    channel = sheet.find("channel")
    if channel is not None:
        columns["channel"] = whole_numbers(text_series("channel", sheet.cells[channel]))
    label = _label_column(source, sheet)
    columns["label"] = None if label is None else text_series("label", sheet.cells[label])
    _check_rows(source, sheet, columns)
    extras = {name: text_series(name, cells) for name, cells in zip(sheet.extra_names, sheet.cells, strict=True)}
    coverage = None
    if not sheet.height:
        coverage = whole_coverage([source.default_recording])
    reading = Reading(columns, extras, sheet.rows, coverage)
    return _merge_views(sheet, reading)


def _require_times(source: Source, sheet: Sheet) -> None:
    if sheet.find("begin_time_s", "file_offset_s") is None:
        raise source.error(
            "there is no column 'Begin Time (s)'", mend="Export the table from Raven with begin and end times."
        )
    if sheet.find("end_time_s", "delta_time_s") is None:
        raise source.error(
            "there is no column 'End Time (s)' (nor 'Delta Time (s)')",
            mend="Export the table from Raven with end times.",
        )


def _times(source: Source, sheet: Sheet) -> dict[str, pl.Series | None]:
    begin = source.numbers(sheet.find("begin_time_s"), "begin")
    end = source.numbers(sheet.find("end_time_s"), "end")
    delta = source.numbers(sheet.find("delta_time_s"), "delta") if end is None else None
    in_file = source.numbers(sheet.find("file_offset_s"), "file offset")
    onset, offset = event_times(begin, end, delta, in_file)
    files = sheet.find("begin_file", "begin_path")
    if in_file is None and files is not None and len(set(sheet.cells[files]) - {None, ""}) > 1:
        source.fault(
            "no_file_offset",
            "names several files but has no 'File Offset (s)': its times may count over all of them. "
            "Export that column too",
        )
    return {"onset_s": onset, "offset_s": offset}


def _recordings(sheet: Sheet) -> pl.Series | None:
    found = [_text(sheet, name) for name in ("begin_path", "begin_file")]
    named = [series for series in found if series is not None]
    if not named:
        return None
    return named[0] if len(named) == 1 else pl.select(pl.coalesce(*named)).to_series()


def _text(sheet: Sheet, name: str) -> pl.Series | None:
    column = sheet.find(name)
    return None if column is None else blank_to_null(text_series(name, sheet.cells[column]))


def _label_column(source: Source, sheet: Sheet) -> int | None:
    if source.label_column is not None:
        return forced_label(source, sheet)
    column, report = label_column(sheet)
    if report is not None:
        source.fault("label_guessed", f"{report}. Name it as label column to be sure")
    return column


def _check_rows(source: Source, sheet: Sheet, columns: Mapping[str, pl.Series | None]) -> None:
    """Faults for rows that end before their times do, that are longer than the header, or run into another file."""
    times = [sheet.find(name) for name in ("begin_time_s", "end_time_s")]
    if sheet.ragged:
        at = {row: index for index, row in enumerate(sheet.rows)}
        cells = [sheet.cells[column] for column in times if column is not None]
        short = [row for row in sheet.ragged if any(column[at[row]] is None for column in cells)]
        if short:
            source.fault("short_row", "too few cells: a time is missing", short)
    first, last = sheet.find("begin_file", "begin_path"), sheet.find("end_file", "end_path")
    if first is not None and last is not None:
        spans = [row for row, (a, b) in zip(sheet.rows, pairs(sheet, first, last), strict=True) if b and a and a != b]
        if spans and sheet.keys[first][:5] == "begin" and sheet.keys[first][6:] == sheet.keys[last][4:]:
            source.fault(
                "spans_files", "runs on into the next file; its offset counts from its own file's start", spans
            )


def _merge_views(sheet: Sheet, reading: Reading) -> Reading:
    """One event for the rows of a selection that differ in the view; the others' cells are kept in `view_rows`."""
    view, selection = sheet.find("view"), sheet.find("selection")
    if view is None or selection is None or sheet.height < 2 or len(set(sheet.cells[view])) < 2:
        return reading
    frame = reading.frame()
    names = [name for name in ("recording", "channel", "onset_s", "offset_s", "label") if name in frame.columns]
    keys = zip(sheet.cells[selection], *(frame[name].to_list() for name in names), strict=True)
    groups: dict[object, list[int]] = {}
    seen: Counter[object] = Counter()
    for index, (group, kind) in enumerate(zip(keys, sheet.cells[view], strict=True)):
        seen[group, kind] += 1  # the n-th row of a view belongs to the n-th of the others: true duplicates stay apart
        groups.setdefault((group, seen[group, kind]), []).append(index)
    if len(groups) == sheet.height:
        return reading
    kept, others = [], []
    for rows in groups.values():
        main = next((row for row in rows if (sheet.cells[view][row] or "").startswith("Spectrogram")), rows[0])
        kept.append(main)
        others.append(_other_rows(sheet, main, rows))
    order = sorted(range(len(kept)), key=kept.__getitem__)
    picked = frame[[kept[index] for index in order]]
    picked = picked.with_columns(pl.Series(VIEW_ROWS, [others[index] for index in order], dtype=pl.String))
    columns = {name: picked[name] for name in picked.columns}
    return Reading({}, columns, None, reading.coverage)


def _other_rows(sheet: Sheet, main: int, rows: Sequence[int]) -> str | None:
    """JSON: [[row, {column: cell that differs from the main row's}], ...]; null without other rows."""
    differing = [
        [
            sheet.rows[row],
            {
                name: cells[row]
                for name, cells in zip(sheet.extra_names, sheet.cells, strict=True)
                if cells[row] != cells[main]
            },
        ]
        for row in rows
        if row != main
    ]
    return json.dumps(differing, ensure_ascii=False) if differing else None


FORMAT = Format(
    "raven",
    (".selections.txt", ".txt", ".csv"),
    sniff,
    read,
    "Raven selection table (any label column, views, several files)",
    write,
    many=True,
)
