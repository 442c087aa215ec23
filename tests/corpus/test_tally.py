from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tymbal.corpus.tally import Folder, tally
from tymbal.errors import AudioError, CorpusError, Fault
from tymbal.jobs import SerialExecutor, Silent, Worked

DONE: list[int] = []


@dataclass(frozen=True)
class Double:
    """Doubles numbers; what it did is kept outside, for the work itself must not change between runs."""

    def prepare(self) -> None: ...

    def __call__(self, item: int) -> Worked[dict[str, Any]]:
        DONE.append(item)
        if item % 10 == 3:
            raise AudioError("odd", where=item)
        return Worked({"n": 2 * item}, faults=(Fault("even", "é"),) if item == 4 else ())


def run(folder: Folder, items: range) -> Any:
    return tally(
        "t",
        list(items),
        Double(),
        folder,
        schema=pl.Schema({"n": pl.Int64()}),
        executor=SerialExecutor(),
        progress=Silent(),
    )


def test_rows_in_order_failures_apart_and_nothing_done_twice(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "work")
    DONE.clear()
    first = run(folder, range(200))
    assert first.table["n"].to_list() == [2 * n for n in range(200) if n % 10 != 3]
    assert [failure.item for failure in first.failures] == [str(n) for n in range(200) if n % 10 == 3]
    assert first.faults == [("4", "even", "é")]
    assert len(DONE) == 200
    again = run(folder, range(200))
    assert len(DONE) == 200
    assert again.table.equals(first.table)
    assert (again.failures, again.faults) == (first.failures, first.faults)
    grown = run(folder, range(256))  # three whole shards are known, the fourth is another now
    assert len(DONE) == 200 + 64
    assert grown.table[: first.table.height].equals(first.table)
    folder.clear()
    assert not folder.path.exists()


def test_damaged_unfinished_work_is_named(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "work")
    run(folder, range(3))
    next(folder.path.iterdir()).write_text("{")
    with pytest.raises(CorpusError, match=r"unfinished work cannot be read.*Delete that file"):
        run(folder, range(3))
