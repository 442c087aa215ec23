from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference.annotations import cells

from tymbal.annotations.sheet import header_name, key, parse_sheet, unique_names
from tymbal.errors import AnnotationError

CELL = st.text(st.characters(blacklist_characters="\t\r\n", blacklist_categories=["Cs"]), max_size=5)


@given(rows=st.lists(st.lists(CELL, min_size=2, max_size=4), min_size=1, max_size=5))
@settings(max_examples=100, deadline=None)
def test_tab_separated_cells_are_taken_as_they_stand(rows: list[list[str]]) -> None:
    text = "\n".join("\t".join(row) for row in rows)
    expected = cells(text)
    sheet = parse_sheet(text, "t")
    if not expected or "\t" not in text.lstrip("\n").split("\n")[0]:
        return
    width = max(map(len, expected))
    assert list(sheet.header) == expected[0] + [""] * (width - len(expected[0]))
    got = [[c for c in (column[at] for column in sheet.cells) if c is not None] for at in range(sheet.height)]
    assert got == expected[1:]


def test_rows_keep_the_numbers_they_have_in_the_file() -> None:
    sheet = parse_sheet("\na\tb\n\n1\t2\n   \n3\t4\n", "t")
    assert sheet.rows == [4, 6]
    quoted = parse_sheet('a,b\n"1\n2",3\n4,5\n', "t")
    assert quoted.cells == (("1\n2", "4"), ("3", "5"))
    assert quoted.rows == [2, 4]


def test_short_and_long_rows_are_padded_and_named() -> None:
    sheet = parse_sheet("a\tb\n1\n1\t2\t3\n", "t")
    assert sheet.header == ("a", "b", "")
    assert sheet.cells == (("1", "1"), (None, "2"), (None, "3"))
    assert sheet.ragged == (2,)


@pytest.mark.parametrize(("line", "delimiter"), [("a\tb,c,d", "\t"), ("a;b;c,d", ";"), ("a,b", ","), ("a", ",")])
def test_delimiters(line: str, delimiter: str) -> None:
    assert parse_sheet(line + "\n", "t").delimiter == delimiter


def test_rows_of_commas_only_are_blank() -> None:
    assert parse_sheet("a,b\n1,2\n,\n", "t").rows == [2]


def test_endless_quotes_are_an_error_that_names_the_row() -> None:
    with pytest.raises(AnnotationError, match="row 2"):
        parse_sheet('a,b\n"' + "x" * 200_000 + '",1\n', "t")


def test_keys_compare_spellings() -> None:
    assert key("Begin Time (s)") == key("begin_time_s") == key("Begin.Time..s.") == "begin_time_s"


@given(st.lists(st.one_of(CELL, st.sampled_from(["label", "", "a", "a (column 2)", "source"])), max_size=6))
@settings(max_examples=100, deadline=None)
def test_extra_names_are_unique_free_and_lead_back(header: list[str]) -> None:
    names = unique_names(header)
    assert len(set(names)) == len(names)
    assert not {"label", "source", "recording", "source_row", ""} & set(names)
    assert [header_name(name) for name in names] == header
