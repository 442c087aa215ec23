"""From what is asked for to prompts and targets: which files are meant, and what is wrong with them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from tymbal.annotations import RecordingIndex, read_events
from tymbal.audio import AUDIO_EXTENSIONS, find_recordings, probe
from tymbal.errors import AnnotationError, AudioError, DataError, Fault, NothingDoneError, TymbalError
from tymbal.fewshot.plan import Target
from tymbal.fewshot.prompt import MARKED_IN, Prompt, make_prompts, summed

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
    marked: Path | None = None,
    sounds: Path | None = None,
    label_column: str | None = None,
    only: Sequence[Path] = (),
) -> Asked:
    """Read the examples, find the recordings they speak of, and list the recordings to search.

    Parameters
    ----------
    recordings : files and folders to search.
    examples : a table in any format that `read_events` knows.
    marked : a table that find wrote, or the folder of them, gone through by someone (see `make_prompts`).
    sounds : where the recordings of the examples lie, if neither among `recordings` nor beside the table.
    labels, shots : see `make_prompts`; label_column: see `read_events`.
    only : folders and files out of which no recording that a table names may lie, for tables of strangers.

    Raises NothingDoneError where nothing is to be searched, DataError where no recording of the examples is found,
    AnnotationError for a table that cannot be read.
    """
    targets = list_targets(recordings)
    faults: list[Fault] = []
    places = _Places([Path(target.path) for target in targets], examples, sounds, only)
    table = read_events(examples, label_column=label_column)
    faults += [fault for fault in table.faults if fault.code not in _TOLD_ELSEWHERE]
    events = places.resolved(table.events, examples, faults)
    coverage = places.resolved(table.coverage, examples, []) if table.coverage.height else None
    marks = places.resolved(_marked(marked), marked, faults) if marked is not None else None
    durations, rates = _probed([events, *([marks] if marks is not None else [])], faults)
    events = events.filter(pl.col("recording").is_in(list(durations)))
    alone = [path for path in durations if probe(path).channels == 1]
    channel = pl.when(pl.col("recording").is_in(alone)).then(None).otherwise(pl.col("channel"))
    events = events.with_columns(channel.cast(pl.Int32).alias("channel"))
    if marks is not None:  # what find wrote is about the mix, which tables of Raven call channel 1
        marks = marks.filter(pl.col("recording").is_in(list(durations))).with_columns(
            pl.lit(None, dtype=pl.Int32).alias("channel")
        )
    try:
        prompts, odd = make_prompts(
            events, durations, labels=labels, shots=shots, marked=marks, coverage=coverage, rates_hz=rates
        )
    except DataError as error:
        if error.where == "marked":
            raise DataError(error.what, where=marked, allowed=error.allowed, mend=error.mend) from error
        if error.where != "examples":
            raise
        mend = "; ".join([*([error.mend] if error.mend else []), *(fault.message for fault in summed(faults))])
        raise DataError(error.what, where=examples, allowed=error.allowed, mend=mend) from error
    return Asked(prompts, tuple(targets), (*summed(faults), *odd))


def list_targets(recordings: Sequence[Path]) -> list[Target]:
    """Files as they are given, folders walked; each called by its path below its folder."""
    targets: list[Target] = []
    ignored = 0
    for path in recordings:
        if path.is_dir():
            names, others = find_recordings(path)
            ignored += others
            prefix = f"{path.name}/" if len(recordings) > 1 else ""
            targets += [Target(prefix + name, str(path / name), None) for name in names]
        else:
            targets.append(Target(path.name, str(path), None))
    if not targets:
        raise NothingDoneError(
            f"no recordings were found ({ignored} other files)",
            where=", ".join(os.fspath(path) for path in recordings) or ".",
            mend="Give recordings or a folder that holds some.",
        )
    seen: dict[str, Target] = {}
    for target in targets:
        if target.name in seen:  # files of one name from several folders: call them by their whole path
            return [Target(each.path, each.path, None) for each in {t.path: t for t in targets}.values()]
        seen[target.name] = target
    return targets


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
        for direct in (Path(name), source.parent / name):
            if direct.is_file() and self._allowed(direct):
                return [direct.as_posix()]
        if self._indices is None:
            self._indices = [RecordingIndex(self._targets)]
            if self._sounds is not None:
                below = find_recordings(self._sounds)[0]
                self._indices.append(RecordingIndex([(self._sounds / each).as_posix() for each in below]))
            elif self._beside.is_dir():  # this folder alone: what lies below it may be a whole disk
                near = sorted(each for each in self._beside.iterdir() if each.suffix.lower() in AUDIO_EXTENSIONS)
                self._indices.append(RecordingIndex([each.as_posix() for each in near]))
        for index in self._indices:
            found = [path for path in index.find(name) if self._allowed(Path(path))]
            if found:
                return found
        return []

    def _allowed(self, path: Path) -> bool:
        return not self._only or any(path.resolve().is_relative_to(each) for each in self._only)

    def resolved(self, events: pl.DataFrame, source: Path, faults: list[Fault]) -> pl.DataFrame:
        """The events with paths in the place of names; rows whose recording is not found are left out and told."""
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
        if events.height and not paths:
            raise DataError(
                "no recording of the table is there",
                where=source,
                mend=f"{faults[-1].message}. Say where they lie: --sounds FOLDER",
            )
        renamed = pl.col("recording").replace_strict(paths, default=None, return_dtype=pl.String)
        return events.with_columns(renamed.alias("recording")).filter(pl.col("recording").is_not_null())


def _probed(tables: Sequence[pl.DataFrame], faults: list[Fault]) -> tuple[dict[str, float], dict[str, float]]:
    """Seconds and sample rate of every recording of the tables that can be read."""
    found: dict[str, float] = {}
    rates: dict[str, float] = {}
    last: TymbalError | None = None
    for path in dict.fromkeys(name for table in tables for name in table["recording"].to_list()):
        try:
            info = probe(path)
            found[path], rates[path] = info.duration_s, info.sample_rate_hz
        except AudioError as error:
            last = error
            faults.append(Fault("unreadable", f"{error}; its examples were left out"))
    if last is not None and not found:
        raise last
    return found, rates
