from __future__ import annotations

import polars as pl

from tymbal.corpus.tables import as_text


def test_blank_cells_are_no_value() -> None:
    table = pl.DataFrame({"a": ["x", "", " ", None], "b": [1, 2, None, 3]})
    assert table.select(as_text("a"))["a"].to_list() == ["x", None, None, None]
    assert table.select(as_text("b"))["b"].to_list() == ["1", "2", None, "3"]
