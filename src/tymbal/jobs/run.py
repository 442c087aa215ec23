"""Run a plan: skip what is done, work the rest, save each shard as it comes, count what failed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from tymbal.jobs.executor import Executor, SerialExecutor, Work
from tymbal.jobs.guard import ShardOutcomes
from tymbal.jobs.plan import Plan, Shard
from tymbal.jobs.progress import Progress, Silent

T = TypeVar("T")


@dataclass(frozen=True)
class JobReport:
    """What one run of a job did; `failed` counts whole items of this run only."""

    items: int
    resumed: int
    worked: int
    failed: int
    audio_s: float


def run_job(
    plan: Plan[Any],
    work: Work,
    save: Callable[[Shard[Any], ShardOutcomes[Any]], None],
    *,
    is_done: Callable[[Shard[Any]], bool] = lambda shard: False,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> JobReport:
    """Work every shard of `plan` that `is_done` does not know yet.

    `save` runs in this process only, once per shard, and must be atomic: a job killed between two saves resumes
    with the shards not yet saved. `is_done` is asked before anything is decoded. Items that fail become rows that
    `save` receives; errors of `save` itself (a full disk) end the job.
    """
    executor = executor or SerialExecutor()
    progress = progress or Silent()
    todo = [shard for shard in plan.shards if not is_done(shard)]
    resumed = plan.items - sum(len(shard.items) for shard in todo)
    worked, failed, audio_s = 0, 0, 0.0
    progress.start(plan.name, plan.items, resumed=resumed)
    try:
        if todo:
            executor.start(work)
            for shard, outcomes in executor.run(todo):
                save(shard, outcomes)
                worked += len(shard.items) - outcomes.failed_items
                failed += outcomes.failed_items
                audio_s += outcomes.audio_s
                progress.advance(len(shard.items), audio_s=outcomes.audio_s, failures=len(outcomes.failures))
    finally:
        executor.close()
        progress.finish()
    return JobReport(plan.items, resumed, worked, failed, audio_s)
