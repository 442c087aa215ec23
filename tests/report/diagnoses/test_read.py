from __future__ import annotations

import json
from pathlib import Path

import pytest

from tymbal.errors import DataError
from tymbal.report.diagnoses.read import find_diagnosis, source


def test_a_folder_without_one_has_none(tmp_path: Path) -> None:
    assert find_diagnosis(tmp_path) is None


@pytest.mark.parametrize(("text", "words"), [("{", "not valid JSON"), ("[]", "lacks 'task'")])
def test_a_damaged_one_is_refused_by_name(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "diagnostics.json").write_text(text)
    with pytest.raises(DataError, match=words) as caught:
        find_diagnosis(tmp_path)
    assert "diagnostics.json" in str(caught.value)
    assert "tymbal diagnose" in str(caught.value)


def test_they_come_in_the_order_they_were_asked_for(diagnosed: Path, tmp_path: Path) -> None:
    results = json.loads((diagnosed / "diagnostics.json").read_text())
    results["config"]["diagnostics"] = ["calibration", "risk", "one that a later version makes"]
    (tmp_path / "diagnostics.json").write_text(json.dumps(results))
    found = find_diagnosis(tmp_path)
    assert found is not None
    assert found.names == ["calibration", "risk"]


def test_sources_are_pointers_into_the_file() -> None:
    assert source("risk", "rows", 0, "a/b") == "diagnostics.json#/diagnostics/risk/rows/0/a~1b"
