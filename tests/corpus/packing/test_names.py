from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from tymbal.corpus.packing.names import portable_names

PARTS = st.text(alphabet='aAbB.:?*" \u00e9', min_size=1, max_size=4).filter(lambda part: part not in (".", ".."))


def test_plain_names_stay() -> None:
    names = ["a/one.wav", "b/one.wav", "zwei.FLAC"]
    assert portable_names([(name, None) for name in names]) == {name: name for name in names}


def test_what_another_system_would_lose_gets_a_name_of_its_own() -> None:
    found = portable_names([("A.wav", None), ("a.wav", None), ("a.WAV", ".flac"), ("a.flac", None), ("con.wav", None)])
    assert list(found.values()) == ["A.wav", "a-2.wav", "a.flac", "a-2.flac", "_con.wav"]
    assert portable_names([("12:30?.wav", None), ("no suffix", ".flac")]) == {
        "12:30?.wav": "12_30_.wav",
        "no suffix": "no suffix.flac",
    }


@given(st.lists(st.lists(PARTS, min_size=1, max_size=3).map("/".join), unique=True, max_size=12), st.booleans())
def test_no_two_names_hide_each_other(names: list[str], coded: bool) -> None:
    found = portable_names([(name, ".flac" if coded else None) for name in names])
    assert list(found) == names
    keys = {unicodedata.normalize("NFC", name).casefold() for name in found.values()}
    assert len(keys) == len(names)
    for name in found.values():
        assert not set(name) & set('<>:"|?*\\')
        assert all(part and part == part.rstrip(". ") for part in name.split("/"))
