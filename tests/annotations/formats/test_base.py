from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from tymbal.annotations import make_events
from tymbal.annotations.formats.base import cells_of, delimited, extra_columns, require_one_recording, require_times
from tymbal.errors import AnnotationError


def test_cells_read_back_the_same() -> None:
    assert cells_of(pl.Series([0.1 + 0.2, None, 1.0])) == ["0.30000000000000004", "", "1.0"]
    assert cells_of(pl.Series([1, None])) == ["1", ""]
    assert cells_of(pl.Series([["a", "b"], None])) == ["a;b", ""]


def test_delimited_text_is_quoted_where_needed() -> None:
    assert delimited(["a", "b"], [["1,2", 'say "x"'], ["", "l\n"]]) == 'a,b\n"1,2",\n"say ""x""","l\n"\n'


def test_what_a_format_cannot_hold_is_said() -> None:
    events = make_events({"recording": ["a", "b"], "onset_s": [0.0, None], "offset_s": [1.0, None], "Notes": ["", ""]})
    assert extra_columns(events) == ["Notes"]
    with pytest.raises(AnnotationError, match="1 of 2 events have no onset or offset"):
        require_times(events, Path("x.txt"), "raven")
    with pytest.raises(AnnotationError, match=r"2 recordings \(a, b"):
        require_one_recording(events, Path("x.txt"), "audacity")
