"""The page of what was found."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.fewshot.conftest import chirps, prompt_of  # noqa: F401 - fixture

from tymbal.fewshot import Finder
from tymbal.jobs import Failure
from tymbal.report.found import FoundPage, write_found


def test_the_page_has_a_box_for_each_event_and_names_what_failed(chirps: Path, tmp_path: Path) -> None:  # noqa: F811
    pytest.importorskip("matplotlib")
    prompt = prompt_of(chirps)
    finder = Finder.fit(prompt)
    events = finder.predict(chirps)
    page = FoundPage(
        events, [finder], [prompt], {str(chirps): str(chirps)}, [Failure("x.wav", "AudioError", "bad")], 20
    )
    write_found(page, tmp_path / "a.html")
    write_found(page, tmp_path / "b.html")
    text = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert (tmp_path / "b.html").read_text(encoding="utf-8") == text
    assert text.count('class="box found"') >= events.height
    assert text.count('class="box example"') >= len(prompt.shots)
    assert "x.wav" in text
    assert "no probability" in text
    assert f"{events.height} events found, 5 of them where examples are." in text
    assert text.count(", where an example is<") == 5, "each of the found ones has a card"
    heights = [float(each) for each in re.findall(r'height="([0-9.]+)"[^>]*class="box found"', text)]
    assert 0 < max(heights) < 60, "a box is as high as the band that was looked at: 2 to 3 kHz of 8, the picture is 150"
