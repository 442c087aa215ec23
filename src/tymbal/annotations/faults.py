"""Faults that name the rows they were found in."""

from __future__ import annotations

from collections.abc import Sequence

from tymbal.errors import Fault

_NAMED = 5  # rows named one by one; the rest is counted


def row_fault(code: str, where: object, rows: Sequence[int], text: str) -> Fault:
    """One fault for all rows that share it: "where, rows 2, 3 and 9: text". Rows count from 1, the header included."""
    return Fault(code, f"{where}, {rows_text(rows)}: {text}")


def rows_text(rows: Sequence[int]) -> str:
    """ "row 2", "rows 2 and 3", "rows 2, 3, 4, 5, 6 and 12 more"."""
    names = [str(row) for row in rows[:_NAMED]]
    if len(rows) > _NAMED:
        names.append(f"{len(rows) - _NAMED:,} more")
    if len(names) == 1:
        return f"row {names[0]}"
    return f"rows {', '.join(names[:-1])} and {names[-1]}"


def unique(faults: Sequence[Fault]) -> tuple[Fault, ...]:
    """The same faults in the same order, each once."""
    return tuple(dict.fromkeys(faults))
