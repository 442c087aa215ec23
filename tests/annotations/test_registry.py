from __future__ import annotations

from pathlib import Path

import pytest

from tymbal.annotations import FORMATS, make_events, read_events, write_events
from tymbal.annotations.registry import find_format, sniff_format
from tymbal.annotations.source import Source
from tymbal.errors import AnnotationError, UsageError

WRITTEN = sorted(name for name, form in FORMATS.items() if form.write is not None)


def test_formats_are_listed_by_their_name_with_an_ending_and_a_line_for_people() -> None:
    assert {"raven", "audacity", "csv", "birdnet", "opensoundscape", "bacpipe", "kaleidoscope"} <= set(FORMATS)
    assert {"arbimon", "dcase", "voxaboxen", "textgrid", "notmat", "birdsong-xml", "aoef"} <= set(FORMATS)
    for name, form in FORMATS.items():
        assert form.name == name
        assert form.what
        assert all(ending.startswith(".") for ending in form.extensions)


@pytest.mark.parametrize("name", WRITTEN)
def test_what_is_written_is_recognised_again(tmp_path: Path, name: str) -> None:
    events = make_events({"recording": ["r"], "onset_s": [1.0], "offset_s": [2.0], "label": ["x"], "score": [0.5]})
    path = tmp_path / f"r{FORMATS[name].extensions[0]}"
    if name == "coverage":
        write_events(make_events({}), path, format=name)
        assert read_events(path).format == name
        return
    write_events(events, path, format=name)
    read = read_events(path)
    assert read.format == name
    held = ["recording", "onset_s", "offset_s"]
    assert read.events.select(held).equals(events.select(held))
    assert not list(tmp_path.glob("*tymbal-tmp*"))


@pytest.mark.parametrize("name", WRITTEN)
def test_nothing_can_be_written_and_read_again(tmp_path: Path, name: str) -> None:
    path = tmp_path / "empty.txt"
    write_events(make_events({}), path, format=name)
    assert read_events(path, format=name).events.height == 0


def test_an_unknown_name_lists_the_known() -> None:
    with pytest.raises(UsageError, match=r"'ravn'.*raven, audacity, csv"):
        find_format("ravn")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", r"empty \(0 bytes\)"),
        (b"\n \n", "only blank lines"),
        (b"RIFF\0\0\0\0WAVE", "not a text file"),
        (b"1\tSpectrogram 1\t1\t1.0\t2.0\n", "no header line"),
        (b"some,other,words\n1,2,3\n", "no known format has the columns 'some', 'other', 'words'"),
    ],
)
def test_what_no_format_is_sure_of_is_refused_with_a_mend(data: bytes, said: str) -> None:
    with pytest.raises(AnnotationError, match=said) as caught:
        sniff_format(Source(Path("d/x.txt"), data))
    assert "x.txt" in str(caught.value)
    assert caught.value.mend
