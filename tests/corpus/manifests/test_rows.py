"""Rows of tables and JSON, and files that are none."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from tymbal.corpus.manifests.rows import beside, head_of, rows_of
from tymbal.errors import AnnotationError


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", '\ufeffid,name\n1,"a, ""b"""\n\n'),
        ("a.csv", 'id;name\n1;"a, ""b"""\n'),
        ("a.tsv", 'id\tname\n1\ta, "b"\n'),
        ("a.json", '{"results": [{"id": "1", "name": "a, \\"b\\""}]}'),
        ("a.jsonl", '{"id": "1", "name": "a, \\"b\\""}\n\n'),
    ],
)
def test_one_row_in_every_dress(name: str, text: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    packed = tmp_path / f"{name}.gz"
    packed.write_bytes(gzip.compress(text.encode()))
    for each in (path, packed):
        assert list(rows_of(each)) == [{"id": "1", "name": 'a, "b"'}]
        assert head_of(each).columns == {"id", "name"}


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        ("a.csv", b"id,name\n1,2,3\n", "row 2 has 3 cells where the header has 2"),
        ("a.csv", b"id,name\n1,\xff\n", "cannot be read as text"),
        ("a.json", b"{", "not valid JSON"),
        ("a.json", b'{"recordings": [3]}', "holds 3 where a recording should be"),
        ("a.json", b'{"recordings": [null]}', "holds null where a recording should be"),
        ("a.json", b"[" * 100_000, "not valid JSON"),
        ("a.json", b'{"id": ' + b"9" * 6000 + b"}", "not valid JSON"),
        ("a.csv.gz", b"no gzip", "cannot be read"),
    ],
)
def test_what_cannot_be_read_is_named(name: str, data: bytes, told: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(AnnotationError, match=told):
        list(rows_of(tmp_path / name))


def test_short_rows_lack_their_last_cells_and_empty_files_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text("id\tname\n1\n")
    assert list(rows_of(tmp_path / "a.tsv")) == [{"id": "1"}]
    (tmp_path / "b.csv").write_text("")
    with pytest.raises(AnnotationError, match="the file is empty"):
        head_of(tmp_path / "b.csv")
    assert beside(tmp_path / "b.csv", "c.csv", "a.tsv") == tmp_path / "a.tsv"
