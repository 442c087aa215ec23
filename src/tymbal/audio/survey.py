"""Look at many files through the jobs machinery: any number of them, one bad one never a stop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tymbal.audio.decode import examine
from tymbal.audio.info import AudioInfo
from tymbal.audio.probe import probe
from tymbal.jobs import Failure, Progress, Shard, ShardOutcomes, Worked, make_executor, make_plan, run_job

FILES_PER_SHARD = 16
SERIAL_BELOW = 1000  # headers of fewer files are read sooner than worker processes start


@dataclass(frozen=True)
class Look:
    """The work of one file: its header, or every sample of it."""

    deep: bool

    def prepare(self) -> None:
        """Nothing to load."""

    def __call__(self, path: str) -> Worked[AudioInfo]:
        info = (examine if self.deep else probe)(Path(path))
        return Worked(info, info.duration_s if self.deep else 0.0, info.faults)


def survey(
    paths: Sequence[Path | str], *, deep: bool = False, workers: int | None = None, progress: Progress | None = None
) -> tuple[list[AudioInfo], list[Failure]]:
    """Probe (or, `deep`, decode) every file; what was found and what failed, both in the order given.

    `workers` None takes one process per core, where there is work for them.
    """
    plan = make_plan(
        "listen" if deep else "look", [str(path) for path in paths], {"deep": deep}, per_shard=FILES_PER_SHARD
    )
    if workers is None and not deep and len(paths) < SERIAL_BELOW:
        workers = 1
    outcomes: dict[int, ShardOutcomes[AudioInfo]] = {}

    def keep(shard: Shard[str], found: ShardOutcomes[AudioInfo]) -> None:
        outcomes[shard.index] = found

    run_job(plan, Look(deep), keep, executor=make_executor(workers), progress=progress)
    ordered = [outcomes[index] for index in sorted(outcomes)]
    found = [each.worked.value for part in ordered for each in part.outcomes if each.worked is not None]
    return found, [failure for part in ordered for failure in part.failures]
