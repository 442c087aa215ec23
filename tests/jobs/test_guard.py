"""Any error of an item becomes its row; a full disk and an interrupt do not."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from tests.jobs.workers import Square

from tymbal.errors import DiskFullError
from tymbal.jobs import Failure, Outcome, ShardOutcomes, Worked, guarded
from tymbal.jobs.guard import item_name


def test_errors_on_purpose_have_no_trace_and_defects_do() -> None:
    work = Square(broken=(1,), defect=(2,))
    good, broken, defect = (guarded(work, item) for item in (3, 1, 2))
    assert good.worked is not None
    assert good.worked.value[0] == 9
    assert good.failure is None
    assert broken.failure == Failure("1", "AudioError", "1.wav: cannot be read")
    assert defect.failure is not None
    assert defect.failure.error == "ZeroDivisionError"
    assert "please report" in defect.failure.message
    assert "oops" in defect.failure.trace


def test_too_little_memory_and_refusals_of_the_system_say_what_to_do() -> None:
    def fail(error: Exception) -> Failure:
        def work(item: str) -> Worked[None]:
            raise error

        found = guarded(work, "a.wav").failure
        assert found is not None
        return found

    memory = fail(MemoryError())
    assert (memory.error, memory.trace) == ("MemoryError", "")
    assert "workers" in memory.message
    denied = fail(PermissionError(13, "Permission denied", "a.wav"))
    assert (denied.error, denied.trace) == ("PermissionError", "")
    assert "a.wav" in denied.message
    assert "report" not in denied.message


def test_a_full_disk_and_an_interrupt_stop_the_job() -> None:
    with pytest.raises(DiskFullError):
        guarded(Square(full=(1,)), 1)

    def interrupted(item: int) -> Worked[None]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        guarded(interrupted, 1)


def test_parts_that_failed_count_beside_items_that_failed() -> None:
    part, whole = Failure("a", "E", "part"), Failure("b", "E", "whole")
    outcomes = ShardOutcomes(
        [Outcome("a", worked=Worked(1, audio_s=2.0, failures=(part,))), Outcome("b", failure=whole)]
    )
    assert outcomes.failures == [part, whole]
    assert outcomes.failed_items == 1
    assert outcomes.audio_s == 2.0


def test_items_are_called_by_their_name() -> None:
    @dataclass
    class Named:
        name: str

    assert item_name(Named("x.wav")) == "x.wav"
    assert item_name(7) == "7"
