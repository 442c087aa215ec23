"""A finder on corpora: the first examples of each recording and label, the rest to be found, DCASE's few-shot score."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from tymbal.annotations import make_events
from tymbal.corpus import Corpus
from tymbal.errors import DataError, NothingDoneError, UsageError
from tymbal.evaluation.detection.fewshot import FewshotScores, score_fewshot
from tymbal.fewshot.finder import LEAST, RANKED, Finder, check_finders, default_finders
from tymbal.fewshot.finders import KINDS
from tymbal.fewshot.prompt import UNKNOWN, make_prompts
from tymbal.jobs import (
    Failure,
    Progress,
    Shard,
    ShardOutcomes,
    Worked,
    make_executor,
    only_writer,
    plan_groups,
    run_job,
    write_json,
    write_through,
)

VERSION = 3  # of what is kept in parts/
FEWEST = 2  # events to be found after the examples
COLUMNS = ("onset_s", "offset_s", "score")
Row = tuple[float, float, str, str, float | None, float | None]  # onset, offset, label, certainty, band


@dataclass(frozen=True)
class EvalTask:
    """One label in one recording: `shots` first events are the examples, `until_s` is where the last of them ends."""

    corpus: str
    recording: str
    path: str
    label: str
    duration_s: float
    until_s: float
    rows: tuple[Row, ...]  # what was marked until then

    @property
    def name(self) -> str:
        return f"{self.corpus}/{self.recording}#{self.label}"


@dataclass(frozen=True)
class EvalWork:
    """The work on one task; picklable."""

    finders: tuple[str, ...]
    model: Path | None
    shots: int

    def prepare(self) -> None:
        """Nothing to load."""

    def __call__(self, task: EvalTask) -> Worked[list[tuple[float, float, float]]]:
        names = ("onset_s", "offset_s", "label")
        columns: dict[str, Any] = {name: [row[at] for row in task.rows] for at, name in enumerate(names)}
        certainty = pl.Series([row[3] or None for row in task.rows], dtype=pl.String)
        low, high = (pl.Series([row[at] for row in task.rows], dtype=pl.Float64) for at in (4, 5))
        columns |= {"recording": [task.path] * len(task.rows), "certainty": certainty, "low_hz": low, "high_hz": high}
        events = make_events(pl.DataFrame(columns))
        (prompt,), _ = make_prompts(events, {task.path: task.duration_s}, labels=[task.label], shots=self.shots)
        finder = Finder.fit(prompt, finders=self.finders, model=self.model)
        middle_s = (pl.col("onset_s") + pl.col("offset_s")) / 2  # an example found a little late ends after itself
        found = finder.predict(task.path, least=RANKED).filter(middle_s >= task.until_s).select(COLUMNS)
        return Worked([(on, off, score) for on, off, score in found.iter_rows()], task.duration_s)


@dataclass(frozen=True)
class Evaluated:
    """Scores (None where nothing could be searched), how many tasks, labels of a recording too few, what failed."""

    scores: FewshotScores | None
    tasks: int
    too_few: int
    failures: tuple[Failure, ...]


def finder_of(finder: str) -> tuple[tuple[str, ...], Path | None]:
    """Names and model file of what is called "default", "ncc+lda", or by the path of a network.

    Raises UsageError for a name that is neither.
    """
    if finder == "default":
        return default_finders(), None
    if Path(finder).is_file():
        return ("network",), Path(finder)
    if Path(finder).suffix or "/" in finder:
        raise UsageError("no such network", where=finder, mend="Train one: tymbal fewshot train -o MODEL.")
    names = tuple(finder.split("+"))
    if not set(names) <= set(KINDS):
        allowed = ", ".join(["default", *KINDS, "several with + between them", "the file of a network"])
        raise UsageError("no such finder", where=finder, allowed=allowed)
    check_finders(names)
    return names, None


def make_tasks(corpora: Sequence[Path], shots: int, labels: Sequence[str] = ()) -> tuple[list[EvalTask], int]:
    """Every recording and label with `shots` events and FEWEST more, and how many have too few.

    Labels of UNK are no label.
    """
    tasks, too_few = [], 0
    for place in corpora:
        corpus = Corpus.open(place)
        durations = dict(corpus.recordings.select("recording", "duration_s").iter_rows())
        events = corpus.events.filter(pl.col("onset_s").is_not_null() & pl.col("recording").is_in(list(durations)))
        for (recording,), table in events.sort("recording", "onset_s", "offset_s").group_by(
            ["recording"], maintain_order=True
        ):
            keys = ("onset_s", "offset_s", "label", "certainty")
            told = table.unique(keys, maintain_order=True)  # rows written twice are one event
            told = told.select(*keys[:2], pl.col(*keys[2:]).fill_null("").cast(pl.String), "low_hz", "high_hz")
            rows: list[Row] = [(on, off, label or "event", *rest) for on, off, label, *rest in told.rows()]
            for label in sorted({row[2] for row in rows if not (labels and row[2] not in labels)}):
                own = [row for row in rows if row[2] == label and row[3].casefold() not in UNKNOWN and row[1] > row[0]]
                if label.casefold() in UNKNOWN:
                    continue
                if len(own) < shots + FEWEST:
                    too_few += 1
                    continue
                until = max(row[1] for row in own[:shots])
                marked = tuple(row for row in rows if row[1] <= until)
                path = str(corpus.file(str(recording)))
                tasks.append(
                    EvalTask(place.name, str(recording), path, label, durations[str(recording)], until, marked)
                )
    return tasks, too_few


def evaluate(
    finder: str,
    corpora: Sequence[Path],
    out: Path,
    *,
    shots: int = 5,
    labels: Sequence[str] = (),
    workers: int | None = None,
    progress: Progress | None = None,
) -> Evaluated:
    """Find the rest of every label in every recording of some corpora and score it, each corpus a subset.

    A task that failed counts as one in which nothing was found. Intervals resample recordings, not their labels.
    `out` gets scores.json, recordings.csv, found.parquet and candidates.parquet, which goes down to a score of RANKED
    for average precision; finished tasks lie in parts/, and the same call goes on after a stop.
    Raises UsageError for an unknown finder or label, DataError for two corpora of one name, NothingDoneError where no
    recording has events enough.
    """
    if shots < 1:
        raise UsageError(f"shots is {shots}", parameter="shots", allowed="1 or more")
    names, model = finder_of(finder)
    _check(corpora, labels)
    tasks, too_few = make_tasks(corpora, shots, labels)
    if not tasks:
        raise NothingDoneError(
            f"no recording has {shots + FEWEST} events of one label",
            where=", ".join(map(str, corpora)),
            mend="Ask for fewer examples: --shots N.",
        )
    plan = plan_groups("fewshot eval", [[task] for task in tasks], _identity(names, model, shots))
    broken: list[Failure] = []

    def place(shard: Shard[EvalTask]) -> Path:
        return out / "parts" / f"{shard.key}.json"

    def save(shard: Shard[EvalTask], outcomes: ShardOutcomes[list[tuple[float, float, float]]]) -> None:
        (outcome,) = outcomes.outcomes
        if outcome.worked is not None:
            write_json(place(shard), outcome.worked.value)
        elif outcome.failure is not None:
            broken.append(outcome.failure)

    with only_writer(out):
        run_job(
            plan,
            EvalWork(names, model, shots),
            save,
            is_done=lambda shard: place(shard).is_file(),
            executor=make_executor(workers),
            progress=progress,
        )
        done = [shard for shard in plan.shards if place(shard).is_file()]
        found = {shard.items[0].name: json.loads(place(shard).read_text(encoding="utf-8")) for shard in done}
        scores = _scored(tasks, found, corpora, shots) if done else None
        if scores is not None:
            _write(out, finder, scores, found)
    return Evaluated(scores, len(tasks), too_few, tuple(broken))


def _identity(finders: Sequence[str], model: Path | None, shots: int) -> dict[str, object]:
    """What decides the work on a task, besides the task."""
    version = None if model is None else [model.stat().st_size, model.stat().st_mtime_ns]
    return {"finders": finders, "model": version, "shots": shots, "least": RANKED, "version": VERSION}


def _check(corpora: Sequence[Path], labels: Sequence[str]) -> None:
    """Corpora are subsets by their names; a label is in one of them at least."""
    if len({place.name for place in corpora}) < len(corpora):
        raise DataError("two corpora are called alike", where="corpora", mend="Give them different folders.")
    if labels:
        known = {str(label or "event") for place in corpora for label in Corpus.open(place).events["label"].unique()}
        for label in labels:
            if label not in known:
                allowed = ", ".join(sorted(known))
                raise UsageError(f"no event is labelled {label!r}", parameter="label", allowed=allowed)


def _scored(
    tasks: Sequence[EvalTask], found: dict[str, list[list[float]]], corpora: Sequence[Path], shots: int
) -> FewshotScores:
    """Every task a recording of its own, since each is about one label; what is unknown, is unknown to each."""
    held = {place.name: Corpus.open(place).events for place in corpora}
    truth = []
    for task in tasks:
        own = held[task.corpus].filter((pl.col("recording") == task.recording) & pl.col("onset_s").is_not_null())
        unknown = pl.col("label").str.to_lowercase().is_in(UNKNOWN).fill_null(False)
        own = own.filter(unknown | (pl.col("label").fill_null("event") == task.label))
        own = own.with_columns(label=pl.when(unknown).then(pl.lit("UNK")).otherwise(pl.col("label")))
        own = own.select("onset_s", "offset_s", "label", "certainty").unique(maintain_order=True)
        truth.append(own.with_columns(recording=pl.lit(task.name)))
    said = _table(found)
    return score_fewshot(
        said.filter(pl.col("score") >= LEAST),
        make_events(pl.concat(truth)),
        subsets={task.name: task.corpus for task in tasks},
        candidates=said,
        units={task.name: f"{task.corpus}/{task.recording}" for task in tasks},
        shots=shots,
    )


def _table(found: dict[str, list[list[float]]]) -> pl.DataFrame:
    rows = [(name, *row) for name, own in found.items() for row in own]
    schema = {"recording": pl.String, **dict.fromkeys(COLUMNS, pl.Float64)}
    return make_events(pl.DataFrame(rows, schema=schema, orient="row"))


def _write(out: Path, finder: str, scores: FewshotScores, found: dict[str, list[list[float]]]) -> None:
    table = _table(found)
    write_through(out / "found.parquet", lambda file: table.filter(pl.col("score") >= LEAST).write_parquet(file))
    write_through(out / "candidates.parquet", lambda file: table.write_parquet(file))
    write_through(out / "recordings.csv", lambda file: scores.recordings.write_csv(file))
    told = {name: getattr(scores, name).value for name in ("precision", "recall", "f1")}
    intervals = {name: [getattr(scores, name).low, getattr(scores, name).high] for name in told}
    if scores.ap is not None:
        told["ap"] = scores.ap.value
        intervals["ap"] = [scores.ap.low, scores.ap.high]
    about = {"finder": Path(finder).name, **told, "intervals": intervals, "arithmetic": dict(scores.arithmetic)}
    write_json(out / "scores.json", {**about, "subsets": scores.subsets.to_dicts()})
