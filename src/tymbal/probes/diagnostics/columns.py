"""Columns that may leak: what the metadata suggest, and what the split and the recordings themselves group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tymbal.corpus.auditing.columns import groupings
from tymbal.corpus.groups import TOGETHER
from tymbal.corpus.tables import as_text, told_columns
from tymbal.errors import DataError
from tymbal.probes.study.task import Task

MOST = 6  # columns looked at unasked
SPLIT = "group of the split"  # what is called "group" elsewhere: several columns, merged


@dataclass(frozen=True)
class Column:
    """A grouping of examples: its values (n,), None where unknown, and the block of each example (n,).

    Blocks are what may be exchanged and lies in one group whole: recordings, or single examples where the
    recordings themselves are the groups.
    """

    name: str
    keys: tuple[str | None, ...]
    blocks: tuple[str, ...]

    def codes(self) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.bool_]]:
        """(group codes, block codes, which examples have a group), each (n,)."""
        known = np.array([key is not None for key in self.keys])
        named = [f"g{key}" if key is not None else f"u{row}" for row, key in enumerate(self.keys)]
        group = np.unique(named, return_inverse=True)[1].ravel()
        block = np.unique(np.asarray(self.blocks), return_inverse=True)[1].ravel()
        return group, block, known


def leaky_columns(
    task: Task, asked: Sequence[str] | None, label: str = "label", *, parameter: str = "columns"
) -> list[Column]:
    """The columns `asked` for, or those that the metadata suggest, the groups of the split and the recordings.

    label : what the column of labels is called in the corpus; the table of a task calls it "label". parameter : where
    `asked` comes from, for the error.
    Columns that draw the same lines among the examples count once, and MOST are taken. Raises DataError for a column
    that is not there.
    """
    table = task.examples.table
    if asked is not None:
        return [_column(table, name, named_keys(table, name, label, parameter)) for name in asked]
    units = SPLIT if task.unit_name == "group" else task.unit_name
    found = [(units, tuple(task.units.tolist())), (SPLIT, tuple(task.groups.tolist()))]
    found += [(_called(each.name, label), each.keys) for each in groupings(table, "label")]
    found.append(("recording", tuple(table["recording"].to_list())))
    kept: dict[tuple[int, ...], Column] = {}
    for name, keys in found:
        lines = _lines(keys)
        if 1 < len(set(lines)) < len(lines):
            kept.setdefault(lines, _column(table, name, keys))
    return list(kept.values())[:MOST]


def _called(name: str, label: str) -> str:
    """A crossed grouping with the name that the column of labels has in the corpus."""
    return TOGETHER.join(label if part == "label" else part for part in name.split(TOGETHER))


def named_keys(
    table: pl.DataFrame, name: str, label: str = "label", parameter: str = "columns"
) -> tuple[str | None, ...]:
    """The values of a column, or of several joined by "+", as text (n,). Raises DataError for unknown columns."""
    parts = [name] if name in table.columns else name.split(TOGETHER)
    parts = ["label" if part == label and part not in table.columns else part for part in parts]
    unknown = [part for part in parts if part not in table.columns]
    if unknown:
        there = [column for column, kind in table.schema.items() if not kind.is_nested()]
        there = [label if column == "label" else column for column in ("recording", *told_columns(there))]
        raise DataError(f"no column {unknown[0]!r}", parameter=parameter, allowed=", ".join(there))
    texts = [table.select(as_text(part)).to_series().to_list() for part in parts]
    return tuple(None if None in row else TOGETHER.join(map(str, row)) for row in zip(*texts, strict=True))


def _column(table: pl.DataFrame, name: str, keys: tuple[str | None, ...]) -> Column:
    recordings = table["recording"].to_list()
    if _lines(keys) == _lines(recordings):
        return Column(name, keys, tuple(str(row) for row in range(len(keys))))
    # A recording may hold several groups (individuals, say): its parts are exchanged by themselves then.
    return Column(name, keys, tuple(f"{one}\n{key}" for one, key in zip(recordings, keys, strict=True)))


def _lines(keys: Sequence[str | None]) -> tuple[int, ...]:
    numbers: dict[str | None, int] = {}
    return tuple(numbers.setdefault(key, len(numbers)) for key in keys)
