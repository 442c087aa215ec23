"""BirdNET detections: its CSV, its table for R, and its variant of Raven's selection table.

Detections are scored windows, not a record of what was listened to: no coverage is claimed. "nocall" rows, which
BirdNET writes where it found nothing, are no events.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from tymbal.annotations.formats import plain, raven
from tymbal.annotations.formats.base import Format, cells_of, require_times, write_delimited
from tymbal.annotations.source import Reading, Source

_CSV = {"start_s", "end_s", "scientific_name", "common_name", "confidence"}
_R = {"filepath", "start", "end", "scientific_name", "common_name", "confidence"}
_RAVEN = {"begin_time_s", "end_time_s", "common_name", "species_code", "confidence"}


def sniff(source: Source) -> float:
    """0.95 with the columns of one of BirdNET's three tables."""
    return 0.95 if any(columns <= source.keys for columns in (_CSV, _R, _RAVEN)) else 0.0


def read(source: Source) -> Reading:
    """Read any of the three; the label is the common name unless a label column is asked for."""
    if source.keys >= _RAVEN:
        reading = raven.read(source)
    else:
        sheet = source.sheet
        columns = plain.find_columns(source, sheet)
        common = sheet.find("common_name")
        if source.label_column is None and common is not None:
            columns["label"] = common
        reading = plain.read_columns(source, sheet, columns)
    frame = reading.frame()
    nocall = frame["label"] == "nocall"
    if not nocall.any():
        return reading
    source.fault("nocall", f"{int(nocall.sum())} 'nocall' rows (nothing found) were left out")
    kept = frame.filter(nocall.ne_missing(True))
    return Reading({}, {name: kept[name] for name in kept.columns}, None, reading.coverage)


def write(events: pl.DataFrame, path: Path, coverage: pl.DataFrame | None) -> None:
    """Write BirdNET's CSV: Start (s), End (s), Scientific name, Common name, Confidence, File.

    The scientific name is the column of that name where there is one, else the label again.
    """
    require_times(events, path, "birdnet")
    latin = next((name for name in events.columns if name.lower().replace("_", " ") == "scientific name"), "label")
    columns = {
        "Start (s)": "onset_s",
        "End (s)": "offset_s",
        "Scientific name": latin,
        "Common name": "label",
        "Confidence": "score",
        "File": "recording",
    }
    write_delimited(path, {title: cells_of(events[name]) for title, name in columns.items()})


FORMAT = Format(
    "birdnet", (".csv", ".txt"), sniff, read, "BirdNET detections (CSV, for R, Raven variant)", write, many=True
)
