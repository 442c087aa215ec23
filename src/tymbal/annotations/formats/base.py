"""What a format is, and what several readers and writers share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from tymbal.annotations.source import Reading, Source
from tymbal.annotations.tables import EVENTS
from tymbal.errors import AnnotationError

Writer = Callable[[pl.DataFrame, Path, pl.DataFrame | None], None]


@dataclass(frozen=True)
class Format:
    """One label format.

    Parameters
    ----------
    name : what `--from` and `--to` call it.
    extensions : usual file name endings, with the point; the first is used for new files.
    sniff : how sure, 0 (no) to 1, the head of a `Source` is of this format.
    read : a Source to a Reading; raises AnnotationError for what cannot be read.
    write : (events, path, coverage or None) to disk; None where the format is only read.
    many : whether one file can hold events of several recordings.
    what : one line for people.
    timed : whether each event has times, so that a row without any is a fault and no label of the whole recording.
    """

    name: str
    extensions: tuple[str, ...]
    sniff: Callable[[Source], float]
    read: Callable[[Source], Reading]
    what: str
    write: Writer | None = None
    many: bool = False
    timed: bool = True


def require_times(events: pl.DataFrame, path: Path, format_name: str) -> None:
    """AnnotationError where an event has no onset or offset, for formats that cannot say so."""
    missing = events["onset_s"].is_null() | events["offset_s"].is_null()
    if missing.any():
        raise AnnotationError(
            f"{int(missing.sum())} of {events.height} events have no onset or offset (labels of whole recordings), "
            f"which {format_name} cannot hold",
            where=path,
            mend="Write them as csv, or give them times first.",
        )


def require_one_recording(events: pl.DataFrame, path: Path, format_name: str) -> None:
    """AnnotationError where the events are of several recordings, for formats that name none."""
    names = events["recording"].unique(maintain_order=True)
    if len(names) > 1:
        raise AnnotationError(
            f"events of {len(names)} recordings ({', '.join(map(str, names[:3]))} ...), but a {format_name} file is "
            "about one",
            where=path,
            mend="Write one file per recording, or choose csv or raven.",
        )


def extra_columns(events: pl.DataFrame) -> list[str]:
    """The columns of `events` that are not by the schema."""
    return [name for name in events.columns if name not in EVENTS]


def cells_of(series: pl.Series) -> list[str]:
    """A column as text cells: null is blank, floats in the shortest form that reads back the same."""
    if series.dtype == pl.String:
        return series.fill_null("").to_list()
    if series.dtype.is_float():
        return ["" if value is None or value != value else repr(value) for value in series.to_list()]
    if series.dtype.is_nested():
        return ["" if value is None else ";".join(map(str, value)) for value in series.to_list()]
    return series.cast(pl.String).fill_null("").to_list()


def delimited(header: Sequence[str], columns: Sequence[Sequence[str]]) -> str:
    """Comma-separated text with a header, quoted by RFC 4180 where needed, "\\n" line ends."""
    import csv
    import io

    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(zip(*columns, strict=True))
    return out.getvalue()


def write_delimited(path: Path, columns: Mapping[str, Sequence[str]]) -> None:
    """Write `delimited` text to `path`, whole or not at all."""
    from tymbal.jobs.atomic import write_text

    write_text(path, delimited(list(columns), list(columns.values())))
