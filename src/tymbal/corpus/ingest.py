"""Annotation tables of any format into one Events and one Coverage table that speak of a corpus's recordings."""

from __future__ import annotations

import contextlib
import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from tymbal.annotations import Annotations, clean_events, match_recordings, read_events
from tymbal.annotations.sheet import SOURCE_ROW
from tymbal.annotations.tables import COVERAGE, make_events
from tymbal.corpus.coverage import close_coverage
from tymbal.errors import AnnotationError, Fault
from tymbal.jobs import Executor, Failure, Progress, SerialExecutor, Shard, ShardOutcomes, Worked, make_plan, run_job

TABLE_SUFFIXES = frozenset((".txt", ".csv", ".tsv", ".json", ".xml", ".textgrid", ".mat", ".labels"))
FEW = 200  # tables that are read in this process: starting others takes longer
ID_COLUMNS = ("recording", "channel", "onset_s", "offset_s", "low_hz", "high_hz", "label", "annotator")


@dataclass(frozen=True)
class TableFile:
    """One annotation file; `name` is how faults and the `source` column call it, `group` which argument brought it."""

    name: str
    path: str
    group: int


@dataclass(frozen=True)
class ReadTable:
    """The work on one annotation file; `label_column` is read as the label where no other column has its name."""

    label_column: str | None

    def prepare(self) -> None:
        """Nothing to load."""

    def __call__(self, item: TableFile) -> Worked[tuple[Annotations, bool]]:
        """Read one table, and say whether it has the label column. Raises AnnotationError where it cannot be read."""
        read = read_events(Path(item.path))
        wanted = self.label_column
        has = wanted is not None and wanted in read.events.columns
        if wanted is not None and not has:
            with contextlib.suppress(AnnotationError):  # a table without that column keeps its own labels
                read = read_events(Path(item.path), label_column=wanted)
                has = True
        return Worked((read, has), faults=read.faults)


@dataclass
class Ingested:
    """Events and coverage that fit the corpus, and what did not: failures (unread tables), faults (source, fault).

    `labelled`: some table has the column that holds the label.
    """

    events: pl.DataFrame
    coverage: pl.DataFrame
    failures: list[Failure] = field(default_factory=list)
    faults: list[tuple[str, Fault]] = field(default_factory=list)
    tables: int = 0
    labelled: bool = False


def find_tables(annotations: Sequence[Path]) -> list[TableFile]:
    """The annotation files that the arguments name: files themselves, folders searched for known suffixes.

    Raises AnnotationError for an argument that does not exist, or a folder without any table.
    """
    found: list[TableFile] = []
    for group, path in enumerate(annotations):
        if path.is_file():
            found.append(TableFile(path.name, path.as_posix(), group))
            continue
        if not path.is_dir():
            raise AnnotationError("no such table or folder", where=path, mend="Check the path given to --annotations.")
        inside = sorted(
            file.relative_to(path)
            for file in path.rglob("*")
            if file.suffix.lower() in TABLE_SUFFIXES
            and not any(p.startswith(".") for p in file.relative_to(path).parts)
        )
        if not inside:
            raise AnnotationError(
                "no annotation table in this folder",
                where=path,
                allowed="files ending in " + ", ".join(sorted(TABLE_SUFFIXES)),
                mend="Check the path given to --annotations.",
            )
        found += [TableFile(f"{path.name}/{name.as_posix()}", (path / name).as_posix(), group) for name in inside]
    return found


