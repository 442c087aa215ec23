from __future__ import annotations

from pathlib import Path

from tests.annotations.formats.helpers import put

from tymbal.annotations import read_events


def test_its_columns(tmp_path: Path) -> None:
    text = "audiofilename,start,end,label:species,label:call\nr.wav,0,5,sp_A,song\n"
    read = read_events(put(tmp_path, text))
    assert read.format == "bacpipe"
    row = read.events.select("recording", "onset_s", "offset_s", "label", "label:call").row(0)
    assert row == ("r.wav", 0.0, 5.0, "sp_A", "song")
    other = read_events(tmp_path / "t.csv", label_column="label:call")
    assert other.events.select("label", "label:species").row(0) == ("song", "sp_A")
