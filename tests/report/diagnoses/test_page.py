"""The page of a diagnosis as a reader and a machine meet it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from tests.report.test_page import Reader, look_up

from tymbal.report.diagnoses import body, find_diagnosis, title
from tymbal.report.diagnoses.parts import PARTS
from tymbal.report.html import document
from tymbal.report.numbers import rounded


@pytest.fixture(scope="module")
def page(diagnosed: Path) -> str:
    found = find_diagnosis(diagnosed)
    assert found is not None
    return document(title(found), body(found))


def test_every_number_is_the_one_in_diagnostics_json(diagnosed: Path, page: str) -> None:
    results = json.loads((diagnosed / "diagnostics.json").read_text())
    read = Reader(page)
    sourced = [(attributes, shown) for attributes, shown in read.data if "data-from" in attributes]
    assert len(sourced) > 100
    for attributes, shown in sourced:
        file, pointer = attributes["data-from"].split("#")
        assert file == "diagnostics.json"
        exact = look_up(results, pointer)
        assert float(attributes["value"]) == exact
        assert shown in {rounded(exact, places, sign=sign) for places in (0, 2, 3) for sign in (False, True)}
    pointers = {attributes["data-from"] for attributes, _ in sourced}
    for term in ("test_error", "underfit", "probe_gap", "encoder_gap"):
        assert f"diagnostics.json#/diagnostics/risk/rows/0/{term}/low" in pointers


def test_each_diagnostic_has_its_section_its_reading_and_a_link(diagnosed: Path, page: str) -> None:
    results, read = json.loads((diagnosed / "diagnostics.json").read_text()), Reader(page)
    ids = {attributes["id"] for _, attributes in read.elements if "id" in attributes}
    links = {attributes["href"] for name, attributes in read.elements if name == "a"}
    assert links == {f"#{anchor}" for anchor, _, _ in PARTS.values()}
    for name, (anchor, _, _) in PARTS.items():
        assert anchor in ids
        found = results["diagnostics"][name]
        assert re.sub(r"\s+", " ", found["reading"]) in read.words
        assert found["title"] in read.words
        assert all(note in read.words for note in found["notes"])
    assert "so nothing may be picked here" in read.words
    assert "labels in few groups are left out: k9" in read.words
    assert "96 examples of 3 labels, split folds, 16 sites that intervals resample." in read.words


def test_the_page_needs_nothing_else_and_no_name_is_markup(page: str) -> None:
    read = Reader(page)
    assert "site &lt;b&gt;" in page
    assert "<b>: " not in page
    assert not [name for name, _ in read.elements if name in {"script", "link", "iframe", "img"}]
    drawings = [attributes for name, attributes in read.elements if name == "svg" and "aria-hidden" not in attributes]
    assert [drawing["aria-label"] for drawing in drawings] == [
        "Bits per example against examples seen; the totals are in the table below."
    ]


def test_some_diagnostics_alone_are_a_page_too(diagnosed: Path, tmp_path: Path) -> None:
    results = json.loads((diagnosed / "diagnostics.json").read_text())
    results["diagnostics"] = {"leakage": {**results["diagnostics"]["leakage"], "rows": [], "orders": []}}
    (tmp_path / "diagnostics.json").write_text(json.dumps(results))
    found = find_diagnosis(tmp_path)
    assert found is not None
    read = Reader(document(title(found), body(found)))
    assert "Session and site in the features" in read.words
    assert "Where the error comes from" not in read.words
