"""From what finders found to the measure of DCASE task 5, per finder, protocol and number of examples."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from tymbal.annotations import make_events
from tymbal.benchmarks.fewshot.layout import POS, UNK
from tymbal.benchmarks.fewshot.tasks import WITHIN, Task
from tymbal.evaluation.detection import FewshotScores, score_fewshot

Row = tuple[str, float, float, str | None, float | None]  # recording, onset, offset (s), label, score


@dataclass(frozen=True)
class Scored:
    """Scores of one finder under one protocol with one number of examples, over the tasks that it finished."""

    finder: str
    protocol: str
    shots: int
    scores: FewshotScores
    tasks: int
    failed: int
    cpu_s: float
    audio_s: float


def scored(
    finder: str, tasks: Sequence[Task], found: Mapping[str, Mapping[str, object]], after_shots: int
) -> Scored | None:
    """Score the tasks of one protocol and number of examples; `found` says what was found in each, by its name.

    A task that is not in `found` failed: it counts as a recording without any prediction, not as one less. after_shots:
    events that are examples for one of the numbers of shots that are compared. None where there is no task.
    """
    if not tasks:
        return None
    references = _events([(task.name, *span, word, None) for task in tasks for span, word in _truth(task)])
    predictions, lower = (_events(_said(tasks, found, side)) for side in ("found", "lower"))
    within = tasks[0].protocol == WITHIN
    scores = score_fewshot(
        predictions,
        references,
        subsets={task.name: task.truth.set for task in tasks},
        candidates=pl.concat([predictions, lower]),
        units={task.name: task.truth.name.removesuffix(f"#{task.truth.target}") for task in tasks},
        shots=after_shots if within else 0,
    )
    worked = [found[task.name] for task in tasks if task.name in found]
    totals: dict[str, float] = defaultdict(float)
    for each in worked:
        for key in ("cpu_s", "seconds"):
            totals[key] += float(each[key])  # type: ignore[arg-type]
    missing = len(tasks) - len(worked)
    shots = tasks[0].shots
    return Scored(finder, tasks[0].protocol, shots, scores, len(tasks), missing, totals["cpu_s"], totals["seconds"])


def _said(tasks: Sequence[Task], found: Mapping[str, Mapping[str, object]], side: str) -> list[Row]:
    """What was found, or came close, in every task."""
    return [
        (task.name, float(row[0]), float(row[1]), None, float(row[2]))
        for task in tasks
        for row in found.get(task.name, {}).get(side, [])  # type: ignore[attr-defined]
    ]


def _truth(task: Task) -> list[tuple[tuple[float, float], str]]:
    return [(span, POS) for span in task.truth.positive] + [(span, UNK) for span in task.truth.unknown]


def _events(rows: Sequence[Row]) -> pl.DataFrame:
    columns = {
        "recording": pl.Series([row[0] for row in rows], dtype=pl.String),
        "onset_s": pl.Series([row[1] for row in rows], dtype=pl.Float64),
        "offset_s": pl.Series([row[2] for row in rows], dtype=pl.Float64),
        "label": pl.Series([row[3] for row in rows], dtype=pl.String),
        "score": pl.Series([row[4] for row in rows], dtype=pl.Float64),
    }
    return make_events(pl.DataFrame(columns))
