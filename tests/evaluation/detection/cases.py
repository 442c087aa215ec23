"""Small random scenes as Events, for the tests of detection metrics."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from tests.reference.detection_metrics import Event

from tymbal.annotations import make_events, whole_coverage
from tymbal.evaluation.detection.problem import DetectionProblem, DetectionSettings, make_detection_problem

DURATION_S = 20.0


def events(rows: Sequence[Event]) -> pl.DataFrame:
    """The Events table of slow events."""
    schema = {"recording": pl.String, "onset_s": pl.Float64, "offset_s": pl.Float64, "label": pl.String}
    table = pl.DataFrame([row[:4] for row in rows], schema=schema, orient="row")
    return make_events(table.with_columns(score=pl.Series([row.score for row in rows], dtype=pl.Float64)))


def scene(
    seed: int, references: int, predictions: int, *, labels: str = "ab", recordings: int = 2, levels: int = 5
) -> tuple[list[Event], list[Event]]:
    """References that overlap in one class, and predictions of which about two thirds are copies a little off."""
    random = np.random.default_rng(seed)

    def one(score: float) -> Event:
        onset, length = random.uniform(0, DURATION_S - 4), float(np.exp(random.uniform(np.log(0.3), np.log(4.0))))
        recording, label = f"r{random.integers(recordings)}", labels[random.integers(len(labels))]
        return Event(recording, float(onset), float(onset + length), label, score)

    truth = [one(float("nan")) for _ in range(references)]
    said = []
    for _ in range(predictions):
        score = float(random.integers(1, levels + 1)) / levels
        made = one(score)
        if truth and random.random() < 0.67:
            near = truth[random.integers(len(truth))]
            onset = max(near.onset_s + random.normal(0, 0.1), 0.0)
            label = near.label if random.random() < 0.8 else made.label
            made = Event(near.recording, onset, max(near.offset_s + random.normal(0, 0.1), onset + 0.1), label, score)
        said.append(made)
    return truth, said


def problem(
    truth: Sequence[Event],
    said: Sequence[Event],
    *,
    recordings: int = 2,
    covered: bool = True,
    coverage: pl.DataFrame | None = None,
    duration_s: float = DURATION_S,
    **settings: object,
) -> DetectionProblem:
    """The problem of slow events, every recording its own unit and listened to from end to end."""
    names = [f"r{number}" for number in range(recordings)]
    if coverage is None and covered:
        coverage = whole_coverage(names)
    return make_detection_problem(
        events(said),
        events(truth),
        coverage,
        units={name: name for name in names},
        unit_name="recording",
        durations=dict.fromkeys(names, duration_s),
        settings=DetectionSettings(**settings),  # type: ignore[arg-type]
    )
