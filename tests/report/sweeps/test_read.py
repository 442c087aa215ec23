from __future__ import annotations

import shutil
from pathlib import Path

import polars as pl
import pytest

from tymbal.errors import DataError
from tymbal.report.sweeps import is_sweep, open_sweep

FILES = ("plan.toml", "results.json", "results.parquet", "costs.csv")


@pytest.fixture
def copy(sweep_folder: Path, tmp_path: Path) -> Path:
    for name in FILES:
        shutil.copy(sweep_folder / name, tmp_path / name)
    return tmp_path


def test_the_table_comes_with_what_probes_cost(copy: Path) -> None:
    found = open_sweep(copy)
    assert is_sweep(copy)
    assert found.table.height == pl.read_parquet(copy / "results.parquet").height
    assert found.table["cpu_s"].null_count() == 0
    assert list(found.tasks) == ["every <bird>", "call"]
    assert list(found.encoders("call")) == ["tiny", "twin"]
    assert found.families("call") == ["ridge", "sum & mean"]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("torn", [True, False])
def test_a_missing_or_torn_file_is_named_with_the_mend(copy: Path, name: str, torn: bool) -> None:
    if torn:
        (copy / name).write_bytes(b"{\xff")
    else:
        (copy / name).unlink()
    with pytest.raises(DataError, match="Run the same `tymbal sweep` command again") as caught:
        open_sweep(copy)
    assert str(copy) in str(caught.value)
    assert is_sweep(copy) == (torn or name != "plan.toml")


def test_a_sweep_that_is_not_finished_is_told_so(copy: Path) -> None:
    (copy / "results.json").unlink()
    with pytest.raises(DataError, match="not finished"):
        open_sweep(copy)
    (copy / "results.json").write_text('{"metric": "accuracy"}')
    with pytest.raises(DataError, match="not what a sweep leaves"):
        open_sweep(copy)


def test_made_scenes_are_no_sweep_for_all_their_plan(copy: Path) -> None:
    (copy / "corpus.toml").write_text("")
    assert not is_sweep(copy)
