from __future__ import annotations

import pytest

from tymbal.annotations.text import decode, is_text
from tymbal.errors import AnnotationError

TEXT = "Selection\tAnnotation\n1\tMésange\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_unicode_is_read_without_a_fault(encoding: str) -> None:
    text, form, faults = decode(TEXT.encode(encoding), "t.txt")
    assert (text, faults) == (TEXT, ())
    assert form.mark == (encoding != "utf-8")
    assert form.newline == "\n"


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16_without_a_mark_is_recognised_and_reported(encoding: str) -> None:
    text, form, faults = decode(TEXT.encode(encoding), "t.txt")
    assert text == TEXT
    assert form.encoding == encoding
    assert [fault.code for fault in faults] == ["encoding"]


@pytest.mark.parametrize(("data", "encoding"), [("é€".encode("cp1252"), "cp1252"), (b"\xe9\x81", "latin-1")])
def test_western_letters_are_read_with_a_fault(data: bytes, encoding: str) -> None:
    text, form, faults = decode(data, "t.txt")
    assert text == data.decode(encoding)
    assert form.encoding == encoding
    assert "check letters" in faults[0].message


@pytest.mark.parametrize(("newline", "name"), [("\r\n", "\r\n"), ("\r", "\r"), ("\n", "\n")])
def test_line_ends_become_newlines(newline: str, name: str) -> None:
    text, form, _ = decode(TEXT.replace("\n", newline).encode(), "t.txt")
    assert text == TEXT
    assert form.newline == name


def test_mixed_line_ends_are_said_so() -> None:
    text, form, _ = decode(b"a\r\nb\nc\rd", "t.txt")
    assert text == "a\nb\nc\nd"
    assert form.newline == "mixed"


def test_sound_is_no_text() -> None:
    data = b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0"
    assert not is_text(data)
    with pytest.raises(AnnotationError, match="not a text file"):
        decode(data, "rec.wav")


def test_half_a_utf16_character_is_an_error_that_says_where() -> None:
    with pytest.raises(AnnotationError, match="damaged utf-16 text at byte"):
        decode(TEXT.encode("utf-16")[:-1], "t.txt")
