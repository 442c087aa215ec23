"""A few-shot benchmark from its folder to a page: find the tasks, search, score, and published numbers beside."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tymbal.benchmarks.fewshot.finding import FINDERS, FindTask, Search, check_finders, version
from tymbal.benchmarks.fewshot.layout import Layout, read_layout
from tymbal.benchmarks.fewshot.page import write_page
from tymbal.benchmarks.fewshot.scoring import Scored, scored
from tymbal.benchmarks.fewshot.sets import FewshotBenchmark, find_fewshot
from tymbal.benchmarks.fewshot.tasks import PROTOCOLS, Task, make_tasks
from tymbal.benchmarks.verify import Departure
from tymbal.errors import Fault, NothingDoneError, UsageError
from tymbal.jobs import (
    Failure,
    Progress,
    Shard,
    ShardOutcomes,
    make_executor,
    only_writer,
    plan_groups,
    remove_temporaries,
    run_job,
    write_json,
)

FOUND = "found"
VERSION = 3  # of what is kept there
SHOTS = (5, 2, 1)


@dataclass(frozen=True)
class FewshotConfig:
    """What is run."""

    finders: tuple[str, ...] = FINDERS
    protocols: tuple[str, ...] = PROTOCOLS
    shots: tuple[int, ...] = SHOTS


@dataclass(frozen=True)
class FewshotOutcome:
    """Scores in the order of the configuration, what is not as published, and what failed."""

    benchmark: FewshotBenchmark
    layout: Layout
    scored: tuple[Scored, ...]
    departures: tuple[Departure, ...]
    failures: tuple[Failure, ...]


def run_fewshot(
    benchmark: str,
    data: Path,
    out: Path,
    *,
    sets: Sequence[str] = (),
    config: FewshotConfig | None = None,
    workers: int | None = 1,
    progress: Progress | None = None,
) -> FewshotOutcome:
    """Run finders over every recording that is there, and write results.md, .parquet and .json into `out`.

    What each search found lies in OUT/found: the same call goes on where it stopped. A recording that cannot be read
    is listed and counted as one in which nothing was found. Raises UsageError for sets, finders, protocols or shots
    that cannot be, NothingDoneError where there is no task.
    """
    config = config or FewshotConfig()
    described = find_fewshot(benchmark)
    check_finders(config.finders)
    layout, departures = look(data, described, sets)
    tasks, too_few = make_tasks(layout.truths, config.protocols, config.shots)
    departures = (*departures, *(_odd(fault, "Nothing to do; it is so here.") for fault in too_few))
    if not tasks:
        first = next((each for each in departures), None)
        raise NothingDoneError(
            f"no task of {benchmark} can be run{f'; the first reason: {first.message}' if first else ''}",
            where=data,
            mend=first.mend if first else None,
        )
    with only_writer(out):
        remove_temporaries(out)
        found, failures = _search(tasks, config, out, workers, progress)
        parts = []
        for finder in config.finders:
            for protocol in config.protocols:
                for shots in config.shots:
                    mine = [task for task in tasks if (task.protocol, task.shots) == (protocol, shots)]
                    own = {name[0]: value for name, value in found.items() if name[1:] == (finder, protocol, shots)}
                    part = scored(finder, mine, own, max(config.shots))
                    parts += [] if part is None else [part]
        outcome = FewshotOutcome(described, layout, tuple(parts), tuple(departures), tuple(failures))
        write_page(out, described, outcome.scored, outcome.departures, outcome.failures)
    return outcome


def look(data: Path, described: FewshotBenchmark, sets: Sequence[str] = ()) -> tuple[Layout, tuple[Departure, ...]]:
    """What lies there, and what is missing or not as published. Raises UsageError for a set the benchmark has not."""
    known = [each.name for each in described.sets]
    odd = [name for name in sets if name not in known]
    if odd:
        what = f"{described.name} has no set {odd[0]!r}"
        raise UsageError(what, parameter="sets", allowed=", ".join(known))
    if not data.is_dir():
        layout = Layout((), (Fault("missing", f"{data} is no folder"),))
    else:
        layout = read_layout(data, described, sets)
    mend = f"{described.origin.place}: {described.origin.page}"
    departures = [Departure("unexpected", f.code, f.message, "Mend or download it again.") for f in layout.faults]
    counts = {name: [t for t in layout.truths if t.set == name] for name in layout.sets()}
    missing = [name for name in known if name in (sets or described.required) and name not in counts]
    if missing:
        what = f"{len(missing)} set{'s'[: len(missing) != 1]} not there: {', '.join(missing)}"
        departures.append(Departure("missing", "no_set", what, f"Where to put them: {mend}"))
    for each in described.sets:
        if each.name not in counts or each.files is None:
            continue
        events = sum(len(truth.positive) for truth in counts[each.name])
        files = len({truth.path for truth in counts[each.name]})
        if (files, events) != (each.files, each.events):
            what = f"{each.name} has {files} recordings with {events} events, published are {each.files} with"
            departures.append(
                Departure("unexpected", "count", f"{what} {each.events}", "Compare with no other number.")
            )
    return layout, tuple(departures)


def _odd(fault: Fault, mend: str) -> Departure:
    return Departure("note", fault.code, fault.message, mend)


Found = dict[tuple[str, str, str, int], dict[str, Any]]


def _search(
    tasks: Sequence[Task], config: FewshotConfig, out: Path, workers: int | None, progress: Progress | None
) -> tuple[Found, list[Failure]]:
    """What every finder found in every task, by (task, finder, protocol, shots), and what failed."""
    failures: list[Failure] = []
    groups: list[list[Search]] = []
    versions: dict[str, tuple[int, int]] = {}
    for task in tasks:
        for path in (task.truth.path, task.support.path):
            versions.setdefault(path, version(path))
        sizes = (*versions[task.truth.path], *versions[task.support.path])
        groups += [[Search(task, finder, sizes)] for finder in config.finders]
    plan = plan_groups("fewshot", groups, {"version": VERSION}, address=_address)

    def place(shard: Shard[Search]) -> Path:
        return out / FOUND / f"{shard.key}.json"

    def save(shard: Shard[Search], outcomes: ShardOutcomes[dict[str, Any]]) -> None:
        (outcome,) = outcomes.outcomes
        if outcome.worked is not None:
            write_json(place(shard), outcome.worked.value)
        elif outcome.failure is not None:
            failures.append(outcome.failure)

    run_job(
        plan,
        FindTask(),
        save,
        is_done=lambda shard: place(shard).is_file(),
        executor=make_executor(workers),
        progress=progress,
    )
    found: Found = {}
    for shard in plan.shards:
        (search,) = shard.items
        if place(shard).is_file():
            key = (search.task.name, search.finder, search.task.protocol, search.task.shots)
            found[key] = json.loads(place(shard).read_text(encoding="utf-8"))
    return found, failures


def _address(search: Search) -> list[object]:
    """What decides a search: the sound, the examples and the finder, not where the files lie."""
    task = search.task
    shown = [list(span) for span in task.support.positive[: task.shots]]
    unknown = [list(span) for span in task.support.unknown]
    who = [task.name, task.support.name, task.protocol, search.finder]
    return [*who, task.shots, task.after_s, shown, unknown, list(search.versions)]
