from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from tymbal.corpus.auditing.copies import duplicate_findings
from tymbal.corpus.auditing.duplicates import Duplicate

PAIRS = [
    Duplicate("a", "b", "file", 0.0, 1.0, 1.0),
    Duplicate("c", "d", "sound", 0.5, 2.0, 0.9),
    Duplicate("c", "e", "sound", 0.5, 2.0, 0.9),
]
VIEW: Any = SimpleNamespace(recordings=list("abcde"), label=["x", "x", "x", "y", None])


def test_duplicates_alone_are_warnings() -> None:
    found = duplicate_findings(PAIRS, None, None, None)
    assert [(each.code, each.severity) for each in found] == [
        ("identical_files", "warning"),
        ("near_duplicates", "warning"),
    ]
    assert "1 pair of recordings with the same bytes: a = b" in found[0].message
    assert len(found[1].details["pairs"]) == 2
    assert duplicate_findings([], None, None, None) == []


def test_other_labels_and_other_folds_make_errors() -> None:
    found = duplicate_findings(PAIRS, VIEW, {"a": "0", "b": "0", "c": "0", "d": "1", "e": "1"}, "s")
    errors = {each.code: each for each in found if each.severity == "error"}
    assert set(errors) == {"near_duplicates_labels_differ", "near_duplicates_across_folds"}
    assert len(errors["near_duplicates_labels_differ"].details["pairs"]) == 1
    assert len(errors["near_duplicates_across_folds"].details["pairs"]) == 2
