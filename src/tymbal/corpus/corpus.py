"""A corpus on disk: recordings, events, coverage and splits in one directory, and the object that reads it."""

from __future__ import annotations

import hashlib
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from tymbal import __version__
from tymbal.annotations import CoverageIndex, covered_seconds
from tymbal.annotations.tables import COVERAGE, EVENTS
from tymbal.config import dumps
from tymbal.corpus.tables import ABSENT, FAILURES, FAULTS, RECORDINGS, SPLITS, TAXA, as_text, told_columns
from tymbal.errors import CorpusError, DataError
from tymbal.jobs import write_text, write_through

FORMAT = 1
HEAD = "corpus.toml"
TABLES = {
    "recordings": RECORDINGS,
    "events": EVENTS,
    "coverage": COVERAGE,
    "failures": FAILURES,
    "faults": FAULTS,
    "splits": SPLITS,
}
OPTIONAL = {"splits": SPLITS, "absent": ABSENT, "taxa": TAXA}  # empty where the file is not there
CHECKED = ("recordings", "events", "coverage", "failures", "faults")  # written together; splits come and go alone


@dataclass(frozen=True)
class Changes:
    """What indexing again found: paths relative to the root; `renamed` are (old, new) with the same bytes."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    renamed: tuple[tuple[str, str], ...] = ()
    unchanged: int = 0
    splits_dropped: tuple[str, ...] = ()


@dataclass
class Corpus:
    """Recordings + events + coverage + splits: what every task takes. Make one with `index`, read it with `open`.

    `root` is the folder that recordings' paths are relative to; `changes` and `manifests` (name, archive, entries with
    a recording, entries) are set by `index` alone.
    """

    path: Path
    root: Path
    parameters: dict[str, Any] = field(default_factory=dict)
    changes: Changes | None = None
    manifests: tuple[tuple[str, str, int, int], ...] = ()
    _tables: dict[str, pl.DataFrame] = field(default_factory=dict, repr=False)
    _covered: CoverageIndex | None = field(default=None, repr=False)

    @classmethod
    def open(cls, path: str | Path, *, root: str | Path | None = None) -> Corpus:
        """Open the corpus directory `path`; `root` overrides where the recordings lie.

        Raises CorpusError where there is none, where it is damaged or half-written, or where its root has moved.
        """
        path = Path(path)
        head = read_head(path)
        found = Path(root) if root is not None else _resolve_root(path, str(head["root"]))
        if not found.is_dir():
            raise CorpusError(
                f"the recordings are not at {found}",
                where=path,
                mend="They have moved: open the corpus with root=FOLDER (--root FOLDER), or index again.",
            )
        corpus = cls(path, found, dict(head.get("parameters", {})))
        for name, wanted in head.get("tables", {}).items():
            if name in CHECKED and table_digest(path / f"{name}.parquet") != wanted:
                raise CorpusError(
                    f"{name}.parquet is not the table that {HEAD} describes",
                    where=path,
                    mend="Indexing was interrupted or the file was changed: run the same tymbal index again.",
                )
        return corpus

    def _table(self, name: str) -> pl.DataFrame:
        if name not in self._tables:
            file = self.path / f"{name}.parquet"
            if not file.is_file():
                if name in OPTIONAL:
                    return pl.DataFrame(schema=OPTIONAL[name])
                raise CorpusError(f"{file.name} is missing", where=self.path, mend="Run tymbal index again.")
            self._tables[name] = read_table(file)
        return self._tables[name]

    @property
    def recordings(self) -> pl.DataFrame:
        """One row per recording that could be read: `corpus.tables.RECORDINGS` and metadata columns."""
        return self._table("recordings")

    @property
    def events(self) -> pl.DataFrame:
        """The Events table (`annotations.tables.EVENTS` and extra columns)."""
        return self._table("events")

    @property
    def coverage(self) -> pl.DataFrame:
        """What was listened to exhaustively (`annotations.tables.COVERAGE`); empty = nobody said."""
        return self._table("coverage")

    @property
    def failures(self) -> pl.DataFrame:
        """Files that could not be worked, and why (`corpus.tables.FAILURES`)."""
        return self._table("failures")

    @property
    def faults(self) -> pl.DataFrame:
        """What was odd in files that could be read (`corpus.tables.FAULTS`)."""
        return self._table("faults")

    @property
    def absent(self) -> pl.DataFrame:
        """Entries of manifests without a recording here (`corpus.tables.ABSENT`)."""
        return self._table("absent")

    @property
    def taxa(self) -> pl.DataFrame:
        """What became of each label by the table of taxa (`corpus.tables.TAXA`)."""
        return self._table("taxa")

    @property
    def splits(self) -> pl.DataFrame:
        """All schemes (`corpus.tables.SPLITS`)."""
        return self._table("splits")

    def replace_splits(self, splits: pl.DataFrame) -> None:
        """Write the splits table anew, atomically."""
        ordered = splits.select(list(SPLITS)).sort("scheme", "recording", "event_id", nulls_last=False)
        write_table(self.path / "splits.parquet", ordered)
        self._tables["splits"] = ordered

    def file(self, recording: str) -> Path:
        """Where a recording lies. Raises CorpusError for names the corpus does not hold or files that are gone."""
        path = self.root / recording
        if path.is_file():
            return path
        known = self.recordings["recording"]
        if not (known == recording).any():
            raise CorpusError(f"no recording {recording!r}", where=self.path, mend="Names are relative to the root.")
        raise CorpusError(
            f"{recording} is not under {self.root} any more",
            where=self.path,
            mend="Open the corpus with root=FOLDER (--root FOLDER), or index again.",
        )

    @property
    def schemes(self) -> list[str]:
        """Names of the splits, sorted."""
        return sorted(self.splits["scheme"].unique().to_list())

    def folds(self, scheme: str) -> pl.DataFrame:
        """One split: event_id (null = the whole recording), recording, group, fold. Raises CorpusError if unknown."""
        found = self.splits.filter(pl.col("scheme") == scheme).drop("scheme")
        if found.is_empty():
            raise CorpusError(
                f"no split {scheme!r}",
                where=self.path,
                parameter="scheme",
                allowed=", ".join(self.schemes) or "none was made yet",
                mend="Make one with: tymbal index ... --split-by COLUMN",
            )
        return found

    def examples(self, label: str = "label", *, scheme: str | None = None) -> pl.DataFrame:
        """The labelled examples: Events whose `label` is the column named `label`, rows without a label left out.

        A column of events is taken first, then one of recordings: then every recording is one example with null
        times and its own path as event_id. The recordings' metadata columns ride along. With `scheme`, columns
        `group` and `fold` of that split are added. Raises DataError where no column of that name holds anything.
        """
        table = self._labelled(label)
        if scheme is None:
            return table
        folds = self.folds(scheme)
        by_event = folds.filter(pl.col("event_id").is_not_null()).select("event_id", "group", "fold")
        by_recording = folds.filter(pl.col("event_id").is_null()).select("recording", "group", "fold")
        table = table.drop("group", "fold", strict=False)
        joined = table.join(by_event, on="event_id", how="left", maintain_order="left")
        joined = joined.join(by_recording, on="recording", how="left", suffix="_whole", maintain_order="left")
        both = [pl.coalesce(name, f"{name}_whole").alias(name) for name in ("group", "fold")]
        return joined.with_columns(both).drop("group_whole", "fold_whole")

    @property
    def default_label(self) -> str | None:
        """The label column named when indexing, else "label" where events have labels, else None."""
        named = self.parameters.get("label")
        if named is not None:
            return str(named)
        return "label" if _holds(self.events, "label") else None

    def _labelled(self, label: str) -> pl.DataFrame:
        events, recordings = self.events, self.recordings
        if label not in events.columns and label == self.parameters.get("label"):
            label = "label" if label not in recordings.columns else label  # it was read as the label when indexing
        if _holds(events, label):
            table = events.with_columns(as_text(label).alias("label")).drop_nulls("label")
        elif _holds(recordings, label):
            rows = recordings.select("recording", pl.col("recording").alias("event_id"), as_text(label))
            rows = rows.rename({label: "label"}).drop_nulls("label")
            blank = [
                pl.lit(None, dtype=kind).alias(name) if name not in rows.columns else pl.col(name)
                for name, kind in EVENTS.items()
            ]
            table = rows.select(blank)
        else:
            raise DataError(
                f"no column {label!r} with values among the events or recordings",
                where=self.path,
                parameter="label",
                allowed=", ".join(told_columns(["label", *events.columns, *recordings.columns])),
                mend="Give the table that holds the label with --annotations or --metadata when indexing.",
            )
        riders = [name for name in recordings.columns if name not in table.columns and name != "faults"]
        return table.join(recordings.select("recording", *riders), on="recording", how="left", maintain_order="left")

    def covered(
        self, recording: str, start_s: float, end_s: float, *, label: str | None = None, channel: int | None = None
    ) -> bool | None:
        """Whether all of [start_s, end_s] was listened to for `label`; None where the corpus has no coverage at all.

        Outside coverage (False) and without any (None) a detection that no event explains is unknown, not false.
        """
        if self.coverage.is_empty():
            return None
        if self._covered is None:
            self._covered = CoverageIndex(self.coverage)
        return self._covered.covers(recording, start_s, end_s, label=label, channel=channel)

    def covered_seconds(self, label: str | None = None) -> float:
        """Seconds listened to for `label` (None = for every label), each second of a recording once."""
        durations = dict(zip(self.recordings["recording"], self.recordings["duration_s"], strict=True))
        return covered_seconds(self.coverage, durations, label)

    @property
    def digest(self) -> str:
        """Content address of recordings (path and bytes), events and coverage; clocks and places count nothing."""
        sound = self.recordings.drop("mtime_ns", "size_bytes")
        return frames_digest([sound, self.events, self.coverage])


def _holds(table: pl.DataFrame, name: str) -> bool:
    """Whether a table has a column of that name with any value in it."""
    return name in table.columns and table.select(as_text(name)).to_series().null_count() < table.height


def read_head(path: Path) -> dict[str, Any]:
    """The contents of corpus.toml. Raises CorpusError where it is missing, unreadable or of another format."""
    file = path / HEAD
    try:
        head = tomllib.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise CorpusError(f"no {HEAD} here: not a corpus", where=path, mend="Make one with: tymbal index") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CorpusError(f"{HEAD} is damaged: {error}", where=path, mend="Run tymbal index again.") from error
    if head.get("format") != FORMAT or "root" not in head:
        raise CorpusError(
            f"{HEAD} is of format {head.get('format')!r}", where=path, allowed=FORMAT, mend="Run tymbal index again."
        )
    return head


def write_head(path: Path, root: Path, parameters: Mapping[str, object]) -> None:
    """Write corpus.toml, the last file of a corpus: from then on the new tables count."""
    tables = {name: table_digest(path / f"{name}.parquet") for name in CHECKED}
    content = {
        "format": FORMAT,
        "tymbal": __version__,
        "root": portable_root(path, root),
        "parameters": dict(parameters),
        "tables": tables,
    }
    write_text(path / HEAD, "# a Tymbal corpus; open it with tymbal.Corpus.open(FOLDER)\n" + dumps(content))


def portable_root(path: Path, root: Path) -> str:
    """The root relative to the corpus where both lie in one folder tree, so that the tree can move; else absolute."""
    here, there = path.resolve(), root.resolve()
    if there.is_relative_to(here.parent) or here.is_relative_to(there):
        return Path(os.path.relpath(there, here)).as_posix()
    return there.as_posix()


def _resolve_root(path: Path, root: str) -> Path:
    return Path(os.path.normpath(path / root)) if not Path(root).is_absolute() else Path(root)


def write_table(path: Path, table: pl.DataFrame) -> None:
    """A Parquet table, atomically; equal tables give equal bytes."""
    whole = table.rechunk()
    write_through(path, lambda file: whole.write_parquet(file, compression="zstd", statistics=False))


def read_table(path: Path) -> pl.DataFrame:
    """A Parquet table of ours. Raises CorpusError where it cannot be read."""
    try:
        return pl.read_parquet(path, glob=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise CorpusError(f"cannot be read as Parquet: {error}", where=path, mend="Run tymbal index again.") from error


def table_digest(path: Path) -> str:
    """BLAKE2b-128 of a file's bytes, hex; empty where there is no such file."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
    except FileNotFoundError:
        return ""


def frames_digest(frames: list[pl.DataFrame]) -> str:
    """Content address of tables: BLAKE2b-128 of their NDJSON, hex."""
    state = hashlib.blake2b(digest_size=16)
    for frame in frames:
        state.update(",".join(frame.columns).encode())
        for part in frame.iter_slices(65536):
            state.update(part.write_ndjson().encode())
    return state.hexdigest()
