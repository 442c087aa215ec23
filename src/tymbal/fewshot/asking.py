"""From what is asked for to prompts and targets: which files are meant, and what is wrong with them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from tymbal.annotations import RecordingIndex, read_events, recording_of_table, table_of_recording
from tymbal.audio import AUDIO_EXTENSIONS, AudioInfo, find_recordings, probe
from tymbal.errors import (
    AnnotationError,
    AudioError,
    DataError,
    Fault,
    InputPathError,
    NothingDoneError,
    TymbalError,
)
from tymbal.fewshot.plan import Target
from tymbal.fewshot.prompt import MARKED_IN, Prompt, check_shots, make_prompts, summed

_TOLD_ELSEWHERE = ("zero_duration", "end_before_begin", "bad_time", "duplicate")  # by make_prompts, as it takes them


@dataclass(frozen=True)
class Asked:
    """What is to be found where: prompts, targets, and what was odd about either."""

    prompts: tuple[Prompt, ...]
    targets: tuple[Target, ...]
    faults: tuple[Fault, ...]


def ask(
    recordings: Sequence[Path],
    examples: Path,
    *,
    labels: Sequence[str] = (),
    shots: int | None = None,
    marked: Sequence[Path] = (),
    sounds: Path | None = None,
    label_column: str | None = None,
    only: Sequence[Path] = (),
) -> Asked:
    """Read the examples, find the recordings they speak of, and list the recordings to search.

    Parameters
    ----------
    recordings : files and folders to search.
    examples : a table in any format that `read_events` knows.
    marked : tables that find wrote, or folders of them, gone through by someone (see `make_prompts`).
    sounds : where the recordings of the examples lie, if neither among `recordings` nor beside the table.
    labels, shots : see `make_prompts`; label_column: see `read_events`.
    only : folders and files out of which no recording that a table names may lie, for tables of strangers.

    Raises NothingDoneError where nothing is to be searched, DataError where no recording of the examples is found,
    AnnotationError for a table that cannot be read.
    """
    check_shots(shots)
    targets = list_targets(recordings)
    faults: list[Fault] = []
    places = _Places([Path(target.path) for target in targets], examples, sounds, only)
    table = read_events(examples, label_column=label_column)
    faults += [fault for fault in table.faults if fault.code not in _TOLD_ELSEWHERE]
    events = places.resolved(table.events, examples, faults)
    coverage = places.resolved(table.coverage, examples, [], needed=False) if table.coverage.height else None
    gone_through = [places.resolved(_marked(each), each, faults) for each in marked]
    marks = pl.concat(gone_through, how="diagonal_relaxed") if marked else None
    known = _probed([events, *([marks] if marks is not None else [])], faults)
    durations = {path: info.duration_s for path, info in known.items()}
    rates = {path: info.sample_rate_hz for path, info in known.items()}
    events = _with_channels(events.filter(pl.col("recording").is_in(list(known))), known, faults)
    if marks is not None:  # what find wrote is about the mix, which tables of Raven call channel 1
        marks = marks.filter(pl.col("recording").is_in(list(known))).with_columns(
            pl.lit(None, dtype=pl.Int32).alias("channel")
        )
    try:
        prompts, odd = make_prompts(
            events, durations, labels=labels, shots=shots, marked=marks, coverage=coverage, rates_hz=rates
        )
    except DataError as error:
        if error.where == "marked":
            where = ", ".join(map(os.fspath, marked))
            raise DataError(error.what, where=where, allowed=error.allowed, mend=error.mend) from error
        if error.where != "examples":
            raise
        mend = "; ".join([*([error.mend] if error.mend else []), *(fault.message for fault in summed(faults))])
        raise DataError(error.what, where=examples, allowed=error.allowed, mend=mend) from error
    return Asked(prompts, tuple(targets), (*summed(faults), *odd))


def list_targets(recordings: Sequence[Path]) -> list[Target]:
    """Files as they are given, folders walked, each once; called by their paths below their folders.

    Raises InputPathError where none of the paths is there, NothingDoneError where no recording is.
    """
    if recordings and not any(path.exists() for path in recordings):
        named = ", ".join(os.fspath(path) for path in recordings)
        raise InputPathError("no such file or folder", where=named, mend="Check the path of the recordings.")
    targets: dict[str, Target] = {}
    ignored = 0
    for path in recordings:
        if path.is_dir():
            names, others = find_recordings(path)
            ignored += others
            own = path.name if path.name not in ("", "..") else path.resolve().name
            prefix = f"{own}/" if own and len(recordings) > 1 else ""
            found = [Target(prefix + name, str(path / name), None) for name in names]
        else:
            found = [Target(path.name, str(path), None)]
        for target in found:
            where = Path(target.path)
            targets.setdefault((where.parent.resolve() / where.name).as_posix(), target)
    if not targets:
        raise NothingDoneError(
            f"no recordings were found ({ignored} other files)",
            where=", ".join(os.fspath(path) for path in recordings) or ".",
            mend="Give recordings or a folder that holds some.",
        )
    named_by = [list(targets.values()), [Target(each.path, each.path, None) for each in targets.values()]]
    for known in named_by:  # files of one name from several folders: call them by their paths, else by whole ones
        if len({table_of_recording(target.name) for target in known}) == len(known):
            return known
    return [Target(whole, target.path, None) for whole, target in targets.items()]


def _marked(path: Path) -> pl.DataFrame:
    """The rows of a marked table, or of all tables in a folder."""
    if not path.is_dir():
        return _rows_of(path)
    tables = sorted(each for each in path.rglob("*") if each.suffix.lower() in (".txt", ".csv", ".tsv"))
    if not tables:
        raise AnnotationError("no tables in this folder", where=path, mend="Give the tables/ folder that find wrote.")
    return pl.concat([_rows_of(each) for each in tables], how="diagonal_relaxed")


def _rows_of(table: Path) -> pl.DataFrame:
    return read_events(table).events.with_columns(pl.lit(str(table)).alias(MARKED_IN))


class _Places:
    """Where the recording that a table names lies."""

    def __init__(self, targets: Sequence[Path], table: Path, sounds: Path | None, only: Sequence[Path]) -> None:
        self._targets = [path.as_posix() for path in targets]
        self._beside, self._sounds = table.parent, sounds
        self._only = [path.resolve() for path in only]
        self._indices: list[RecordingIndex] | None = None

    def find(self, name: str, source: Path) -> list[str]:
        """Paths of the recordings that `name` may mean, none where there is none."""
        near = [Path(name)] if Path(name).name != name else []  # a bare name says nothing of the working folder
        for direct in (*near, source.parent / name):
            if _is_file(direct) and self._allowed(direct):
                return [direct.as_posix()]
        if self._indices is None:
            self._indices = [RecordingIndex(self._targets)]
            if self._sounds is not None:
                below = find_recordings(self._sounds)[0]
                self._indices.append(RecordingIndex([(self._sounds / each).as_posix() for each in below]))
            elif self._beside.is_dir():  # this folder alone: what lies below it may be a whole disk
                near = sorted(each for each in self._beside.iterdir() if each.suffix.lower() in AUDIO_EXTENSIONS)
                self._indices.append(RecordingIndex([each.as_posix() for each in near]))
        fit = [[path for path in index.find(name) if self._allowed(Path(path))] for index in self._indices]
        clear = [each for each in fit if len(each) == 1]
        return next((each for each in (*clear, *fit) if each), [])

    def _allowed(self, path: Path) -> bool:
        return not self._only or any(path.resolve().is_relative_to(each) for each in self._only)

    def resolved(self, events: pl.DataFrame, source: Path, faults: list[Fault], *, needed: bool = True) -> pl.DataFrame:
        """The events with paths in the place of names; rows whose recording is not found are left out and told.

        Raises DataError where some are `needed` and none is there.
        """
        paths: dict[str, str] = {}
        for name in events["recording"].unique(maintain_order=True).to_list():
            found = self.find(str(name), source)
            if len(found) == 1:
                paths[str(name)] = found[0]
                continue
            said = (
                f"fits {len(found)} recordings ({', '.join(found[:3])})" if found else "is no recording that is there"
            )
            faults.append(Fault("no_recording", f"{source.name}: {name!r} {said}; its rows were left out"))
        if needed and events.height and not paths:
            mend = f"{faults[-1].message}. Say where they lie: --sounds FOLDER"
            if events["recording"].unique().to_list() == [recording_of_table(source.name)]:
                mend += "; a table that names no recording is about the one that it is called by: rename it"
            raise DataError("no recording of the table is there", where=source, mend=mend)
        renamed = pl.col("recording").replace_strict(paths, default=None, return_dtype=pl.String)
        return events.with_columns(renamed.alias("recording")).filter(pl.col("recording").is_not_null())


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that the system cannot look up is that of no file
        return False


def _probed(tables: Sequence[pl.DataFrame], faults: list[Fault]) -> dict[str, AudioInfo]:
    """What every recording of the tables that can be read is."""
    found: dict[str, AudioInfo] = {}
    last: TymbalError | None = None
    for path in dict.fromkeys(name for table in tables for name in table["recording"].to_list()):
        try:
            found[path] = probe(path)
        except AudioError as error:
            last = error
            faults.append(Fault("unreadable", f"{error}; its examples were left out"))
    if last is not None and not found:
        raise last
    return found


def _with_channels(events: pl.DataFrame, known: Mapping[str, AudioInfo], faults: list[Fault]) -> pl.DataFrame:
    """The events without channels where a recording has but one; rows of channels that are not there are told."""
    count = pl.col("recording").replace_strict(
        {path: info.channels for path, info in known.items()}, default=None, return_dtype=pl.Int32
    )
    channel = pl.when(count > 1).then(pl.col("channel")).cast(pl.Int32)
    events = events.with_columns(channel.alias("channel"))
    there = pl.col("channel").is_null() | pl.col("channel").is_between(1, count)
    for row in events.filter(~there).iter_rows(named=True):
        what = f"example {row['event_id']} ({Path(row['recording']).name}) is on channel {row['channel']}"
        held = known[row["recording"]].channels
        faults.append(Fault("no_channel", f"{what}, and the recording has {held}; left out"))
    return events.filter(there)
