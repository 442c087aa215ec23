"""Tables of sets: text cells, and faults that name file and column."""

from __future__ import annotations

from pathlib import Path

import pytest

from tymbal.benchmarks.tables import read_lines, read_table, seconds
from tymbal.errors import AnnotationError


def test_cells_stay_text_and_blanks_are_null(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('id,species\n007,"an dirus, wild"\n8,\n')
    assert read_table(path, ("id", "species")).rows() == [("007", "an dirus, wild"), ("8", None)]


def test_faults_name_file_and_column(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id,sort\n1,2\n")
    with pytest.raises(AnnotationError, match=r"a\.csv: no column 'species' \(allowed: id, sort\)"):
        read_table(path, ("id", "species"))
    with pytest.raises(AnnotationError, match="no such table"):
        read_table(tmp_path / "b.csv", ())
    (tmp_path / "c.parquet").write_bytes(b"nothing")
    with pytest.raises(AnnotationError, match="cannot be read"):
        read_table(tmp_path / "c.parquet", ())
    with pytest.raises(AnnotationError, match="'soon' is no time"):
        seconds("soon", path)
    with pytest.raises(AnnotationError, match="cannot be read as text"):
        read_lines(tmp_path / "none.txt")
    path.write_text("\ufeffone\n\n two \n")
    assert read_lines(path) == ["one", "two"]
