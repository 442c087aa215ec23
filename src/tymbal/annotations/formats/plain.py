"""Plain tables with a header: our own CSV, onset/offset/label CSVs of other programs, and clip lists without times.

Columns are found by name (`ALIASES`), with the unit in the name where there is one ("onset_ms" is divided by 1000,
warbleR's "bottom.freq" is in kHz); all others ride along as text. A table with recordings and no column of times
holds labels of whole recordings.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from tymbal.annotations.formats.base import Format, cells_of, extra_columns, write_delimited
from tymbal.annotations.sheet import SOURCE_ROW, VIEW_ROWS, Sheet, text_series, unique_names
from tymbal.annotations.source import Reading, Source
from tymbal.annotations.tables import EVENTS


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


ALIASES: dict[str, tuple[str, ...]] = {  # Events column -> keys (sheet.key) that mean it, the surest first
    "recording": _words(
        "recording recording_path audio_file audio_fp audiofilename audio_filename begin_path begin_file file_name "
        "filename filepath file_path notated_path source_file sound_file sound_files wav_file wav audio_path audio "
        "file path fn in_file"
    ),
    "onset_s": _words(
        "onset_s start_s begin_s begin_time_s start_time_s start_seconds onset_sec start_sec onset start begin "
        "start_time begin_time starttime onset_time"
    ),
    "offset_s": _words(
        "offset_s end_s stop_s end_time_s stop_time_s stop_seconds end_seconds offset_sec end_sec offset end stop "
        "end_time stop_time endtime offset_time"
    ),
    "low_hz": _words("low_hz low_freq_hz low_f low_freq freq_low min_freq_hz minimum_frequency_hz freq_min fmin_hz"),
    "high_hz": _words(
        "high_hz high_freq_hz high_f high_freq freq_high max_freq_hz maximum_frequency_hz freq_max fmax_hz"
    ),
    "label": _words("label annotation species common_name call_type class category scientific_name name type tag"),
    "score": ("score", "confidence", "probability"),
    "channel": ("channel",),
    "certainty": ("certainty",),
    "annotator": ("annotator",),
    "event_id": ("event_id",),
    "source": ("source",),
}
SCALED = {  # names in other units: Events column -> {name: factor to seconds or Hz}
    "onset_s": {"onset_ms": 1e-3, "start_ms": 1e-3, "begin_ms": 1e-3, "start_time_ms": 1e-3, "begin_time_ms": 1e-3},
    "offset_s": {"offset_ms": 1e-3, "end_ms": 1e-3, "stop_ms": 1e-3, "end_time_ms": 1e-3, "stop_time_ms": 1e-3},
    "low_hz": {"low_khz": 1e3, "low_freq_khz": 1e3, "bottom_freq": 1e3},
    "high_hz": {"high_khz": 1e3, "high_freq_khz": 1e3, "top_freq": 1e3},
}
_LENGTHS = ("delta_time_s", "duration_s", "duration", "length_s")
_NUMBERS = ("onset_s", "offset_s", "low_hz", "high_hz", "score")


def sniff(source: Source) -> float:
    """0.97 for our own columns, 0.5 with onsets and offsets, 0.4 with one of them, 0.3 with recordings only."""
    if {"recording", "onset_s", "offset_s"} <= source.keys:
        return 0.97
    found = [any(alias in source.keys for alias in _names(field)) for field in ("onset_s", "offset_s")]
    if len(source.header) < 2:
        return 0.0
    if any(found):
        return 0.5 if all(found) else 0.4
    return 0.3 if any(alias in source.keys for alias in ALIASES["recording"]) else 0.0


def _names(field: str) -> tuple[str, ...]:
    return (*ALIASES[field], *SCALED.get(field, ()))


def find_columns(source: Source, sheet: Sheet) -> dict[str, int]:
    """Events column -> index in the sheet, by name; the caller's label column comes first."""
    found: dict[str, int] = {}
    for field in ALIASES:
        column = sheet.find(*_names(field))
        if column is not None and column not in found.values():
            found[field] = column
    if source.label_column is not None:
        found["label"] = forced_label(source, sheet)
    return found


def forced_label(source: Source, sheet: Sheet) -> int:
    """Index of the label column that the caller asked for; AnnotationError lists the columns where it is not there."""
    wanted = source.label_column or ""
    for index, name in enumerate(sheet.header):
        if name == wanted:
            return index
    for index, name in enumerate(sheet.header):
        if name.strip().lower() == wanted.strip().lower():
            return index
    raise source.error(
        f"no column {wanted!r}",
        allowed=", ".join(filter(None, sheet.header)),
        mend="Name one of these as label column.",
    )


