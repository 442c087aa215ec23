"""Tasks out of annotated sets, for the studies of few-shot finders: examples, and where the rest is to be found; and
what the scripts share that read them once.

Held out until the end of the issue (fewshot-plan.md): fasd13_fewshot, the birds BF02 and bl26lb16, zebra_finch_song,
template_survey, boobook_owl. Stand-ins that may be looked at: the birds Bird0 and gy6or6, and made scenes.
"""

from __future__ import annotations

import argparse
import datetime
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from fewshot_tuning import scenes

from tymbal.benchmarks.fewshot.finding import check_finders
from tymbal.fewshot import Prompt, Shot

FINDERS = ("template", "ncc", "lda", "transductive", "prototypes", "default")
SHOTS = 5
LEAST = 7  # events of a target, so that two are left after five examples
BIRD_LEAST, BIRD_QUERIES = 12, 4  # renditions of a syllable type, and recordings searched for it, as in the tuning
FAR_S = 1e6
UNUSED = ("unlabelled", "not_boobook")  # labels that are no target


@dataclass(frozen=True)
class Query:
    """A recording to search; references (n, 2) in s; what is found with its middle before `after_s` is left out."""

    path: str
    references: np.ndarray
    after_s: float = 0.0


@dataclass(frozen=True)
class Task:
    """Examples of one target, and the recordings in which the rest is to be found."""

    set: str
    name: str
    prompt: Prompt
    queries: tuple[Query, ...]

    @property
    def events(self) -> int:
        return sum(len(query.references) for query in self.queries)


def table_of(folder: Path) -> pl.DataFrame:
    """annotations.csv with whole paths, in order of recording and onset."""
    table = pl.read_csv(folder / "annotations.csv", infer_schema_length=None)
    path = pl.concat_str(pl.lit(f"{folder}/"), "recording")
    return table.with_columns(path.alias("recording"), pl.col("label").cast(pl.String)).sort(
        "recording", "begin_time_s", "end_time_s"
    )


def shot_of(row: dict[str, object]) -> Shot:
    """A row as an example; a band from 0 Hz up says nothing and is not used."""
    low, high = row.get("low_freq_hz"), row.get("high_freq_hz")
    band = isinstance(low, int | float) and isinstance(high, int | float) and 0 < low < high
    times = float(row["begin_time_s"]), float(row["end_time_s"])  # type: ignore[arg-type]
    return Shot(str(row["recording"]), None, *times, *((float(low), float(high)) if band else ()))  # type: ignore[arg-type]


def boxes(rows: list[dict[str, object]]) -> np.ndarray:
    return np.array([[row["begin_time_s"], row["end_time_s"]] for row in rows], dtype=np.float64).reshape(-1, 2)


def within(name_of: Callable[[dict[str, object]], str], folder: Path) -> Iterator[Task]:
    """Five examples at the beginning of a recording; the rest of it is searched."""
    groups: dict[tuple[str, str], list[dict[str, object]]] = defaultdict(list)
    for row in table_of(folder).iter_rows(named=True):
        groups[str(row["recording"]), str(row["label"])].append(row)
    for (path, label), rows in groups.items():
        if label in UNUSED or len(rows) < LEAST:
            continue
        shots = tuple(shot_of(row) for row in rows[:SHOTS])
        after_s = max(shot.offset_s for shot in shots)
        found = boxes(rows[SHOTS:])
        rest = (Shot(path, None, after_s, FAR_S),)
        query = Query(path, found[found[:, 1] > after_s], after_s)
        yield Task(name_of(rows[0]), f"{Path(path).stem}:{label}", Prompt(label, shots, (), rest), (query,))


