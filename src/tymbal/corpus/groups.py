"""What must not be torn apart: group keys of examples, and the merging of several of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tymbal.corpus.tables import as_text, told_columns
from tymbal.errors import DataError

TOGETHER = "+"  # "individual+session": one key of both columns, for sessions that are numbered within individuals
EVENT = "event"  # no grouping at all: every example is its own group


def group_keys(examples: pl.DataFrame, by: str | Sequence[str]) -> list[str]:
    """The group of every example, as text; examples with equal text must share a fold.

    Parameters
    ----------
    examples : one row per example, with the columns that `by` names and `recording`.
    by : a column; several columns joined by "+" into one key; or a sequence of such, none of which may straddle.
        A sequence merges transitively: two examples share a group where a chain of examples joins them.
        The recording is always among what may not straddle, except with "event", which groups nothing.

    An example without a value (null) in a column is tied to no other by it. Raises DataError for unknown columns.
    """
    names = [by] if isinstance(by, str) else list(by)
    if not names:
        raise DataError("no column to group by", parameter="by", allowed=f"a column name or {EVENT!r}")
    if EVENT in names and EVENT not in examples.columns:
        if len(names) > 1:
            raise DataError(f"{EVENT!r} groups nothing, so it cannot stand beside other columns", parameter="by")
        return [f"{EVENT}:{row}" for row in range(examples.height)]
    keys = [_column_keys(examples, name) for name in names]
    if "recording" not in names:
        keys.append(_column_keys(examples, "recording"))
    return merged_names(keys)


def _column_keys(examples: pl.DataFrame, name: str) -> list[str | None]:
    parts = [name] if name in examples.columns else name.split(TOGETHER)
    unknown = [part for part in parts if part not in examples.columns]
    if unknown:
        raise DataError(
            f"no column {unknown[0]!r} to group by",
            parameter="by",
            allowed=", ".join([EVENT, "recording", *told_columns(examples.columns)]),
            mend="Give the table that holds it as metadata when indexing, or check the spelling.",
        )
    columns = [examples.select(as_text(part)).to_series().to_list() for part in parts]
    return [None if None in row else " + ".join(row) for row in zip(*columns, strict=True)]


def merged_names(keys: Sequence[Sequence[str | None]]) -> list[str]:
    """Connected components over rows that share a key in any column, named after the first column's keys.

    A component that holds several keys of the first column is named by the least of them and how many more.
    """
    rows = len(keys[0])
    components = connected(keys)
    names: dict[int, set[str]] = {}
    for row in range(rows):
        found = keys[0][row]
        names.setdefault(int(components[row]), set()).update([] if found is None else [found])
    titles: dict[int, str] = {}
    for row in range(rows):
        component = int(components[row])
        if component in titles:
            continue
        members = names[component]
        alone = next((key[row] for key in reversed(keys) if key[row] is not None), None)
        title = min(members) if members else f"(none) {alone if alone is not None else row}"
        titles[component] = title if len(members) < 2 else f"{title} and {len(members) - 1} more"
    return [titles[int(component)] for component in components]


def connected(keys: Sequence[Sequence[str | None]]) -> NDArray[np.int64]:
    """Component number of every row, shape (rows,), numbered by first appearance; union-find, near-linear."""
    rows = len(keys[0])
    parent = list(range(rows))

    def find(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    for column in keys:
        first: dict[str, int] = {}
        for row, key in enumerate(column):
            if key is None:
                continue
            root, other = find(row), find(first.setdefault(key, row))
            if root != other:
                parent[max(root, other)] = min(root, other)
    numbers: dict[int, int] = {}
    return np.array([numbers.setdefault(find(row), len(numbers)) for row in range(rows)], dtype=np.int64)


def straddling(groups: Sequence[str | None], folds: Sequence[str]) -> list[str]:
    """Groups with examples in more than one fold, sorted."""
    seen: dict[str, str] = {}
    torn: set[str] = set()
    for group, fold in zip(groups, folds, strict=True):
        if group is not None and seen.setdefault(group, fold) != fold:
            torn.add(group)
    return sorted(torn)
