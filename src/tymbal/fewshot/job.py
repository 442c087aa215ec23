"""`find_all`: every finder over every recording, resumable, into tables that Raven and everything else can read."""

from __future__ import annotations

import codecs
import csv
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from tymbal.annotations import make_events, table_of_recording, write_events
from tymbal.audio.info import AudioInfo
from tymbal.audio.probe import probe
from tymbal.errors import DataError, Fault, NothingDoneError, UsageError
from tymbal.fewshot.finder import LEAST, Detection, Finder
from tymbal.fewshot.picture import block_count, frames_of
from tymbal.fewshot.plan import Part, Target, plan_find
from tymbal.jobs import (
    Failure,
    JobReport,
    Progress,
    Shard,
    ShardOutcomes,
    Worked,
    make_executor,
    only_writer,
    remove_temporaries,
    run_job,
    write_json,
    write_text,
    write_through,
)

PARTS = "parts"
TABLES = "tables"
SEARCHED = "recordings.csv"  # what was searched, and how many events each holds
MARK = "mark"  # the empty column that the user writes right or wrong into


@dataclass(frozen=True)
class FindWork:
    """The work on one part; picklable."""

    finders: tuple[Finder, ...]
    least: float

    def prepare(self) -> None:
        """Nothing to load."""

    def __call__(self, part: Part) -> Worked[list[Detection]]:
        finder = self.finders[part.label]
        found = finder.scan(part.path, part.channel, part.first, part.stop, self.least)
        info = probe(part.path)
        samples = -(-info.samples * finder.scale.sample_rate_hz // info.sample_rate_hz)
        share = (part.stop - part.first) / max(1, block_count(frames_of(samples, finder.scale)))
        return Worked(found, share * info.duration_s, (*info.faults, *_too_low(finder, info)))


def _too_low(finder: Finder, info: AudioInfo) -> tuple[Fault, ...]:
    """What to know where the recording ends below the top of the examples' band."""
    top, limit = finder.examples_hz[1], info.sample_rate_hz / 2
    if limit >= 0.95 * top:
        return ()
    what = f"examples of {finder.label!r} reach up to {top:.0f} Hz, a recording at {info.sample_rate_hz} Hz holds"
    return (Fault("band_cut", f"{what} nothing above {limit:g} Hz: less sure"),)


@dataclass(frozen=True)
class Found:
    """What a run found: Events of all recordings, how many were searched, what failed and what was odd."""

    events: pl.DataFrame
    recordings: int
    failures: tuple[Failure, ...]
    faults: tuple[tuple[str, Fault], ...]
    report: JobReport
    audio_s: float


def find_all(
    finders: Sequence[Finder],
    targets: Sequence[Target],
    out: Path,
    *,
    least: float = LEAST,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Found:
    """Search every target with every finder and write tables into `out`.

    `out` gets events.parquet, events.csv, one Raven table per recording below tables/, failures.csv, and faults.csv
    (what was odd about recordings that were searched). Finished
    parts of recordings lie in parts/: the same call goes on after a stop, and ends with the same bytes as one that
    was never stopped. Files that cannot be read are listed, the rest goes on; tables of an earlier run in `out` about
    recordings that are not searched now are removed. Raises UsageError where somebody marked rows of the tables in
    `out`: they would be written over; NothingDoneError where no recording can be searched (tables are left alone).
    """
    _refuse_marked(out)
    identity = {"finders": [finder.digest for finder in finders], "least": least}
    with only_writer(out):
        remove_temporaries(out)
        plan, failed, audio_s = plan_find(targets, [finder.scale for finder in finders], identity)

        def place(shard: Shard[Part]) -> Path:
            return out / PARTS / f"{shard.key}.json"

        def save(shard: Shard[Part], outcomes: ShardOutcomes[list[Detection]]) -> None:
            (outcome,) = outcomes.outcomes
            if outcome.worked is not None:
                rows = [asdict(each) for each in outcome.worked.value]
                write_json(place(shard), {"found": rows, "faults": [asdict(f) for f in outcome.worked.faults]})
            elif outcome.failure is not None:
                broken[shard.index] = outcome.failure

        broken: dict[int, Failure] = {}
        report = run_job(
            plan,
            FindWork(tuple(finders), least),
            save,
            is_done=lambda shard: place(shard).is_file(),
            executor=make_executor(1 if len(plan.shards) < 2 else workers),
            progress=progress,
        )
        merged = _merge(finders, plan.shards, place, broken)
        failures = (*failed, *_once([(plan.shards[index].items[0], broken[index]) for index in sorted(broken)]))
        rows = [(failure.item, failure.error, failure.message) for failure in failures]
        write_text(out / "failures.csv", _rows(("recording", "error", "message"), rows).write_csv())
        if not merged.searched:
            raise NothingDoneError(
                f"no recording could be searched ({len(targets)} given); the first: {failures[0].message}",
                where=out,
                mend=f"All reasons are in {out / 'failures.csv'}.",
            )
        bands = {finder.label: finder.examples_hz for finder in finders}
        _write(out, merged.events, merged.searched, bands)
        told = [(name, fault.code, fault.message) for name, fault in merged.faults]
        write_text(out / "faults.csv", _rows(("recording", "code", "message"), told).write_csv())
        return Found(merged.events, len(merged.searched), failures, merged.faults, report, audio_s)


def _refuse_marked(out: Path) -> None:
    """Marks are hours of listening, and no run brings them back."""
    for table in (out / "events.csv", *sorted((out / TABLES).rglob("*.selections.txt"))):
        if table.is_file() and _has_marks(table):
            raise UsageError(
                "rows of this table are marked, and would be written over",
                where=table,
                mend="Choose another folder (-o FOLDER); to go on from the marks: --marked with this table.",
            )


def _has_marks(table: Path) -> bool:
    """Whether any row has a mark, however the program that it was marked in saved the table."""
    with table.open("rb") as file:
        begin = file.read(2)
    encoding = "utf-16" if begin in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig"
    with table.open(encoding=encoding, errors="replace", newline="") as file:
        head = file.readline()
        delimiter = max("\t,;", key=head.count)
        names = [name.strip().casefold() for name in next(csv.reader([head], delimiter=delimiter), [])]
        at = [number for number, name in enumerate(names) if name == MARK]
        rows = csv.reader(file, delimiter=delimiter)
        return any(row[number].strip() for row in rows for number in at if number < len(row))


@dataclass(frozen=True)
class _Merged:
    events: pl.DataFrame
    searched: tuple[str, ...]
    faults: tuple[tuple[str, Fault], ...]


def _merge(finders: Sequence[Finder], shards: Sequence[Shard[Part]], place: Any, broken: dict[int, Failure]) -> _Merged:
    """The parts of every recording and label joined into events, in the order of the plan."""
    found: dict[tuple[str, str, int | None, int], list[Detection]] = defaultdict(list)
    faults: dict[tuple[str, str], Fault] = {}
    bad = {(shards[index].items[0].name, shards[index].items[0].label) for index in broken}
    for shard in shards:
        (part,) = shard.items
        if (part.name, part.label) in bad:
            continue
        rows, odd = _saved(place(shard))
        found[(part.name, part.path, part.channel, part.label)] += rows
        for fault in odd:
            faults.setdefault((part.name, fault.code), fault)
    tables = [make_events({})]
    for (name, path, channel, label), detected in found.items():
        info = probe(path)
        rate = finders[label].scale.sample_rate_hz
        samples = -(-info.samples * rate // info.sample_rate_hz)
        tables.append(finders[label].table(detected, name, channel, samples))
    events = pl.concat(tables).drop("event_id").sort("recording", "channel", "onset_s", "offset_s", "label")
    searched = tuple(dict.fromkeys(key[0] for key in found))
    return _Merged(make_events(events), searched, tuple((name, fault) for (name, _), fault in faults.items()))


def _saved(path: Path) -> tuple[list[Detection], list[Fault]]:
    """What one part holds. Raises DataError where something else was written into it."""
    try:
        saved = json.loads(path.read_text(encoding="utf-8"))
        return [Detection(**row) for row in saved["found"]], [Fault(**row) for row in saved["faults"]]
    except (ValueError, KeyError, TypeError) as error:
        mend = "Remove this file and run again: its part of the recording is searched anew."
        raise DataError("what was found earlier is damaged", where=path, mend=mend) from error


def _once(failures: Sequence[tuple[Part, Failure]]) -> list[Failure]:
    """One failure for each recording and label, whose parts fail alike, and one where all labels fail alike."""
    by_label = {(part.name, part.label): failure for part, failure in reversed(failures)}
    found = {(failure.item, failure.message): failure for failure in by_label.values()}
    return sorted(found.values(), key=lambda failure: failure.item)


def _write(out: Path, events: pl.DataFrame, searched: Sequence[str], bands: Mapping[str, tuple[float, float]]) -> None:
    """All tables; Raven draws no box without frequencies: without those of examples it gets what was looked at."""
    _remove_stale(out, searched)
    counts: dict[str, int] = dict(events.group_by("recording").len().iter_rows())
    rows = pl.DataFrame({"recording": list(searched), "events": [counts.get(name, 0) for name in searched]})
    write_text(out / SEARCHED, rows.write_csv())
    marked = events.with_columns(pl.lit(None, dtype=pl.String).alias(MARK))
    write_through(out / "events.parquet", lambda file: events.write_parquet(file))
    write_events(marked, out / "events.csv", format="csv")
    looked_at = [
        pl.col(name).fill_null(
            pl.col("label").replace_strict(
                {label: round(band[end], 1) for label, band in bands.items()}, default=None, return_dtype=pl.Float64
            )
        )
        for end, name in enumerate(("low_hz", "high_hz"))
    ]
    marked = marked.with_columns(looked_at)
    by_name = marked.partition_by("recording", as_dict=True)
    for name in searched:
        table = by_name.get((name,), marked.clear())
        write_events(table, out / TABLES / table_of_recording(name), format="raven")


def _remove_stale(out: Path, searched: Sequence[str]) -> None:
    """Remove tables that an earlier run wrote here (it says of which recordings) and that this run does not write."""
    try:
        before = pl.read_csv(out / SEARCHED, infer_schema=False, glob=False)["recording"].to_list()
    except (OSError, pl.exceptions.PolarsError):
        return
    keep = {table_of_recording(name) for name in searched}
    for name in before:
        if name is not None and table_of_recording(name) not in keep:
            (out / TABLES / table_of_recording(name)).unlink(missing_ok=True)


def _rows(names: Sequence[str], rows: Sequence[tuple[str, ...]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")
