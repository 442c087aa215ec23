from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.annotations.formats.helpers import EVENT, put, table, there_and_back

from tymbal.annotations import make_events, read_events, write_events
from tymbal.annotations.text import decode
from tymbal.errors import AnnotationError


def counted(text: str) -> int:
    """Non-blank labels of a TextGrid by a cruder rule than the reader's: quoted texts but the head's and the tiers'."""
    texts = re.findall(r'"((?:[^"]|"")*)"', text)[2:]
    kinds = sum(word in ("IntervalTier", "TextTier") for word in texts)
    return sum(bool(word.strip()) for word in texts) - 2 * kinds


def test_every_real_grid_against_the_count_of_its_texts(data: Callable[[str], Path]) -> None:
    paths = sorted((data("annotation_formats") / "files/textgrid").rglob("*.TextGrid"))
    assert len(paths) == 11
    for path in paths:
        text, _, _ = decode(path.read_bytes(), path.name)
        read = read_events(path)
        assert read.format == "textgrid"
        assert read.events.height == counted(text), path
        assert read.events["onset_s"].min() >= 0
        assert read.coverage.select("start_s", "end_s").row(0) == (0.0, float(re.findall(r"\d+\.?\d*", text)[1]))
        assert {fault.code for fault in read.faults} <= {"zero_duration"}  # points of text tiers


def test_forms_and_encodings_of_one_grid_agree(data: Callable[[str], Path]) -> None:
    paths = sorted((data("annotation_formats") / "files/textgrid/parselmouth").iterdir())
    frames = [read_events(path).events.drop("source", "recording") for path in paths]
    assert len(frames) == 4
    assert all(frame.equals(frames[0]) for frame in frames)


def test_tiers_of_the_same_name_stay_apart(data: Callable[[str], Path]) -> None:
    path = data("annotation_formats") / "files/textgrid/praatio/all_tiers_have_the_same_name.TextGrid"
    rows = read_events(path).events.select("tier", "tier_number", "label").rows()
    assert rows == [("Mary", 1, "Mary"), ("Mary", 2, "Maary"), ("Mary", 3, "Bob")]


@given(rows=st.lists(EVENT, max_size=6), tiers=st.lists(st.integers(1, 3), min_size=6, max_size=6))
@settings(max_examples=50, deadline=None)
def test_events_to_a_grid_and_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict], tiers: list[int]
) -> None:
    tiers = tiers[: len(rows)]
    names = [f"tier {number}" for number in tiers]
    events = table(rows, tier=pl.Series(names, dtype=pl.String), tier_number=pl.Series(tiers, dtype=pl.Int32))
    back = there_and_back(events, tmp_path_factory.mktemp("grid") / "t.TextGrid", "textgrid").events
    held = ["tier", "onset_s", "offset_s", "label"]
    assert sorted(back.select(held).rows()) == sorted(events.select(held).rows())


def test_quotes_and_comments(tmp_path: Path) -> None:
    events = make_events({"onset_s": [1.0], "offset_s": [2.0], "label": ['say "x" ! 3']})
    path = tmp_path / "t.TextGrid"
    back = there_and_back(events, path, "textgrid")
    assert back.events["label"].to_list() == ['say "x" ! 3']
    path.write_text(
        path.read_text(encoding="utf-8").replace("xmin = 0 \n", "xmin = 0 ! 7 comment\n", 1), encoding="utf-8"
    )
    assert read_events(path).events["label"].to_list() == ['say "x" ! 3']


def test_a_grid_that_breaks_off_is_refused(data: Callable[[str], Path], tmp_path: Path) -> None:
    path = data("annotation_formats") / "files/textgrid/praatio/mary.TextGrid"
    text = path.read_bytes().decode()
    for keep in (60, 200, len(text) // 2, len(text) - 8):
        with pytest.raises(AnnotationError, match=r"expected a|a size of"):
            read_events(put(tmp_path, text[:keep], "t.TextGrid"))


def test_another_praat_object_is_refused(tmp_path: Path) -> None:
    text = 'File type = "ooTextFile"\nObject class = "PitchTier"\n\n0\n1\n'
    with pytest.raises(AnnotationError, match="a Praat PitchTier"):
        read_events(put(tmp_path, text, "t.TextGrid"), format="textgrid")


@pytest.mark.parametrize(
    ("columns", "said"),
    [({"label": [" "]}, "without a label"), ({"label": ["x"], "offset_s": [1.0]}, "no duration")],
)
def test_what_a_grid_cannot_hold(tmp_path: Path, columns: dict, said: str) -> None:
    events = make_events({"onset_s": [1.0], "offset_s": [2.0]} | columns)
    with pytest.raises(AnnotationError, match=said):
        write_events(events, tmp_path / "t.TextGrid", format="textgrid")
