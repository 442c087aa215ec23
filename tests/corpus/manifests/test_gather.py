"""Manifests meet recordings: each entry finds its files, nothing is guessed, nothing lost without a word."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from tymbal.corpus.manifests.gather import Gathered, gather


def xeno(path: Path, *rows: dict[str, object]) -> Path:
    full = [{"gen": "Turdus", "sp": "merula", "also": [], **row} for row in rows]
    path.write_text(json.dumps({"recordings": full}))
    return path


def found(manifest: Path, **durations_s: float) -> Gathered:
    names = {name.replace("__", "/").replace("_wav", ".wav"): seconds for name, seconds in durations_s.items()}
    table = pl.DataFrame({"recording": list(names), "duration_s": list(names.values())})
    return gather([manifest], table)


def test_files_by_path_by_name_and_by_number(tmp_path: Path) -> None:
    manifest = xeno(
        tmp_path / "xc.json",
        {"id": "10", "file-name": "XC10-Amsel.mp3"},
        {"id": "11", "file-name": "XC11.mp3", "also": ["Parus major"]},
        {"id": "12", "file-name": "a/XC12.mp3"},
        {"id": "13"},
        {"id": "14"},
    )
    names = ["b/XC10-Amsel.wav", "11.wav", "a/XC12.wav", "b/XC12.wav", "x/XC13-cut.wav", "other.wav"]
    result = gather([manifest], pl.DataFrame({"recording": names, "duration_s": [1.0] * 6}))
    table = result.metadata[0][1]
    told = dict(zip(table["recording"], table["source_id"], strict=True))
    assert told == {"b/XC10-Amsel.wav": "XC10", "11.wav": "XC11", "a/XC12.wav": "XC12", "x/XC13-cut.wav": "XC13"}
    events = result.events[0].select("recording", "label", "role", "onset_s", "source").rows()
    assert ("11.wav", "Parus major", "background", None, "xc.json") in events
    assert len(events) == 5
    assert result.absent[0].rows() == [("xc.json", "14", "XC14", "Turdus merula")]
    assert result.counts == [("xc.json", "xeno-canto", 4, 5)]
    codes = {fault.code: fault.message for _, fault in result.faults}
    assert codes["not_on_disk"] == "xc.json: 1 of 5 entries have no recording here: XC14"
    assert codes["not_in_manifest"].startswith("xc.json: 2 recordings are not in the manifest: b/XC12.wav, other.wav")


def test_what_is_in_none_of_several_manifests_is_told_once(tmp_path: Path) -> None:
    first, second = xeno(tmp_path / "a.json", {"id": "1"}), xeno(tmp_path / "b.json", {"id": "2"})
    both = pl.DataFrame({"recording": ["XC1.wav", "XC2.wav"], "duration_s": [1.0] * 2})
    assert gather([first, second], both).faults == []
    more = pl.concat([both, pl.DataFrame({"recording": ["x.wav"], "duration_s": [1.0]})])
    ((source, fault),) = gather([first, second], more).faults
    assert (source, fault.code) == ("a.json", "not_in_manifest")
    assert fault.message == "a.json: 1 recording is not in this manifest or the 1 other: x.wav"


def test_rows_of_one_number_with_two_species_are_told(tmp_path: Path) -> None:
    manifest = xeno(tmp_path / "xc.json", {"id": "1"}, {"id": "1", "sp": "pilaris"}, {"id": "2"}, {"id": "2"})
    result = found(manifest, XC1_wav=1.0, XC2_wav=1.0)
    assert set(result.events[0]["label"]) == {"Turdus merula", "Turdus pilaris"}
    ((_, fault),) = result.faults
    assert fault.code == "several_species"
    assert "1 entry (XC1.wav: Turdus merula, Turdus pilaris)" in fault.message


def test_an_entry_that_is_none_stops_no_manifest(tmp_path: Path) -> None:
    manifest = tmp_path / "xc.json"
    good = {"gen": "Turdus", "sp": "merula", "also": []}
    manifest.write_text(json.dumps({"recordings": [None, {"id": "1", **good}, 3, {"id": "2", **good}]}))
    result = found(manifest, XC1_wav=1.0, XC2_wav=1.0)
    assert result.counts == [("xc.json", "xeno-canto", 2, 2)]
    ((_, fault),) = result.faults
    assert fault.message == "xc.json: 2 entries (null, 3): stands where a recording should be; left out"
    table = tmp_path / "xc.csv"
    table.write_text("id,gen,sp\n1,Turdus,merula\n2,Turdus,merula,much,more\n3,Turdus,merula\n")
    result = found(table, XC1_wav=1.0, XC3_wav=1.0)
    assert result.counts == [("xc.csv", "xeno-canto", 2, 2)]
    ((_, fault),) = result.faults
    assert fault.code == "long_row"
    assert "1 entry (row 3): more cells than the header; left out" in fault.message


def test_what_two_manifests_say_is_said_once(tmp_path: Path) -> None:
    first = xeno(tmp_path / "a.json", {"id": "1"}, {"id": "2"})
    second = xeno(tmp_path / "b.json", {"id": "2", "also": ["Parus major"]}, {"id": "3"})
    table = pl.DataFrame({"recording": ["XC1.wav", "XC2.wav", "XC3.wav"], "duration_s": [1.0] * 3})
    events = pl.concat(gather([first, second], table).events).select("recording", "label").rows()
    assert events == [
        ("XC1.wav", "Turdus merula"),
        ("XC2.wav", "Turdus merula"),
        ("XC2.wav", "Parus major"),
        ("XC3.wav", "Turdus merula"),
    ]


def test_a_recording_that_several_entries_claim_gets_nothing(tmp_path: Path) -> None:
    manifest = xeno(tmp_path / "xc.json", {"id": "1", "file-name": "take.mp3"}, {"id": "2", "file-name": "take.mp3"})
    result = found(manifest, take_wav=1.0)
    assert result.metadata == []
    assert result.events == []
    assert "several_entries" in {fault.code for _, fault in result.faults}


def test_a_files_name_is_surer_than_a_number(tmp_path: Path) -> None:
    table = tmp_path / "inat.csv"
    table.write_text(
        "id,quality_grade,scientific_name,sound_url\n"
        "77,research,Parus major,https://s/sounds/5.wav\n"
        "5,research,Turdus merula,https://s/sounds/9.wav\n"
    )
    result = gather([table], pl.DataFrame({"recording": ["5.wav"], "duration_s": [1.0]}))
    assert result.events[0]["label"].to_list() == ["Parus major"]  # the sound 5, not the observation 5


def test_several_sounds_of_one_observation_and_one_label_each(tmp_path: Path) -> None:
    table = tmp_path / "inat.csv"
    rows = "".join(f"101,research,Parus major,https://s/sounds/{sound}.m4a\n" for sound in (7, 8))
    table.write_text("id,quality_grade,scientific_name,sound_url\n" + rows)
    by_sound = gather([table], pl.DataFrame({"recording": ["7.wav", "8.wav"], "duration_s": [1.0, 1.0]}))
    by_observation = gather([table], pl.DataFrame({"recording": ["101_1.wav", "101_2.wav"], "duration_s": [1.0, 1.0]}))
    for result in (by_sound, by_observation):
        assert result.events[0].height == 2
        assert result.counts[0][2:] == (2, 2)


@pytest.mark.parametrize(("seconds", "times"), [(10.0, (None, None)), (10.9, (None, None)), (300.0, (30.0, 40.0))])
def test_labels_of_a_segment_hold_there_in_the_whole_video(
    seconds: float, times: tuple[float | None, float | None], tmp_path: Path
) -> None:
    table = tmp_path / "eval_segments.csv"
    table.write_text(
        '# YTID, start_seconds, end_seconds, positive_labels\nAbc, 30.0, 40.0, "/m/1"\nabc, 0, 10, "/m/2"\n'
    )
    result = gather([table], pl.DataFrame({"recording": ["Abc.wav"], "duration_s": [seconds]}))
    (event,) = result.events[0].rows(named=True)
    assert (event["label"], event["onset_s"], event["offset_s"]) == ("/m/1", *times)  # ids differ in case


def test_strong_labels_of_one_segment_come_together(tmp_path: Path) -> None:
    table = tmp_path / "strong.tsv"
    table.write_text(
        "segment_id\tstart_time_seconds\tend_time_seconds\tlabel\nabc_30000\t1\t2\t/m/1\nabc_30000\t3\t4\t/m/1\n"
    )
    clip = gather([table], pl.DataFrame({"recording": ["abc_30000.wav"], "duration_s": [10.0]}))
    assert clip.events[0].select("onset_s", "offset_s").rows() == [(1.0, 2.0), (3.0, 4.0)]
    whole = gather([table], pl.DataFrame({"recording": ["abc.wav"], "duration_s": [90.0]}))
    assert whole.events[0]["onset_s"].to_list() == [31.0, 33.0]


@pytest.mark.parametrize(("stated", "faulty"), [("1:05", False), ("1:10", True), (None, False)])
def test_another_length_than_the_file_has_is_said(stated: str | None, faulty: bool, tmp_path: Path) -> None:
    manifest = xeno(tmp_path / "xc.json", {"id": "1", "length": stated})
    result = found(manifest, XC1_wav=64.2)
    assert ("length_disagrees" in {fault.code for _, fault in result.faults}) is faulty
