"""What `find` will do: the recordings cut into parts that are worked, saved and resumed one by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tymbal.audio import AudioInfo, probe
from tymbal.errors import AudioError
from tymbal.fewshot.picture import AnyScale, block_count, frames_of
from tymbal.jobs import Failure, Plan, guarded, plan_groups
from tymbal.jobs.guard import Worked

PART_S = 1800.0  # of sound in one part, about


@dataclass(frozen=True)
class Part:
    """Blocks first ... stop - 1 (of `Finder` number `label`) of one recording, whose size and time tell its version."""

    name: str
    path: str
    channel: int | None
    size_bytes: int
    mtime_ns: int
    label: int
    first: int
    stop: int


def part_blocks(samples: int, scale: AnyScale) -> list[tuple[int, int]]:
    """(first, stop) block of every part of a recording of so many samples: equal parts of about PART_S."""
    blocks = block_count(frames_of(samples, scale))
    parts = max(1, round(samples / scale.sample_rate_hz / PART_S))
    size = max(1, -(-blocks // parts))
    return [(first, min(first + size, blocks)) for first in range(0, blocks, size)]


@dataclass(frozen=True)
class Target:
    """A recording to search: what results call it, where it lies, and its channel (None: the mix)."""

    name: str
    path: str
    channel: int | None


def plan_find(
    targets: Sequence[Target], scales: Sequence[AnyScale], identity: object
) -> tuple[Plan[Part], tuple[Failure, ...], float]:
    """One shard per part, in the order of the targets; targets that cannot be opened; seconds of sound in all.

    `identity` is what decides the results besides the sound: the digests of the finders.
    """
    groups: list[list[Part]] = []
    failures: list[Failure] = []
    total_s = 0.0
    for target in targets:
        outcome = guarded(_looked_at, target)
        if outcome.worked is None:
            failures += [outcome.failure] if outcome.failure is not None else []
            continue
        info = outcome.worked.value
        status = Path(target.path).stat()
        total_s += info.duration_s
        for number, scale in enumerate(scales):
            samples = -(-info.samples * scale.sample_rate_hz // info.sample_rate_hz)
            for first, stop in part_blocks(samples, scale):
                where = (target.name, target.path, target.channel, status.st_size, status.st_mtime_ns)
                groups.append([Part(*where, number, first, stop)])
    plan = plan_groups("find", groups, identity, address=_address)
    return plan, tuple(failures), total_s


def _looked_at(target: Target) -> Worked[AudioInfo]:
    info = probe(target.path)
    if not info.samples:
        raise AudioError("the recording holds no sound", where=target.path, mend="Leave it out.")
    return Worked(info)


def _address(part: Part) -> list[object]:
    return [part.name, part.channel, part.size_bytes, part.mtime_ns, part.label, part.first, part.stop]
