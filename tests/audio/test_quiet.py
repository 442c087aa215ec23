"""What C libraries print is caught; what others print is not."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tymbal.audio.quiet import complaints

Odd = Callable[[str], Path]


def test_complaints_are_caught_and_other_words_pass(capfd: pytest.CaptureFixture[str]) -> None:
    with complaints() as heard:
        os.write(2, b"[src/libmpg123/layer3.c:1] error: bad\nsomeone else speaks\nWarning: Xing\n")
    assert heard.errors == 1
    assert capfd.readouterr().err == "someone else speaks\n"
