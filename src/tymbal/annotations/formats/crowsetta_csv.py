"""crowsetta's generic sequence CSV: label, onset_s, offset_s, notated_path, annot_path, sequence, annotation.

Its label, its times and the notated path are required; columns it does not know ride along with a fault.
"""

from __future__ import annotations

from tymbal.annotations.formats import plain
from tymbal.annotations.formats.base import Format
from tymbal.annotations.source import Reading, Source

_REQUIRED = ("label", "onset_s", "offset_s", "notated_path")
_KNOWN = {*_REQUIRED, "annot_path", "sequence", "annotation", "onset_sample", "offset_sample"}


def sniff(source: Source) -> float:
    """0.9 with the columns that only this format has."""
    return 0.9 if {"notated_path", "annot_path"} <= source.keys else 0.0


def read(source: Source) -> Reading:
    """Read the table; AnnotationError names the required column that is missing."""
    sheet = source.sheet
    missing = [name for name in _REQUIRED if name not in sheet.keys]
    if source.label_column is not None and missing == ["label"]:
        missing = []
    if missing:
        raise source.error(
            f"crowsetta's generic format needs the column {missing[0]!r}",
            allowed=", ".join(_REQUIRED),
            mend="Add the column; where only the label is missing, name another column as label column.",
        )
    unknown = [name for name in sheet.header if name and name not in _KNOWN]
    if unknown:
        names = ", ".join(repr(name) for name in unknown)
        source.fault("unknown_column", f"{names} is no column of crowsetta's generic format; kept as it is")
    columns = plain.find_columns(source, sheet)
    if source.label_column is None:
        columns["label"] = sheet.keys.index("label")
    return plain.read_columns(source, sheet, columns)


FORMAT = Format("crowsetta-csv", (".csv",), sniff, read, "crowsetta's generic sequence CSV")
