"""Scenes one after the other for training, never on a disk: in order, from any index on, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from tymbal.errors import TymbalError
from tymbal.jobs import Executor, Shard, Worked, make_executor
from tymbal.synthesis.plan import ScenePlan
from tymbal.synthesis.scenes import Scene, SceneGenerator

PER_SHARD = 4  # scenes that a worker makes before it hands them over


@dataclass
class SceneWork:
    """The work on one scene: all its parts. Picklable; the generator is made in the worker."""

    plan: ScenePlan
    _generator: SceneGenerator | None = field(default=None, repr=False, compare=False)

    def prepare(self) -> None:
        """Make the generator (and open its bank)."""
        self._generator = SceneGenerator(self.plan)

    def __call__(self, index: int) -> Worked[tuple[Scene, ...]]:
        if self._generator is None:
            self.prepare()
        assert self._generator is not None
        scenes = self._generator.parts(index)
        return Worked(scenes, audio_s=sum(scene.duration_s for scene in scenes))


def stream_scenes(
    plan: ScenePlan, *, start: int = 0, stop: int | None = None, workers: int = 1, executor: Executor | None = None
) -> Iterator[tuple[Scene, ...]]:
    """The parts of scenes start, start + 1 … stop - 1 (None: to the plan's last), in that order.

    What scene i holds does not depend on `start` or `workers`: to resume after n scenes, start at n. With several
    workers the scenes that are ahead of their turn are held, at most `PER_SHARD` (workers + 1) of them.

    Raises ConfigError for a plan that cannot be, and the error of a scene that cannot be made when its turn comes.
    """
    end = plan.scenes if stop is None else min(stop, plan.scenes)
    work = SceneWork(plan)
    if workers <= 1 and executor is None:
        work.prepare()
        for index in range(start, end):
            yield work(index).value
        return
    runner = executor or make_executor(workers)
    begins = range(start, end, PER_SHARD)
    shards = (Shard(at, str(at), tuple(range(at, min(at + PER_SHARD, end)))) for at in begins)
    early: dict[int, list[tuple[Scene, ...]]] = {}
    runner.start(work)
    try:
        turn = start
        for shard, outcomes in runner.run(shards):
            for outcome in outcomes.outcomes:
                if outcome.failure is not None:
                    raise TymbalError(outcome.failure.message, where=f"scene {outcome.item}")
            early[shard.index] = [outcome.worked.value for outcome in outcomes.outcomes if outcome.worked is not None]
            while turn in early:
                yield from early.pop(turn)
                turn += PER_SHARD
    finally:
        runner.close()