def read(source: Source) -> Reading:
    """Read a plain table; AnnotationError where it has an onset column without an offset column or neither."""
    sheet = source.sheet
    columns = find_columns(source, sheet)
    length = sheet.find(*_LENGTHS) if "offset_s" not in columns and "onset_s" in columns else None
    if "onset_s" in columns and "offset_s" not in columns and length is None:
        raise source.error(
            "there is no column of offsets (end times)", mend="Add a column 'offset_s', or 'duration_s', in seconds."
        )
    if "offset_s" in columns and "onset_s" not in columns:
        raise source.error("there is no column of onsets (begin times)", mend="Add a column 'onset_s' in seconds.")
    if "onset_s" not in columns and "recording" not in columns:
        raise source.error(
            "there is neither a column of times nor one of recordings",
            mend="Name the columns 'onset_s', 'offset_s' and 'label', or 'recording' for labels of whole recordings.",
        )
    reading = read_columns(source, sheet, columns)
    if length is not None:
        durations = source.numbers(length, "duration")
        onset = reading.columns["onset_s"]
        reading.columns = {**reading.columns, "offset_s": onset + durations}  # type: ignore[operator]
    return reading


def read_columns(source: Source, sheet: Sheet, columns: dict[str, int], *, drop: tuple[int, ...] = ()) -> Reading:
    """The columns found as Events columns, the others as extras, except those in `drop`."""
    values: dict[str, pl.Series | None] = {}
    for field, column in columns.items():
        if field in _NUMBERS:
            numbers = source.numbers(column, field)
            factor = SCALED.get(field, {}).get(sheet.keys[column], 1.0)
            values[field] = numbers if numbers is None or factor == 1.0 else numbers * factor
        else:
            values[field] = blank_to_null(text_series(field, sheet.cells[column]), strip=field != "label")
    if "channel" in values and values["channel"] is not None:
        values["channel"] = whole_numbers(values["channel"])
    labels = values.get("label")
    if labels is not None and 0 < labels.null_count() < len(labels):
        rows = [sheet.rows[index] for index in labels.is_null().arg_true()]
        source.fault("blank_label", "the label is blank; kept without a label", rows)
    ends = [sheet.cells[columns[field]] for field in ("onset_s", "offset_s") if field in columns]
    short = [row for row in sheet.ragged if any(cells[sheet.rows.index(row)] is None for cells in ends)]
    if short:
        source.fault("short_row", "too few cells: a time is missing", short)
    used = {*columns.values(), *drop}
    extras = {
        name: text_series(name, sheet.cells[index])
        for index, name in enumerate(unique_names(sheet.header, guard=False))
        if index not in used and not (index == 0 and sheet.header[0] == "")  # a nameless first column is a row number
    }
    return Reading(values, extras, sheet.rows)


def blank_to_null(text: pl.Series, *, strip: bool = True) -> pl.Series:
    """Blank cells as null, the others without the spaces round them (`strip`)."""
    cells = text.to_list()
    kept = [(cell.strip() if strip else cell) if cell and not cell.isspace() else None for cell in cells]
    return pl.Series(text.name, kept, dtype=pl.String)


def whole_numbers(text: pl.Series) -> pl.Series:
    """Text as 32-bit integers, null where it is none; "1.0" counts as 1."""
    cells = text.to_list()
    known = {cell: _whole_number(cell) for cell in set(cells)}
    return pl.Series(text.name, [known[cell] for cell in cells], dtype=pl.Int32)


def _whole_number(cell: str | None) -> int | None:
    try:
        value = float(cell or "nan")
    except ValueError:
        return None
    return int(value) if 0 <= value < 2**31 and value == int(value) else None


def write(events: pl.DataFrame, path: Path, coverage: pl.DataFrame | None) -> None:
    """Our own CSV: the Events columns in order, then the extras.

    Null is a blank cell (so a label of spaces reads back as none); numbers read back the same.
    """
    names = [*EVENTS, *(name for name in extra_columns(events) if name not in (SOURCE_ROW, VIEW_ROWS))]
    write_delimited(path, {name: cells_of(events[name]) for name in names})


FORMAT = Format(
    "csv",
    (".csv", ".tsv", ".txt"),
    sniff,
    read,
    "plain table: recording, onset_s, offset_s, low_hz, high_hz, label, ... (many spellings); without times, labels "
    "of whole recordings",
    write,
    many=True,
    timed=False,
)
