"""`read_events` and `write_events`: any label file to the Events table and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from tymbal.annotations.clean import clean_events
from tymbal.annotations.faults import unique
from tymbal.annotations.formats import crowsetta_extra
from tymbal.annotations.formats.base import Format
from tymbal.annotations.registry import FORMATS, find_format, sniff_format
from tymbal.annotations.sheet import SOURCE_ROW
from tymbal.annotations.source import Source
from tymbal.annotations.tables import COVERAGE, make_coverage, make_events
from tymbal.annotations.text import TextForm
from tymbal.errors import AnnotationError, Fault, UsageError

_LARGEST = 1 << 30  # bytes; a label file larger than this is a mistake


@dataclass(frozen=True)
class Annotations:
    """What a label file says.

    `events` holds every row as it was written (see `cleaned`), `coverage` what the format claims was listened to,
    `faults` what is odd, rows named, `format` its name, `form` how its text was written (None for binary formats).
    """

    events: pl.DataFrame
    coverage: pl.DataFrame
    faults: tuple[Fault, ...]
    format: str
    form: TextForm | None = None

    def cleaned(
        self, durations: Mapping[str, float] | None = None, sample_rates: Mapping[str, float] | None = None
    ) -> Annotations:
        """The same with `clean_events` applied; each fault is listed once."""
        events, faults = clean_events(self.events, durations, sample_rates)
        return replace(self, events=events, faults=unique([*self.faults, *faults]))


def read_events(
    path: str | Path, *, format: str | None = None, label_column: str | None = None, recording: str | None = None
) -> Annotations:
    """Read a label file of any known format.

    Parameters
    ----------
    path : the file.
    format : one of `FORMATS`, or "crowsetta:NAME"; None recognises it by its content.
    label_column : the column (AOEF: the tag key) that holds the labels; None lets the format choose.
    recording : the recording the file is about; None takes what the rows say, else what the file's name says. It
        replaces what the rows say where they all name the same one.

    Returns
    -------
    Annotations. The events are as written: impossible rows (an end before its begin) are still there and named in
    `faults`; `Annotations.cleaned()` leaves them out. `source_row` is the row in the file, the header being row 1.

    Raises AnnotationError, naming file, fault and mend, for a file that cannot be read in full.
    """
    path = Path(path)
    source = Source(path, _read(path), label_column=label_column, recording=recording)
    if format is not None and format.startswith(crowsetta_extra.PREFIX):
        reading = crowsetta_extra.read(source, format.removeprefix(crowsetta_extra.PREFIX))
        return _finish(source, reading.frame(), reading.coverage, format)
    chosen = sniff_format(source) if format is None else find_format(format)
    if format is not None:
        _check_readable(source, chosen)
    reading = chosen.read(source)
    frame = _without_untimed(source, reading.frame()) if chosen.timed else reading.frame()
    return _finish(source, frame, reading.coverage, chosen.name)


def _without_untimed(source: Source, frame: pl.DataFrame) -> pl.DataFrame:
    """Leave out rows that have neither onset nor offset: they would pass for labels of the whole recording."""
    if not frame.height:
        return frame
    if not frame["onset_s"].null_count() or not frame["offset_s"].null_count():
        return frame
    untimed = frame["onset_s"].is_null() & frame["offset_s"].is_null()
    if not untimed.any():
        return frame
    rows = frame[SOURCE_ROW].filter(untimed).to_list() if SOURCE_ROW in frame.columns else ()
    source.fault("no_times", "both times are missing; left out", rows)
    return frame.filter(~untimed)


def _check_readable(source: Source, chosen: Format) -> None:
    """Refuse what no reader can start on, where the format was named and nothing was sniffed."""
    if chosen.name != "notmat":
        _ = source.text  # AnnotationError where it is no text
    if not source.first_lines and chosen.name not in ("audacity", "notmat"):
        raise source.error("the file is empty", mend="Export the table again.")


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > _LARGEST:
            raise AnnotationError(
                f"{path.stat().st_size:,} bytes is too large for a label file", where=path, mend="Split the table."
            )
        return path.read_bytes()
    except FileNotFoundError as error:
        raise AnnotationError("no such file", where=path, mend="Check the path.") from error
    except IsADirectoryError as error:
        raise AnnotationError("this is a folder", where=path, mend="Give the label files in it.") from error
    except OSError as error:
        raise AnnotationError(
            f"cannot be read: {error.strerror}", where=path, mend="Check that the file may be read."
        ) from error


def _finish(source: Source, frame: pl.DataFrame, covered: pl.DataFrame | None, name: str) -> Annotations:
    """Typed events with recording and source filled in, and the faults of rows that cleaning would name."""
    recording = _filled(frame, "recording", source.default_recording, replace=source.recording is not None)
    origin = _filled(frame, "source", str(source.path))
    events = make_events(frame.with_columns(recording, origin) if frame.width else frame)
    default = pl.lit(source.default_recording, dtype=pl.String)
    coverage = pl.DataFrame(schema=COVERAGE)
    if covered is not None:
        covered = covered.with_columns(pl.col("recording").fill_null(default))
        if source.recording is not None and covered["recording"].n_unique() < 2:
            covered = covered.with_columns(default.alias("recording"))
        coverage = make_coverage(covered)
    coverage = coverage.with_columns(pl.Series("source", [str(source.path)] * coverage.height, dtype=pl.String))
    _, faults = clean_events(events)
    return Annotations(events, coverage, unique([*source.faults, *faults]), name, source.form)


def _filled(frame: pl.DataFrame, name: str, default: str, *, replace: bool = False) -> pl.Series:
    """A text column with `default` where it is blank, or all of it where `replace` and it names only one thing."""
    cells: list[str | None] = frame[name].to_list() if name in frame.columns else [None] * frame.height
    if replace and len({cell for cell in cells if cell is not None}) < 2:
        cells = [None] * frame.height
    return pl.Series(name, [default if cell is None else cell for cell in cells], dtype=pl.String)


def write_events(events: pl.DataFrame, path: str | Path, *, format: str, coverage: pl.DataFrame | None = None) -> None:
    """Write events to a label file, whole or not at all.

    Parameters
    ----------
    events : by the EVENTS schema; extra columns go where the format has room for them.
    path : the file; a voxaboxen manifest also makes a folder of tables beside it.
    format : one of `FORMATS` that can be written.
    coverage : what was listened to; used by formats that can say so (dcase: its holes become UNK rows).

    Raises UsageError for an unknown format and AnnotationError for events that the format cannot hold.
    """
    chosen = find_format(format)
    if chosen.write is None:
        allowed = ", ".join(name for name, known in FORMATS.items() if known.write is not None)
        raise UsageError(f"{format!r} is only read, not written", allowed=allowed, mend="Choose one of these.")
    chosen.write(make_events(events), Path(path), coverage)


def combine(parts: Sequence[Annotations]) -> Annotations:
    """Several files as one: columns of all, event ids numbered anew where two are the same, every fault kept.

    The format is that of all parts, else "several".
    """
    if not parts:
        raise UsageError("nothing to combine", where="combine", mend="Give at least one Annotations.")
    events = pl.concat([part.events for part in parts], how="diagonal_relaxed")
    if events["event_id"].is_duplicated().any():
        events = make_events(events.with_columns(event_id=pl.lit(None, dtype=pl.String)))
    coverage = pl.concat([part.coverage for part in parts], how="diagonal_relaxed")
    formats = {part.format for part in parts}
    name = formats.pop() if len(formats) == 1 else "several"
    return Annotations(events, coverage, unique([fault for part in parts for fault in part.faults]), name)