def ingest(
    tables: Sequence[TableFile],
    recordings: pl.DataFrame,
    *,
    label: str | None,
    executor: Executor,
    progress: Progress,
    more: Sequence[pl.DataFrame] = (),
) -> Ingested:
    """Read every table, match its recordings, clean its events, number them by content; `more` are events beside them.

    Rows whose recording is not in `recordings` are left out and listed among the faults; unreadable tables are
    failures and the rest goes on.
    """
    if not tables and not more:
        return Ingested(make_events({}).with_columns(pl.col("recording")), pl.DataFrame(schema=COVERAGE))
    read = _read_all(tables, label, executor, progress) if tables else []
    result = Ingested(make_events({}), pl.DataFrame(schema=COVERAGE), tables=len(tables))
    names = recordings["recording"].to_list()
    groups = max((table.group for table in tables), default=-1) + 1
    events: list[pl.DataFrame] = list(more)
    coverage: list[pl.DataFrame] = []
    vocabulary: list[set[str]] = [set() for _ in range(groups)]
    spans: list[list[pl.DataFrame]] = [[] for _ in range(groups)]
    for table, outcome in zip(tables, read, strict=True):
        if isinstance(outcome, Failure):
            result.failures.append(Failure(table.name, outcome.error, outcome.message, outcome.trace))
            continue
        read_table, has_label = outcome
        result.labelled |= has_label
        result.faults += [(table.name, fault) for fault in read_table.faults]
        events.append(read_table.events.with_columns(pl.lit(table.name).alias("source")))
        vocabulary[table.group].update(read_table.events["label"].drop_nulls().unique())
        if read_table.coverage is not None and read_table.coverage.height:
            spans[table.group].append(read_table.coverage.with_columns(pl.lit(table.name).alias("source")))
    for group in range(groups):
        # "Every label of the table" must not come to mean the labels of other people's tables.
        whole = None if groups == 1 else sorted(vocabulary[group])
        for span in spans[group]:
            if whole is not None:
                span = span.with_columns(pl.col("labels").fill_null(pl.lit(whole, dtype=pl.List(pl.String))))
            coverage.append(span)
    result.events, faults = _fit(events, names, recordings)
    said = {fault.message for _, fault in result.faults}  # by the reader, before durations were known
    result.faults += [(source, fault) for source, fault in faults if fault.message not in said]
    result.coverage, faults = _fit_coverage(coverage, names, recordings)
    result.faults += faults
    return result


def _read_all(
    tables: Sequence[TableFile], label: str | None, executor: Executor, progress: Progress
) -> list[tuple[Annotations, bool] | Failure]:
    plan = make_plan("read annotations", list(tables), {"label": label}, per_shard=16)
    shards: dict[int, list[tuple[Annotations, bool] | Failure]] = {}

    def _keep(shard: Shard[TableFile], outcomes: ShardOutcomes[tuple[Annotations, bool]]) -> None:
        kept: list[tuple[Annotations, bool] | Failure] = []
        for outcome in outcomes.outcomes:
            kept += [outcome.worked.value] if outcome.worked is not None else []
            kept += [outcome.failure] if outcome.failure is not None else []
        shards[shard.index] = kept

    few = len(tables) <= FEW
    run_job(plan, ReadTable(label), _keep, executor=SerialExecutor() if few else executor, progress=progress)
    return [each for index in sorted(shards) for each in shards[index]]


def _fit(
    parts: list[pl.DataFrame], names: list[str], recordings: pl.DataFrame
) -> tuple[pl.DataFrame, list[tuple[str, Fault]]]:
    if not parts:
        return make_events({}), []
    # Numbers are given below: those of single tables would collide.
    events = pl.concat(parts, how="diagonal_relaxed")
    matched, lost = match_recordings(events, names)
    durations = dict(zip(names, recordings["duration_s"], strict=True))
    rates = dict(zip(names, recordings["sample_rate_hz"].cast(pl.Float64), strict=True))
    cleaned, odd = clean_events(matched, durations, rates)
    order = ["recording", "onset_s", "offset_s", "source", *([SOURCE_ROW] if SOURCE_ROW in cleaned.columns else [])]
    cleaned = cleaned.sort(order, nulls_last=False, maintain_order=True)
    return number_events(cleaned), [("annotations", fault) for fault in (*lost, *odd)]


def _fit_coverage(
    parts: list[pl.DataFrame], names: list[str], recordings: pl.DataFrame
) -> tuple[pl.DataFrame, list[tuple[str, Fault]]]:
    if not parts:
        return pl.DataFrame(schema=COVERAGE), []
    matched, lost = match_recordings(pl.concat(parts, how="diagonal_relaxed"), names)
    return close_coverage(matched.drop("source"), recordings), [("coverage", fault) for fault in lost]


def number_events(events: pl.DataFrame) -> pl.DataFrame:
    """Events with ids that come from their content, so that indexing again gives the same event the same id.

    Ids that a table brought itself are kept where they are unique in the corpus; repeated events are counted.
    """
    own = events["event_id"].fill_null("")
    automatic = own.str.contains(r"^e\d*$") | (own == "") | own.is_duplicated()
    seen: Counter[str] = Counter()
    ids: list[str] = []
    rows = events.select(ID_COLUMNS).iter_rows()
    for name, generated, row in zip(own, automatic, rows, strict=True):
        key = hashlib.blake2b(repr(row).encode(), digest_size=8).hexdigest()
        seen[key] += 1
        ids.append((key if seen[key] == 1 else f"{key}-{seen[key]}") if generated else name)
    return events.with_columns(pl.Series("event_id", ids, dtype=pl.String))
