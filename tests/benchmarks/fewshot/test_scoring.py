"""From what was found to scores: which recordings are one, what a candidate counts for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tymbal.benchmarks.fewshot.layout import Truth
from tymbal.benchmarks.fewshot.scoring import scored
from tymbal.benchmarks.fewshot.tasks import Task, make_tasks

ONSETS = tuple(float(second) for second in range(8))
SPANS = tuple((onset, onset + 0.5) for onset in ONSETS)


def tasks(classes: tuple[str, ...] = ("CC", "SN")) -> tuple[Task, ...]:
    """Four files of two classes each, as the training sets of DCASE have them."""
    truths = [
        Truth(f"MT/{file}.wav#{target}", "MT", str(Path("/", f"{file}.wav")), target, SPANS, ())
        for file in "abcd"
        for target in classes
    ]
    return make_tasks(truths, ["within"], [5])[0]


def found(task: Task, right: int, lower: int = 0) -> dict[str, object]:
    """The first `right` events after the examples, and `lower` more below the threshold."""
    rows = [(*span, 0.9) for span in SPANS[5 : 5 + right]]
    below = [(*span, 0.2) for span in SPANS[5 + right : 5 + right + lower]]
    return {"found": rows, "lower": below, "seconds": 9.0, "cpu_s": 0.5}


def test_classes_of_one_file_are_one_unit() -> None:
    mine = tasks()
    result = scored("ncc", mine, {task.name: found(task, 2) for task in mine}, 5)
    assert result is not None
    assert result.tasks == 8
    for each in (result.scores.f1, result.scores.ap):
        assert each is not None
        assert (each.units, each.examples) == (4, 8)
        assert set(each.per_unit) == {f"MT/{file}.wav" for file in "abcd"}
    assert result.scores.f1.low is None, "eight tasks, four files: no interval"
    assert (result.cpu_s, result.audio_s) == (4.0, 72.0)


def test_what_is_below_the_threshold_counts_for_average_precision_alone() -> None:
    mine = tasks(("CC",))
    alone, more = (scored("ncc", mine, {task.name: found(task, 1, lower) for task in mine}, 5) for lower in (0, 2))
    assert alone is not None
    assert more is not None
    assert alone.scores.f1 == more.scores.f1
    assert alone.scores.ap is not None
    assert more.scores.ap is not None
    assert (alone.scores.ap.value, more.scores.ap.value) == (pytest.approx(1 / 3), 1.0)


def test_no_task_has_no_score() -> None:
    assert scored("ncc", (), {}, 5) is None
