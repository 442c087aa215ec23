from __future__ import annotations

from tymbal.corpus.auditing.findings import Finding, count, listed, ordered


def test_errors_come_first() -> None:
    found = [
        Finding("b", "note", "x"),
        Finding("c", "warning", "y"),
        Finding("z", "error", "z"),
        Finding("a", "note", "x"),
    ]
    assert [each.code for each in ordered(found)] == ["z", "c", "a", "b"]


def test_words() -> None:
    assert listed([]) == ""
    assert listed(["a"]) == "a"
    assert listed(["a", "b"]) == "a and b"
    assert listed(range(9), limit=2) == "0, 1 and 7 more"
    assert (count(1, "pair"), count(2, "pair"), count(1, "label", of=3)) == ("1 pair", "2 pairs", "1 of 3 labels")
