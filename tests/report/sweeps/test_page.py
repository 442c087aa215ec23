from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from tests.report.test_page import Reader, look_up

from tymbal.report import write_report
from tymbal.report.numbers import rounded


@pytest.fixture(scope="module")
def page(sweep_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    made = write_report(sweep_folder, tmp_path_factory.mktemp("page") / "report.html")
    return made.path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def read(page: str) -> Reader:
    return Reader(page)


def test_every_number_stands_in_the_results(read: Reader, sweep_folder: Path) -> None:
    results = json.loads((sweep_folder / "results.json").read_text())
    told = [(attributes["data-from"], attributes["value"]) for attributes, _ in read.data if "data-from" in attributes]
    assert len(told) > 100
    for source, value in told:
        assert source is not None
        assert value is not None
        assert float(value) == look_up(results, source), source


def test_the_page_holds_the_words_and_every_part(read: Reader, sweep_folder: Path) -> None:
    results = json.loads((sweep_folder / "results.json").read_text())
    for part in results["words"]:
        assert re.sub(r"\s+", " ", part["text"]) in read.words
    ids = {attributes.get("id") for tag, attributes in read.elements if tag == "section"}
    assert {"task0", "task1", "gains", "cost", "every", "failures", "parameters"} <= ids
    assert "hubert" in read.words
    assert "no weights of its own" in read.words


def test_heads_stand_by_encoders_with_what_was_picked(read: Reader, sweep_folder: Path) -> None:
    found = json.loads((sweep_folder / "results.json").read_text())["tasks"]["every <bird>"]["encoders"]
    header = next(row for row in read.cells if row[:2] == ["encoder", "picked of all"])
    assert header == ["encoder", "picked of all", "ridge", "sum & mean", "baseline"]
    tiny, twin = (next(row for row in read.cells if row and row[0].startswith(name)) for name in ("tiny", "twin"))
    assert tiny[0] == "tinycomputed, no weights, 5 layers"
    picked = found["tiny"]["families"]["sum & mean"]["picked"]
    assert tiny[3].startswith(rounded(picked["value"]))
    assert twin[0].startswith("twinrandom weights")
    assert twin[3] == "–"


def test_curves_name_layers_and_give_the_numbers(read: Reader) -> None:
    drawings = [attributes for tag, attributes in read.elements if tag == "svg" and attributes.get("class") == "curve"]
    assert len(drawings) == 4  # two tasks, two encoders
    assert any(
        attributes["aria-label"] == "accuracy of each layer of tiny, task every <bird>" for attributes in drawings
    )
    rows = [row[0] for row in read.cells if row]
    for name in ("log_mel", "mfcc", "scattering (last)", "all 5"):
        assert name in rows
    whiskers = sum(attributes.get("class") == "whisker" for _, attributes in read.elements)
    assert whiskers == 2 * 4 + 1  # only the task with enough units: ridge's four points twice, the other head's one


def test_the_same_sweep_gives_the_same_page(page: str, sweep_folder: Path, tmp_path: Path) -> None:
    write_report(sweep_folder, tmp_path / "again.html")
    assert (tmp_path / "again.html").read_text(encoding="utf-8") == page
