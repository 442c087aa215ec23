"""Which examples a task has, and what it must not know."""

from __future__ import annotations

import pytest

from tymbal.benchmarks.fewshot.layout import Truth
from tymbal.benchmarks.fewshot.tasks import CROSS, FAR_S, WITHIN, make_tasks
from tymbal.errors import UsageError


def truth(name: str, count: int, unknown: tuple[tuple[float, float], ...] = ()) -> Truth:
    return Truth(name, "X", f"/{name}", "X", tuple((float(at), at + 0.5) for at in range(count)), unknown)


def test_within_a_recording_nothing_after_the_last_example_is_known() -> None:
    tasks, faults = make_tasks([truth("a", 8, ((1.6, 1.8), (6.6, 6.8)))], [WITHIN], [5, 1])
    assert faults == ()
    assert [(task.shots, task.after_s) for task in tasks] == [(5, 4.5), (1, 4.5)], "judged on the same stretch"
    prompt = tasks[0].prompt()
    assert [shot.onset_s for shot in prompt.shots] == [0, 1, 2, 3, 4]
    assert [(shot.onset_s, shot.offset_s) for shot in prompt.unknown] == [(1.6, 1.8), (4.5, FAR_S)]
    assert [(shot.onset_s, shot.offset_s) for shot in tasks[1].prompt().unknown] == [(0.5, FAR_S)]


def test_across_recordings_the_next_one_that_has_enough_gives_the_examples() -> None:
    truths = [truth("a", 8), truth("b", 3), truth("c", 6)]
    tasks, faults = make_tasks(truths, [CROSS], [5])
    assert [(task.name, task.support.name, task.after_s) for task in tasks] == [
        ("a", "c", 0.0),
        ("b", "c", 0.0),
        ("c", "a", 0.0),
    ]
    assert faults == ()
    alone, faults = make_tasks([truth("a", 8)], [CROSS], [5])
    assert alone == ()
    assert "no other recording of X has 5 events of X" in faults[0].message


def test_too_few_events_are_told() -> None:
    tasks, faults = make_tasks([truth("a", 5)], [WITHIN], [2, 5])
    assert tasks == ()
    assert faults[0].message == "a: 5 events are too few for 5 examples and one to find; not run within itself"


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(UsageError, match="shots is"):
        make_tasks([], [WITHIN], [0])
    with pytest.raises(UsageError, match="no protocol 'x'"):
        make_tasks([], ["x"], [1])
