"""What the columns of a Raven table mean, for its reader and its writer."""

from __future__ import annotations

import re
from collections.abc import Sequence

import polars as pl

from tymbal.annotations.sheet import Sheet

LABELS = (  # label columns by key, the surest first
    *("annotation", "annotations", "species", "common_name", "call_type", "label", "labels", "class", "vocalization"),
    *("call", "sound_type", "song_type", "type", "tags", "tag", "code", "species_code", "scientific_name", "id"),
)
_OWN_TEXT = {  # text columns that Raven fills itself, never a label
    *("selection", "view", "channel", "begin_file", "end_file", "begin_path", "end_path", "begin_date", "end_date"),
    *("begin_clock_time", "end_clock_time", "begin_date_time", "end_date_time", "begin_time_s", "end_time_s"),
    *("file_offset_s", "delta_time_s", "low_freq_hz", "high_freq_hz", "score", "confidence", "certainty", "annotator"),
}
HEADER = "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)\tAnnotation"


def event_times(
    begin: pl.Series | None, end: pl.Series | None, delta: pl.Series | None, in_file: pl.Series | None
) -> tuple[pl.Series, pl.Series]:
    """Onset and offset in the file (s) from the columns of a table, nulls where a row does not say.

    The offset is the end itself where begin and file offset agree, so that no digit changes.
    """
    if begin is None:
        begin = in_file
    if end is None:
        end = begin + delta  # type: ignore[operator]
    if in_file is None or begin is None:
        return begin, end  # type: ignore[return-value]
    both = pl.select(
        onset=pl.coalesce(in_file, begin),
        offset=pl.when(in_file.is_null() | (in_file == begin)).then(end).otherwise(in_file + (end - begin)),
    )
    return both["onset"], both["offset"]


def label_column(sheet: Sheet) -> tuple[int | None, str | None]:
    """The label column by its name or, failing that, the only text column that Raven does not fill itself.

    Returns its index (None = there is none) and what to report about the choice (None = nothing).
    """
    named = sorted(
        (LABELS.index(name), index) for index, name in enumerate(sheet.keys) if name in LABELS and name not in _OWN_TEXT
    )
    filled = [index for _, index in named if _has_text(sheet.cells[index])]
    if named:
        chosen = (filled or [named[0][1]])[0]
        others = [i for i in filled if i != chosen and any(a != b for a, b in pairs(sheet, chosen, i))]
        if not others:
            return chosen, None
        names = ", ".join(repr(sheet.header[index]) for index in others)
        return chosen, f"labels were taken from {sheet.header[chosen]!r}; {names} could be meant too"
    texts = [
        index
        for index, name in enumerate(sheet.keys)
        if sheet.header[index] and name not in _OWN_TEXT and _is_words(sheet.cells[index])
    ]
    if len(texts) == 1:
        return texts[0], f"labels were taken from {sheet.header[texts[0]]!r}, the only column of words"
    if texts:
        names = ", ".join(repr(sheet.header[index]) for index in texts)
        return None, f"no label column was found among {names}; events have no label"
    return None, None


def pairs(sheet: Sheet, left: int, right: int) -> zip[tuple[str | None, str | None]]:
    """The cells of two columns side by side."""
    return zip(sheet.cells[left], sheet.cells[right], strict=True)


def _has_text(cells: Sequence[str | None]) -> bool:
    return any(cell is not None and cell.strip() for cell in cells)


def _is_words(cells: Sequence[str | None]) -> bool:
    filled = [cell for cell in cells if cell is not None and cell.strip()]
    return any(not re.fullmatch(r"[\s\d.,:;/+eE-]+", cell) for cell in filled)
