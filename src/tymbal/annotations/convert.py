"""Label files of one format to another, many at a time; one bad file is a failure in the list, never a stop."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import polars as pl

from tymbal.annotations.formats.base import Format
from tymbal.annotations.matching import AUDIO_SUFFIXES, recording_of_table
from tymbal.annotations.reading import Annotations, combine, read_events, write_events
from tymbal.annotations.registry import FORMATS, find_format
from tymbal.errors import Fault, UsageError
from tymbal.jobs import Failure, Worked, guarded


@dataclass(frozen=True)
class Converted:
    """One table that was read: its format, events, faults, and the files that hold them now."""

    table: str
    format: str
    events: int
    faults: tuple[Fault, ...]
    written: tuple[str, ...]


@dataclass(frozen=True)
class Conversion:
    """All tables of a run: those converted and those that failed."""

    converted: tuple[Converted, ...]
    failures: tuple[Failure, ...]
    written: tuple[str, ...]


@dataclass(frozen=True)
class _Options:
    read_as: str | None
    label_column: str | None
    clean: bool


def convert_tables(
    tables: Sequence[Path],
    out: Path,
    *,
    to: str,
    read_as: str | None = None,
    label_column: str | None = None,
    clean: bool = False,
) -> Conversion:
    """Read `tables` and write them in the format `to`.

    Parameters
    ----------
    tables : label files.
    out : a file (one table, or several into one where the format can hold several recordings), or a folder: one file
        per table, for formats about one recording one file per recording. A folder is what is one already and what
        has no extension.
    read_as : the tables' format; None recognises each.
    label_column : see `read_events`.
    clean : leave out impossible events and correct what can be (`clean_events`, without durations).

    Raises UsageError where `to` cannot be written, two tables would make one file, or a file cannot hold them all.
    """
    target = _writable(to)
    if read_as is not None and not read_as.startswith("crowsetta:"):
        find_format(read_as)
    if not tables:
        raise UsageError("no tables given", where="convert", mend="Name at least one label file.")
    options = _Options(read_as, label_column, clean)
    if out.is_dir() or (not out.suffix and not out.exists()):
        return _into_folder(tables, out, target, options)
    if len(tables) > 1 and not target.many:
        raise UsageError(
            f"{len(tables)} tables into one {to} file, which is about one recording",
            where=out,
            mend="Name a folder (a path without an extension) instead of a file.",
        )
    return _into_file(tables, out, target, options)


def _writable(name: str) -> Format:
    target = find_format(name)
    if target.write is None:
        allowed = ", ".join(known for known, form in FORMATS.items() if form.write is not None)
        raise UsageError(
            f"{name!r} is only read, not written", where="--to", allowed=allowed, mend="Choose one of these."
        )
    return target


def _read(options: _Options, path: Path) -> Annotations:
    found = read_events(path, format=options.read_as, label_column=options.label_column)
    return found.cleaned() if options.clean else found


def _convert_one(table: Path, *, name: str, out: Path, target: Format, options: _Options) -> Worked[Converted]:
    """Read and write one table; the item of work that is guarded."""
    found = _read(options, table)
    written = []
    for path, events, coverage in _pieces(found, out, name, target):
        write_events(events, path, format=target.name, coverage=coverage)
        written.append(str(path))
    done = Converted(str(table), found.format, found.events.height, found.faults, tuple(written))
    return Worked(done, faults=found.faults)


def _pieces(
    found: Annotations, out: Path, name: str, target: Format
) -> Iterator[tuple[Path, pl.DataFrame, pl.DataFrame]]:
    """(file, events, coverage) for each file one table makes in a folder."""
    recordings = found.events["recording"].unique(maintain_order=True).to_list()
    if target.many or len(recordings) < 2:
        yield out / f"{name}{target.extensions[0]}", found.events, found.coverage
        return
    names = _distinct([_stem(recording) for recording in recordings])
    for recording, stem in zip(recordings, names, strict=True):
        mine = pl.col("recording") == recording
        yield out / f"{stem}{target.extensions[0]}", found.events.filter(mine), found.coverage.filter(mine)


def _stem(recording: str) -> str:
    name = recording.replace("\\", "/").rsplit("/", 1)[-1]
    stem, dot, suffix = name.rpartition(".")
    return stem if dot and suffix.lower() in AUDIO_SUFFIXES else name


def _distinct(names: list[str]) -> list[str]:
    seen: dict[str, int] = {}
    distinct = []
    for name in names:
        count = seen[name.casefold()] = seen.get(name.casefold(), 0) + 1
        distinct.append(name if count == 1 else f"{name}_{count}")
    return distinct


def _into_folder(tables: Sequence[Path], out: Path, target: Format, options: _Options) -> Conversion:
    names = [recording_of_table(table.name) for table in tables]
    folded = [name.casefold() for name in names]
    for at, name in enumerate(folded):
        if name in folded[:at]:
            raise UsageError(
                f"{tables[folded.index(name)]} and {tables[at]} would both be written as {names[at]!r}",
                where=out,
                mend="Convert them in two runs, into two folders.",
            )
    converted, failures = [], []
    for table, name in zip(tables, names, strict=True):
        outcome = guarded(partial(_convert_one, name=name, out=out, target=target, options=options), table)
        if outcome.worked is not None:
            converted.append(outcome.worked.value)
        elif outcome.failure is not None:
            failures.append(outcome.failure)
    written = tuple(path for done in converted for path in done.written)
    return Conversion(tuple(converted), tuple(failures), written)


def _into_file(tables: Sequence[Path], out: Path, target: Format, options: _Options) -> Conversion:
    found: list[tuple[Path, Annotations]] = []
    failures = []
    for table in tables:
        outcome = guarded(lambda path: Worked(_read(options, path)), table)
        if outcome.worked is not None:
            found.append((table, outcome.worked.value))
        elif outcome.failure is not None:
            failures.append(outcome.failure)
    written: tuple[str, ...] = ()
    if found:
        whole = found[0][1] if len(found) == 1 else combine([annotations for _, annotations in found])
        write_events(whole.events, out, format=target.name, coverage=whole.coverage)
        written = (str(out),)
    converted = tuple(Converted(str(path), one.format, one.events.height, one.faults, written) for path, one in found)
    return Conversion(converted, tuple(failures), written)
