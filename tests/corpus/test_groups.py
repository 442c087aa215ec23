from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference.corpus import components

from tymbal.corpus.groups import connected, group_keys, straddling
from tymbal.errors import DataError

TABLE = pl.DataFrame(
    {
        "recording": ["a", "a", "b", "c", "d"],
        "individual": ["x", "y", "y", "z", None],
        "session": ["1", "1", "1", "1", "2"],
    }
)
columns = st.integers(1, 12).flatmap(
    lambda rows: st.lists(
        st.lists(st.sampled_from(["p", "q", "r", "s", None]), min_size=rows, max_size=rows), min_size=1, max_size=3
    )
)


@given(columns)
@settings(max_examples=150, deadline=None)
def test_connected_is_what_exhaustive_search_finds(keys: list[list[str | None]]) -> None:
    found = connected(keys)
    sets: dict[int, set[int]] = {}
    for row, number in enumerate(found):
        sets.setdefault(int(number), set()).add(row)
    assert {frozenset(rows) for rows in sets.values()} == set(components(keys))
    assert list(dict.fromkeys(found.tolist())) == list(range(len(sets)))


def test_recording_never_straddles_whatever_is_grouped_by() -> None:
    keys = group_keys(TABLE, "individual")
    # x and y share recording a, so they are one group; the unknown individual is tied to nobody
    assert keys == ["x and 1 more"] * 3 + ["z", "(none) d"]


def test_one_key_of_two_columns_differs_from_two_columns() -> None:
    assert group_keys(TABLE, "individual+session")[3] == "z + 1"
    assert len(set(group_keys(TABLE, "individual+session"))) == 3
    assert len(set(group_keys(TABLE, ("individual", "session")))) == 2  # session 1 ties x, y and z


def test_event_groups_nothing() -> None:
    assert len(set(group_keys(TABLE, "event"))) == TABLE.height
    with pytest.raises(DataError, match="cannot stand beside"):
        group_keys(TABLE, ("event", "session"))


@pytest.mark.parametrize("by", ["lek", "individual+lek", ("session", "lek"), ()])
def test_unknown_columns_are_named(by: object) -> None:
    with pytest.raises(DataError, match=r"lek|no column"):
        group_keys(TABLE, by)  # type: ignore[arg-type]


def test_straddling_names_torn_groups_only() -> None:
    assert straddling(["a", "a", "b", "b", None, None], ["0", "1", "0", "0", "0", "1"]) == ["a"]
