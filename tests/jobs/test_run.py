"""A job skips what is done, saves as it goes, and counts."""

from __future__ import annotations

from typing import Any

import pytest
from tests.jobs.workers import Square

from tymbal.jobs import Silent, make_plan, run_job


class Recorder(Silent):
    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def start(self, title: str, total: int, *, resumed: int = 0) -> None:
        self.calls.append(("start", title, total, resumed))

    def advance(self, items: int, *, audio_s: float = 0.0, failures: int = 0) -> None:
        self.calls.append(("advance", items, audio_s, failures))

    def finish(self) -> None:
        self.calls.append(("finish",))


def test_done_shards_are_not_worked_and_everything_is_counted() -> None:
    plan = make_plan("squares", [1, 2, 3, 4, 5], {}, per_shard=2)
    saved: list[str] = []
    progress = Recorder()
    report = run_job(
        plan,
        Square(crash=(1, 2), broken=(4,)),  # items 1 and 2 would end this process: they must never be worked
        lambda shard, outcomes: saved.append(shard.key),
        is_done=lambda shard: shard.index == 0,
        progress=progress,
    )
    assert saved == [shard.key for shard in plan.shards[1:]]
    assert (report.items, report.resumed, report.worked, report.failed, report.audio_s) == (5, 2, 2, 1, 8.0)
    assert progress.calls == [
        ("start", "squares", 5, 2),
        ("advance", 2, 3.0, 1),
        ("advance", 1, 5.0, 0),
        ("finish",),
    ]


def test_nothing_is_prepared_when_nothing_is_left() -> None:
    plan = make_plan("squares", [1, 2], {}, per_shard=1)
    report = run_job(plan, Square(unprepared=True), lambda shard, outcomes: None, is_done=lambda shard: True)
    assert (report.resumed, report.worked) == (2, 0)


def test_an_error_while_saving_ends_the_job_and_the_panel() -> None:
    progress = Recorder()

    def save(shard: Any, outcomes: Any) -> None:
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        run_job(make_plan("squares", [1, 2], {}, per_shard=1), Square(), save, progress=progress)
    assert progress.calls[-1] == ("finish",)
