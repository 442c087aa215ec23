"""The formats Tymbal reads and writes: one file in `formats/` and one line here each."""

from __future__ import annotations

from tymbal.annotations.formats import (
    aoef,
    arbimon,
    audacity,
    bacpipe,
    birdnet,
    birdsong_xml,
    coverage_csv,
    crowsetta_csv,
    dcase,
    kaleidoscope,
    notmat,
    opensoundscape,
    plain,
    raven,
    textgrid,
    voxaboxen,
)
from tymbal.annotations.formats.base import Format
from tymbal.annotations.formats.raven_columns import HEADER
from tymbal.annotations.source import Source
from tymbal.errors import AnnotationError, UsageError

FORMATS: dict[str, Format] = {
    module.FORMAT.name: module.FORMAT
    for module in (
        raven,
        audacity,
        plain,
        birdnet,
        opensoundscape,
        bacpipe,
        kaleidoscope,
        arbimon,
        dcase,
        voxaboxen,
        textgrid,
        notmat,
        birdsong_xml,
        aoef,
        crowsetta_csv,
        coverage_csv,
    )
}


def find_format(name: str) -> Format:
    """The format called `name`; UsageError lists the names where there is none."""
    if name not in FORMATS:
        raise UsageError(
            f"unknown annotation format {name!r}",
            allowed=f"{', '.join(FORMATS)}, crowsetta:NAME",
            mend="Choose one of these, or leave the format out to have it recognised.",
        )
    return FORMATS[name]


def sniff_format(source: Source) -> Format:
    """The format that is surest of `source`; AnnotationError says what is missing where none is."""
    if not source.data:
        raise source.error(
            "the file is empty (0 bytes)",
            mend="Export the table again; for an empty Audacity label track name the format 'audacity'.",
        )
    scores = {name: form.sniff(source) for name, form in FORMATS.items()}
    best = max(scores, key=lambda name: scores[name])
    if scores[best] > 0:
        return FORMATS[best]
    raise _unknown(source)


def _unknown(source: Source) -> AnnotationError:
    if not source.is_text:
        return source.error(
            "this is not a text file", mend="Give a label file here; recordings go to `tymbal inspect`."
        )
    if not source.first_lines:
        return source.error("the file holds only blank lines", mend="Export the table again.")
    if any(_is_number(cell) for cell in source.header):
        columns = HEADER.replace("\t", ", ")
        return source.error(
            "there is no header line: the first line holds data",
            mend=f"Put a line of column names above it; Raven's are: {columns}.",
        )
    names = ", ".join(repr(name) for name in source.header[:8])
    return source.error(
        f"no known format has the columns {names}",
        allowed=", ".join(FORMATS),
        mend="Name the format, or call the columns onset_s, offset_s, label (and recording).",
    )


def _is_number(cell: str) -> bool:
    try:
        float(cell.replace(",", "."))
    except ValueError:
        return False
    return True
