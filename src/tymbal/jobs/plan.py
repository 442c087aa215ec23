"""Plans: what a job will do, cut into idempotent shards with content addresses."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from tymbal.config import digest, to_plain
from tymbal.errors import UsageError

T = TypeVar("T")


@dataclass(frozen=True)
class Shard(Generic[T]):
    """A run of items that is worked and saved together; `key` depends on items and parameters alone."""

    index: int
    key: str
    items: tuple[T, ...]


@dataclass(frozen=True)
class Plan(Generic[T]):
    """All shards of a job. Two plans with the same digest produce the same bytes."""

    name: str
    digest: str
    parameters: dict[str, Any]
    shards: tuple[Shard[T], ...]

    @property
    def items(self) -> int:
        return sum(len(shard.items) for shard in self.shards)


def make_plan(name: str, items: Sequence[T], parameters: object, *, per_shard: int) -> Plan[T]:
    """Cut `items` (dataclasses or plain values, in a fixed order) into shards of `per_shard`.

    No clock, host name or worker count may be among the parameters: they would change the addresses.
    """
    if per_shard < 1:
        raise UsageError(f"per_shard is {per_shard}", where=name, allowed="1 or more")
    return plan_groups(
        name, (items[start : start + per_shard] for start in range(0, len(items), per_shard)), parameters
    )


def plan_groups(
    name: str, groups: Iterable[Sequence[T]], parameters: object, *, address: Callable[[T], Any] = to_plain
) -> Plan[T]:
    """A plan whose shards are the given groups of items, for jobs that cut by size rather than by count.

    `address` gives the part of an item that decides its result: leave out where it lies on this machine's disk.
    """
    plain = to_plain(parameters)
    shards: list[Shard[T]] = []
    for group in groups:
        key = digest({"job": name, "parameters": plain, "items": [address(item) for item in group]})
        shards.append(Shard(len(shards), key, tuple(group)))
    whole = digest({"job": name, "parameters": plain, "shards": [shard.key for shard in shards]})
    return Plan(name, whole, plain, tuple(shards))
