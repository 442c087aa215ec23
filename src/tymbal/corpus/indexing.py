"""From folders of recordings and tables to a corpus on disk, again and again as they grow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from tymbal.audio import AUDIO_EXTENSIONS, find_recordings
from tymbal.config import to_plain
from tymbal.corpus.corpus import OPTIONAL, TABLES, Changes, Corpus, read_head, read_table, write_head, write_table
from tymbal.corpus.coverage import gather_coverage
from tymbal.corpus.identify import Identify, RecordingFile, list_files, still_known
from tymbal.corpus.ingest import Ingested, TableFile, find_tables, ingest
from tymbal.corpus.manifests import Gathered, find_reader, gather
from tymbal.corpus.metadata import TOLD, join_metadata, read_metadata
from tymbal.corpus.tables import FAILURES, FAULTS, RECORDINGS, told_columns
from tymbal.corpus.tally import Folder, Tally, tally
from tymbal.corpus.taxonomy import check_taxonomy, rename_taxa
from tymbal.errors import CorpusError, DataError, Fault, InputPathError, NothingDoneError, UsageError
from tymbal.jobs import Executor, Failure, Progress, Silent, make_executor, only_writer, remove_temporaries

PROBED = "probed.parquet"  # recordings as their files tell, before metadata: what indexing again takes over
WORK = "work"  # folder in the corpus for unfinished jobs
PATHS = ("taxonomy", "coverage")  # parameters that are one path
FEW = 256  # recordings that are probed in this process: starting others takes longer
PathLike = str | Path


@dataclass
class _Found:
    """What lies on the disk: files to identify, rows known from before, names no table can hold."""

    files: list[RecordingFile]
    known: pl.DataFrame
    failures: list[Failure]


@dataclass(frozen=True)
class _Given:
    """Where it is told what is in the recordings; the arguments of `index`."""

    annotations: list[Path]
    metadata: list[Path]
    manifests: list[Path]
    taxonomy: PathLike | None
    label: str | None
    coverage: PathLike | None

    def sources(self) -> _Sources:
        """Find the tables of events, read the metadata, and look whether the others can be read."""
        tables = find_tables(self.annotations)
        metadata = [(path.name, read_metadata(path)) for path in self.metadata]
        for path in self.manifests:
            find_reader(path)
        if self.taxonomy is not None:
            check_taxonomy(Path(self.taxonomy))
        return _Sources(tables, metadata)

    def parameters(self) -> dict[str, Any]:
        """What the corpus keeps of how it was made: paths as text, nothing that was not given."""
        named = {
            "annotations": self.annotations,
            "metadata": self.metadata,
            "manifest": self.manifests or None,
            "taxonomy": self.taxonomy,
            "label": self.label,
            "coverage": self.coverage,
        }
        given = {name: value for name, value in named.items() if value is not None}
        return {name: to_plain(Path(str(value)) if name in PATHS else value) for name, value in given.items()}


@dataclass(frozen=True)
class _Sources:
    """Tables of events, and metadata by the name of its file."""

    tables: list[TableFile]
    metadata: list[tuple[str, pl.DataFrame]]


@dataclass(frozen=True)
class _Told:
    """Recordings, events and coverage as everything given tells them, what not every corpus has, and what was odd."""

    tables: dict[str, pl.DataFrame]
    optional: dict[str, pl.DataFrame | None]
    manifests: tuple[tuple[str, str, int, int], ...]
    failures: list[Failure]
    faults: list[tuple[str, Fault]]


def index(
    recordings: PathLike,
    *,
    out: PathLike,
    annotations: PathLike | Sequence[PathLike] = (),
    metadata: PathLike | Sequence[PathLike] = (),
    manifest: PathLike | Sequence[PathLike] = (),
    taxonomy: PathLike | None = None,
    label: str | None = None,
    coverage: PathLike | None = None,
    workers: int | None = 1,
    progress: Progress | None = None,
    resume: bool = True,
) -> Corpus:
    """Make the corpus `out` of a folder of recordings, or bring it up to date; the same input gives the same bytes.

    Parameters
    ----------
    recordings : folder, searched recursively; recordings are known by their path below it and their content.
    annotations : tables of events in any format that `tymbal.annotations` reads, or folders of such.
    metadata : CSV tables with a `recording` column; the other columns ride along (site, individual, session, fold).
    manifest : what archives hand out with recordings; see `corpus.manifests`. Entries without a recording here are
        rows of `.absent`.
    taxonomy : a table that labels are mapped to names by; see `corpus.taxonomy`. `.taxa` says what became of each.
    label : the column that holds the label where a table has several; see `Corpus.examples`.
    coverage : what was listened to exhaustively: a coverage table, or "complete" for everything in recordings that
        have annotations. Formats that say so themselves need neither.
    workers : processes (1: in this process; None: one per core, for which a script needs its `__main__` guard).
    resume : take over what is known of files whose size and time did not change; False reads every byte again.

    Files that cannot be read are rows of `.failures`, oddities rows of `.faults`; `.changes` says what is new.
    Raises InputPathError for a folder that is not there; NothingDoneError where there is no recording, or none could
    be read; DataError for a label that no table holds; UsageError where another process is writing the corpus.
    """
    root, target = Path(recordings), Path(out)
    given = _Given(_paths(annotations), _paths(metadata), _paths(manifest), taxonomy, label, coverage)
    sources = given.sources()  # what is wrong there is told before hours of hashing
    progress = progress or Silent()
    before = _before(target)
    found = _find(root, target, before if resume else None)
    with only_writer(target):
        remove_temporaries(target)
        identified = _identify(found, root, target, workers, progress)
        probed = pl.concat([found.known, identified.table]).sort("recording")
        if probed.is_empty():
            raise _nothing_read(root, [*found.failures, *identified.failures])
        told = _tell(probed, given, sources, make_executor(workers), progress)
        corpus = Corpus(target, root, given.parameters())
        _write_optional(target, told.optional)
        failures = [*found.failures, *identified.failures, *told.failures]
        dropped = _write(corpus, probed, told.tables, failures, told.faults)
        corpus.changes, corpus.manifests = _compare(before, probed, dropped), told.manifests
        return corpus


def _tell(probed: pl.DataFrame, given: _Given, sources: _Sources, executor: Executor, progress: Progress) -> _Told:
    """Join what is told of the recordings that are there."""
    gathered = gather(given.manifests, probed)
    table, faults = join_metadata(probed, [*sources.metadata, *_beside(gathered, sources.metadata)])
    ingested = ingest(
        sources.tables, table, label=given.label, executor=executor, progress=progress, more=gathered.events
    )
    _check_label(given.label, ingested, table)
    ingested.events, table, taxa = rename_taxa(ingested.events, table, given.taxonomy)
    spans, more = gather_coverage(given.coverage, ingested.coverage, ingested.events, table)
    odd = table.filter(pl.col("faults").list.len() > 0).select("recording", "faults")
    own = [(name, fault) for name, texts in odd.iter_rows() for fault in _split_faults(texts)]
    return _Told(
        tables={"recordings": table, "events": ingested.events, "coverage": spans},
        optional={"absent": pl.concat(gathered.absent) if gathered.absent else None, "taxa": taxa},
        manifests=tuple(gathered.counts),
        failures=ingested.failures,
        faults=[*own, *faults, *gathered.faults, *ingested.faults, *more],
    )


def _beside(gathered: Gathered, told: Sequence[tuple[str, pl.DataFrame]]) -> list[tuple[str, pl.DataFrame]]:
    """Metadata of manifests, without what stands over a file's header where the user's own tables tell it."""
    taken = {name for _, table in told for name in table.columns} & set(TOLD)
    return [(name, table.drop(taken, strict=False)) for name, table in gathered.metadata]


def _write_optional(target: Path, tables: dict[str, pl.DataFrame | None]) -> None:
    """Tables that not every corpus has; those of an earlier run go."""
    target.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        if table is None:
            (target / f"{name}.parquet").unlink(missing_ok=True)
        else:
            write_table(target / f"{name}.parquet", table)


def _paths(given: PathLike | Sequence[PathLike]) -> list[Path]:
    return [Path(given)] if isinstance(given, str | Path) else [Path(path) for path in given]


def _check_label(label: str | None, ingested: Ingested, recordings: pl.DataFrame) -> None:
    """Refuse a label column that no table holds, before anything is written."""
    if label is None or ingested.labelled or label in ingested.events.columns or label in recordings.columns:
        return
    unread = f"; {len(ingested.failures)} tables could not be read" if ingested.failures else ""
    raise DataError(
        f"no table of annotations or metadata holds a column {label!r}{unread}",
        parameter="label",
        allowed=", ".join(told_columns([*ingested.events.columns, *recordings.columns])) or None,
        mend=ingested.failures[0].message if ingested.failures else "Check the spelling, or give the table that does.",
    )


def _before(target: Path) -> pl.DataFrame | None:
    """The recordings table of the corpus that is at `target` already, if there is one."""
    if target.exists() and not target.is_dir():
        raise UsageError("this is a file", where=target, mend="Give a folder for the corpus (-o FOLDER).")
    if not target.is_dir():
        return None
    try:
        read_head(target)
        return read_table(target / PROBED)
    except CorpusError:  # a first run that was killed, or a damaged corpus: everything is looked at again
        ours = {*TABLES, *OPTIONAL, "probed", "measures", "corpus", "index", WORK}
        foreign = [path.name for path in target.iterdir() if path.stem not in ours and not path.name.startswith(".")]
        if foreign and not (target / "corpus.toml").exists() and not (target / WORK).exists():
            raise UsageError(
                f"this folder holds other things ({foreign[0]}) and no corpus",
                where=target,
                mend="Give a new or empty folder for the corpus (-o FOLDER).",
            ) from None
        return None


def _find(root: Path, target: Path, before: pl.DataFrame | None) -> _Found:
    if not root.is_dir():
        raise InputPathError("no such folder of recordings", where=root, mend="Check the path.")
    names, ignored = find_recordings(root)
    inside = target.resolve()
    if inside.is_relative_to(root.resolve()):
        prefix = inside.relative_to(root.resolve()).as_posix() + "/"
        names = [name for name in names if not name.startswith(prefix)]
    if not names:
        raise NothingDoneError(
            f"no recording in this folder or below it ({ignored} other files)",
            where=root,
            allowed="files ending in " + ", ".join(sorted(AUDIO_EXTENSIONS)),
            mend="Check the path.",
        )
    files, failures = list_files(root, names)
    if before is None:
        return _Found(files, pl.DataFrame(schema=RECORDINGS), failures)
    fresh, known = still_known(files, before)
    return _Found(fresh, known, failures)


def _identify(found: _Found, root: Path, target: Path, workers: int | None, progress: Progress) -> Tally:
    if not found.files:
        return Tally(pl.DataFrame(schema=RECORDINGS))
    folder = Folder(target / WORK / "index")
    executor: Executor = make_executor(1 if len(found.files) <= FEW else workers)
    work = Identify(root.as_posix())
    return tally("index", found.files, work, folder, schema=RECORDINGS, executor=executor, progress=progress)


def _nothing_read(root: Path, failures: list[Failure]) -> NothingDoneError:
    return NothingDoneError(
        f"none of {len(failures)} recordings could be read; the first: {failures[0].message}",
        where=root,
        mend="See what is wrong with each: tymbal inspect",
    )


def _split_faults(texts: list[str] | None) -> list[Fault]:
    return [Fault(code, message) for code, _, message in (text.partition(": ") for text in texts or [])]


def _write(
    corpus: Corpus,
    probed: pl.DataFrame,
    tables: dict[str, pl.DataFrame],
    failures: list[Failure],
    faults: list[tuple[str, Fault]],
) -> tuple[str, ...]:
    """Write every table, the head last; returns the splits that had to go."""
    target = corpus.path
    target.mkdir(parents=True, exist_ok=True)
    failed = [{"item": f.item, "error": f.error, "message": f.message, "trace": f.trace} for f in failures]
    odd = [{"source": source, "code": fault.code, "message": fault.message} for source, fault in faults]
    tables = {
        **tables,
        "failures": pl.DataFrame(failed, schema=FAILURES).sort("item", maintain_order=True),
        "faults": pl.DataFrame(odd, schema=FAULTS).unique(maintain_order=True).sort("source", maintain_order=True),
    }
    dropped = _drop_stale_splits(corpus, tables["recordings"], tables["events"])
    write_table(target / PROBED, probed)
    for name, table in tables.items():
        write_table(target / f"{name}.parquet", table)
    write_head(target, corpus.root, corpus.parameters)
    Folder(target / WORK / "index").clear()
    work = target / WORK
    if work.is_dir() and not any(work.iterdir()):
        work.rmdir()
    return dropped


def _drop_stale_splits(corpus: Corpus, recordings: pl.DataFrame, events: pl.DataFrame) -> tuple[str, ...]:
    """Splits made for other recordings or events would leave some out, or leak: empty the table and name them."""
    schemes = tuple(corpus.schemes)
    if schemes:
        same_recordings = set(read_table(corpus.path / "recordings.parquet")["recording"]) == set(
            recordings["recording"]
        )
        same_events = set(read_table(corpus.path / "events.parquet")["event_id"]) == set(events["event_id"])
        if same_recordings and same_events:
            return ()
    if schemes or not (corpus.path / "splits.parquet").is_file():
        corpus.replace_splits(corpus.splits.clear())
    return schemes


def _compare(before: pl.DataFrame | None, after: pl.DataFrame, dropped: tuple[str, ...]) -> Changes:
    if before is None:
        return Changes(added=tuple(after["recording"]), splits_dropped=dropped)
    old = dict(zip(before["recording"], before["content_hash"], strict=True))
    new = dict(zip(after["recording"], after["content_hash"], strict=True))
    gone = [name for name in old if name not in new]
    by_hash: dict[str, list[str]] = {}
    for name in reversed(gone):
        by_hash.setdefault(old[name], []).append(name)
    renamed, added = [], []
    for name in new:
        if name in old:
            continue
        if by_hash.get(new[name]):
            renamed.append((by_hash[new[name]].pop(), name))
        else:
            added.append(name)
    left = {name for name, _ in renamed}
    changed = tuple(name for name in new if name in old and old[name] != new[name])
    return Changes(
        added=tuple(added),
        changed=changed,
        removed=tuple(name for name in gone if name not in left),
        renamed=tuple(renamed),
        unchanged=sum(old.get(name) == content for name, content in new.items()),
        splits_dropped=dropped,
    )