def sequence(
    name_of: Callable[[dict[str, object]], str], folder: Path, least: int = LEAST, queries: int | None = None
) -> Iterator[Task]:
    """Recordings of a group in the order of their names as one sequence: five examples, then other recordings."""
    groups: dict[tuple[str, str], list[dict[str, object]]] = defaultdict(list)
    paths: dict[str, list[str]] = defaultdict(list)
    for row in table_of(folder).iter_rows(named=True):
        group = str(row.get("individual") or name_of(row))
        groups[group, str(row["label"])].append(row)
        if row["recording"] not in paths[group]:
            paths[group].append(str(row["recording"]))
    for (group, label), rows in groups.items():
        if label in UNUSED or len(rows) < least:
            continue
        shots = tuple(shot_of(row) for row in rows[:SHOTS])
        used = {shot.recording for shot in shots}
        rest = (Shot(shots[-1].recording, None, shots[-1].offset_s, FAR_S),)
        others = [path for path in paths[group] if path not in used][:queries]
        found = tuple(Query(path, boxes([row for row in rows if row["recording"] == path])) for path in others)
        if found:
            yield Task(name_of(rows[0]), f"{group}:{label}", Prompt(label, shots, (), rest), found)


def birds(data: Path, *names: str) -> Iterator[Task]:
    """Syllable types of some of the Bengalese finches."""
    folder = data / "bengalese_finch_song"
    for task in sequence(lambda row: str(row["individual"]), folder, BIRD_LEAST, BIRD_QUERIES):
        if task.set in names:
            yield task


def held_out(data: Path) -> Iterator[Task]:
    """Everything that is read once. template_survey has three and four events: too few for five examples."""
    yield from within(lambda row: str(row["subset"]), data / "fasd13_fewshot")
    yield from birds(data, "BF02", "bl26lb16")
    yield from sequence(lambda row: "zebra finch", data / "zebra_finch_song")
    yield from within(lambda row: "template survey", data / "template_survey")
    yield from sequence(lambda row: "boobook", data / "boobook_owl")


def stand_ins(data: Path, folder: Path) -> Iterator[Task]:
    """The same forms on what may be looked at: two birds, a recording of one of them by itself, made scenes."""
    yield from birds(data, "Bird0")
    alone = within(lambda row: f"{row['individual']} within", data / "bengalese_finch_song")
    yield from [task for task in alone if task.set == "gy6or6 within"][:12]
    for task in scenes(folder, 12, 101, 1):
        queries = tuple(Query(path, references) for path, references, _ in task.queries)
        yield Task("scenes", task.name, task.prompt, queries)


def reader() -> argparse.ArgumentParser:
    """What both scripts that read held-out sets once can be asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("TYMBAL_DATA", "../shared/data")))
    parser.add_argument("--finders", nargs="+", default=list(FINDERS))
    parser.add_argument("--network", help="weights of the in-context network, or 'shipped'")
    parser.add_argument("--stand-in", action="store_true", help="on sets that may be looked at; nothing is logged")
    parser.add_argument("--again", metavar="REASON", help="read although the log says that it was read")
    return parser


def finders_of(given: argparse.Namespace) -> list[str]:
    """The finders asked for, the network among them. Raises UsageError for one that is not known."""
    finders = list(given.finders)
    if given.network:
        finders.append("network" if given.network == "shipped" else f"network:{given.network}")
    check_finders(finders)
    return finders


def log_reading(log: Path, finders: Sequence[str], again: str | None) -> str:
    """Write a reading down before it begins, and return its line; ends the script where the log has one already."""
    if log.exists() and log.read_text().strip() and not again:
        sys.exit(f"read already ({log}):\n{log.read_text()}")
    line = log_line(finders, again)
    with log.open("a") as file:
        file.write(line + "\n")
    print(line, file=sys.stderr)
    return line


def log_line(finders: Sequence[str], reason: str | None) -> str:
    """Date, commit and what is read."""
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
    changed = subprocess.run(["git", "status", "--porcelain", "src"], capture_output=True, text=True, check=True).stdout
    state = " with uncommitted changes below src" if changed.strip() else ""
    when = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    again = f", again: {reason}" if reason else ""
    return f"{when} read at {commit}{state}: {', '.join(finders)}{again}"
