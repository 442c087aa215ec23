"""The page of scored detections: what went wrong first, every number as scored, labels never markup."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl
import pytest
from tests.report.fixture import make_corpus
from tests.report.test_page import Reader

from tymbal.annotations import make_events, whole_coverage
from tymbal.evaluation.detection import DetectionScores, DetectionSettings, score_detections
from tymbal.report import write_report
from tymbal.report.detections.cards import choose
from tymbal.report.numbers import rounded

NAMES = ("a/One.wav", "a/two & more.wav", "gone.wav")
HOSTILE = "<script>alert(1)</script>"


def scored(corpus: Path, covered: bool = True, oracle: bool = True) -> DetectionScores:
    """Two recordings of half a second, a third that is gone; a hit, a miss, a swap and false alarms in each."""
    truth = {
        "recording": [name for name in NAMES for _ in range(3)],
        "onset_s": [0.05, 0.2, 0.3] * 3,
        "offset_s": [0.1, 0.28, 0.4] * 3,
        "label": ["chirp", HOSTILE, "chirp"] * 3,
    }
    said = {
        "recording": [name for name in NAMES for _ in range(4)],
        "onset_s": [0.06, 0.2, 0.44, 0.005] * 3,
        "offset_s": [0.1, 0.28, 0.49, 0.04] * 3,
        "label": ["chirp", "chirp", "chirp", HOSTILE] * 3,
        "channel": [1] * 12,  # the references do not say: all are shown together
        "score": [0.9, 0.8, 0.7, 0.2] * 3,
    }
    references = make_events(truth)
    return score_detections(
        make_events(said),
        references,
        whole_coverage(NAMES) if covered else None,
        units={name: name for name in NAMES},
        unit_name="recording",
        durations=dict.fromkeys(NAMES, 0.5),
        settings=DetectionSettings(threshold=0.1),
        oracle=references.with_columns(score=pl.lit(1.0)) if oracle else None,
        provenance={"corpus": str(corpus), "detector": "forward & reverse"},
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("detections")
    corpus = make_corpus(place, [(name, 22_050) for name in NAMES])
    (place / "recordings" / "gone.wav").unlink()
    scored(corpus).save(place / "scores")
    return place / "scores"


@pytest.fixture(scope="module")
def read(folder: Path) -> Reader:
    made = write_report(folder, folder.parent / "report.html", examples=4)
    assert made.failed
    assert made.placeholders == len(made.failed)
    return Reader(made.path.read_text(encoding="utf-8"))


def test_what_went_wrong_comes_first(read: Reader) -> None:
    sections = [attributes.get("id") for tag, attributes in read.elements if tag == "section"]
    assert sections[:4] == ["missed", "false", "found", "scores"]
    assert {"curves", "strata", "classes", "units", "alarms", "parameters"} <= set(sections)
    assert "forward & reverse" in read.words
    assert "missed: chirp, 0.1 s long" in read.words
    assert "false: chirp, score 0.80" in read.words


def test_boxes_of_both_sides_are_drawn_in_their_halves(read: Reader) -> None:
    boxes = [attributes for tag, attributes in read.elements if tag == "rect" and "box" in str(attributes.get("class"))]
    kinds = {str(attributes["class"]) for attributes in boxes}
    assert kinds == {
        "box reference reference",
        "box reference missed",
        "box prediction prediction",
        "box prediction false",
    }
    for attributes in boxes:
        middle = float(str(attributes["y"])) + float(str(attributes["height"])) / 2
        upper = middle < 6 + (190 - 6 - 34) / 2
        assert upper == str(attributes["class"]).startswith("box reference")


def test_scores_stand_beside_their_ceilings(read: Reader, folder: Path) -> None:
    found = DetectionScores.load(folder)
    row = next(row for row in read.cells if row and row[0] == "F1 (micro), IoU 0.5")
    value = found.estimates["f1@0.5"]
    assert value is not None
    assert row[1].startswith(rounded(value.value))
    assert "no interval" in row[1]
    assert row[2] == "1.000"


def test_confusions_and_classes_are_tables_and_labels_no_markup(read: Reader) -> None:
    assert [HOSTILE, "chirp", "3"] in read.cells
    assert not any(tag == "script" for tag, _ in read.elements)
    assert any(row[:3] == ["chirp", "0.5", "6"] for row in read.cells)


def test_the_same_scores_give_the_same_page_and_fetch_nothing(folder: Path, tmp_path: Path) -> None:
    first, again = (write_report(folder, tmp_path / name, examples=2).path for name in ("a.html", "b.html"))
    text = first.read_text(encoding="utf-8")
    assert text == again.read_text(encoding="utf-8")
    assert not re.search(r'(src|href)="(?!data:|#)', text)


def test_without_coverage_or_corpus_the_page_says_so(folder: Path, tmp_path: Path) -> None:
    scored(folder.parent / "nowhere", covered=False, oracle=False).save(tmp_path / "bare")
    made = write_report(tmp_path / "bare", tmp_path / "bare.html", examples=2)
    words = Reader(made.path.read_text(encoding="utf-8")).words
    assert made.placeholders == 4
    assert "recall only" in words
    assert "recall (micro) at IoU 0.5" in words
    assert "False alarms per hour" not in words


def test_cards_are_spread_over_recordings() -> None:
    columns = {
        "recording": ["a"] * 5 + ["b"],
        "onset_s": [float(number) for number in range(6)],
        "offset_s": [number + 0.5 for number in range(6)],
        "score": [0.9, 0.8, 0.7, 0.6, 0.5, 0.1],
    }
    events = make_events(columns).with_columns(
        outcome=pl.lit("false"), side=pl.lit("prediction"), iou=pl.lit(None, dtype=pl.Float64)
    )
    shown = choose(events, 3)
    assert [row["recording"] for row in shown.false] == ["a", "a", "b"]
    assert [row["score"] for row in choose(events, 5).false] == [0.9, 0.8, 0.1, 0.7, 0.6]
    assert shown.missed == shown.found == []
