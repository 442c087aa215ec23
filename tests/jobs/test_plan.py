"""Addresses depend on items and parameters, and on nothing else."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tymbal.errors import UsageError
from tymbal.jobs import make_plan, plan_groups


@dataclass(frozen=True)
class Item:
    name: str
    size: int
    path: str = ""


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(max_size=3), max_size=30), st.integers(1, 10))
def test_shards_hold_every_item_once_in_order(items: list[str], per_shard: int) -> None:
    plan = make_plan("job", items, {"a": 1}, per_shard=per_shard)
    assert [item for shard in plan.shards for item in shard.items] == items
    assert plan.items == len(items)
    assert [shard.index for shard in plan.shards] == list(range(len(plan.shards)))
    assert all(len(shard.items) == per_shard for shard in plan.shards[:-1])
    again = make_plan("job", list(items), {"a": 1}, per_shard=per_shard)
    assert again == plan


def test_addresses_change_with_what_matters() -> None:
    items = [Item("a", 1), Item("b", 2)]
    plan = make_plan("job", items, {"rate": 8000}, per_shard=1)
    others = [
        make_plan("other", items, {"rate": 8000}, per_shard=1),
        make_plan("job", items, {"rate": 8001}, per_shard=1),
        make_plan("job", [items[0], replace(items[1], size=3)], {"rate": 8000}, per_shard=1),
        make_plan("job", items[::-1], {"rate": 8000}, per_shard=1),
    ]
    assert len({plan.digest, *(other.digest for other in others)}) == 5
    assert others[2].shards[0].key == plan.shards[0].key
    assert others[2].shards[1].key != plan.shards[1].key


def test_groups_are_kept_and_the_address_says_what_counts() -> None:
    here = [[Item("a", 1, "/here/a"), Item("b", 2, "/here/b")], [Item("c", 3, "/here/c")]]
    there = [[replace(item, path="/there/" + item.name) for item in group] for group in here]

    def address(item: Item) -> list[object]:
        return [item.name, item.size]

    one, two = (plan_groups("job", groups, {}, address=address) for groups in (here, there))
    assert [len(shard.items) for shard in one.shards] == [2, 1]
    assert one.digest == two.digest
    assert one.shards[1].items[0].path == "/here/c"
    assert plan_groups("job", here, {}).digest != plan_groups("job", there, {}).digest


def test_a_shard_holds_at_least_one_item() -> None:
    with pytest.raises(UsageError, match="per_shard is 0"):
        make_plan("job", [1], {}, per_shard=0)
