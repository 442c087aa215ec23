"""Small readings that the archives share."""

from __future__ import annotations

import pytest

from tymbal.corpus.manifests.base import Notes, day_of, file_of, licence_of, moment_of, number_of, seconds_of, text_of


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("1:05", 65.0), ("0:09", 9.0), ("1:02:15", 3735.0), ("8.5", 8.5), ("", None), ("?", None), ("0:00", None)],
)
def test_lengths(text: str, wanted: float | None) -> None:
    assert seconds_of(text) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("//creativecommons.org/licenses/by-nc-nd/4.0/", "CC-BY-NC-ND-4.0"),
        ("https://creativecommons.org/publicdomain/zero/1.0/legalcode", "CC0-1.0"),
        ("http://creativecommons.org/publicdomain/mark/1.0/", "CC-PDM-1.0"),
        ("cc-by-nc", "CC-BY-NC"),
        ("CC BY-NC-SA 4.0", "CC-BY-NC-SA-4.0"),
        ("CC0", "CC0"),
        ("ask me", "ask me"),
        (None, None),
    ],
)
def test_licences(text: str | None, wanted: str | None) -> None:
    assert licence_of(text) == wanted


@pytest.mark.parametrize(
    ("day", "clock", "wanted"),
    [
        ("2016-04-23", "07:14", "2016-04-23T07:14:00"),
        ("2016-04-23", "7:14", "2016-04-23T07:14:00"),
        ("2024-01-15 14:30:00 UTC", None, "2024-01-15T14:30:00+00:00"),
        ("2024-01-15 14:30:00 +0100", None, "2024-01-15T14:30:00+01:00"),
        ("2024-01-15T14:30:00Z", None, "2024-01-15T14:30:00+00:00"),
        ("2024-01-15", None, None),
        ("2024-13-15", "07:14", None),
        ("2024-01-15", "early", None),
        (None, "07:14", None),
    ],
)
def test_moments(day: str | None, clock: str | None, wanted: str | None) -> None:
    assert moment_of(day, clock) == wanted


def test_numbers_days_names_and_cells() -> None:
    assert number_of("-19.2797", -90, 90) == "-19.2797"
    assert number_of("190", -90, 90) is None
    assert number_of("nan", -90, 90) is None
    assert day_of("2005-00-00") is None
    assert day_of("2005-02-03T10:00") == "2005-02-03"
    assert file_of("https://x/sounds/55.m4a?123#t") == "55.m4a"
    assert file_of(None) is None
    assert text_of({"q": "no score", "r": " B "}, "q", "r") == "B"
    assert text_of({"q": ["a"]}, "q") is None


def test_notes_count_and_name_the_first() -> None:
    notes = Notes()
    for number in range(8):
        notes.note("odd", str(number), "what it means")
    (source, fault) = notes.faults("m.csv")[0]
    assert (source, fault.code) == ("m.csv", "odd")
    assert fault.message == "m.csv: 8 entries (0, 1, 2, 3, 4 and 3 more): what it means"
