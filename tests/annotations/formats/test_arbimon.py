from __future__ import annotations

from pathlib import Path

from tests.annotations.formats.helpers import put

from tymbal.annotations import read_events

TEXT = """id,recording,site,year,species,songtype,x1,x2,y1,y2,frequency,validated,url,score
1,R1.WAV,Bio_3,2024,Amazona albifrons,Simple Call,9.5,11.0,1031.25,23062.5,24000,present,u,0.5
2,R1.WAV,Bio_3,2024,Amazona albifrons,Simple Call,1.5,2.5,1031.25,23062.5,24000,not present,u,0.2
3,R2.WAV,Bio_3,2024,Amazona albifrons,Simple Call,4.0,5.5,1031.25,23062.5,24000,(not validated),u,0.3
"""


def test_boxes_verdicts_and_coverage(tmp_path: Path) -> None:
    read = read_events(put(tmp_path, TEXT))
    assert read.format == "arbimon"
    columns = ["recording", "onset_s", "offset_s", "low_hz", "high_hz", "label", "score", "certainty", "songtype"]
    assert read.events.select(columns).rows() == [
        ("R1.WAV", 9.5, 11.0, 1031.25, 23062.5, "Amazona albifrons", 0.5, "present", "Simple Call"),
        ("R2.WAV", 4.0, 5.5, 1031.25, 23062.5, "Amazona albifrons", 0.3, "(not validated)", "Simple Call"),
    ]
    assert read.coverage.select("recording", "start_s", "end_s", "labels").rows() == [
        ("R1.WAV", 9.5, 11.0, ["Amazona albifrons"]),
        ("R1.WAV", 1.5, 2.5, ["Amazona albifrons"]),
    ]
    assert [fault.code for fault in read.faults] == ["not_present"]


def test_the_song_type_can_be_the_label(tmp_path: Path) -> None:
    read = read_events(put(tmp_path, TEXT), label_column="songtype")
    assert set(read.events["label"]) == {"Simple Call"}
    assert set(read.events["species"]) == {"Amazona albifrons"}
