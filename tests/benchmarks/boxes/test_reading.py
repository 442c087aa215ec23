"""Every layout that the sets have had is read: paths of other machines, index columns, numbers for names."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.benchmarks.boxes import replicas

from tymbal.benchmarks import verify
from tymbal.benchmarks.boxes.layout import BoxContents, BoxSet
from tymbal.benchmarks.boxes.reading import locate
from tymbal.benchmarks.dataset import FOLDS


def contents(data: Path, described: BoxSet) -> BoxContents:
    found = verify(data, described)
    assert isinstance(found.contents, BoxContents), found.departures
    return found.contents


@pytest.mark.parametrize("name", replicas.NAMES)
def test_a_whole_copy_is_as_published(name: str, tmp_path: Path) -> None:
    written = replicas.make(tmp_path, name)
    found = verify(tmp_path, written.described)
    loud = [each.message for each in found.departures if each.severity != "note"]
    assert loud == (["HawB: " + _DROPPED] if name == "HawB" else [])
    assert found.ready
    assert found.counts == written.described.events
    here = contents(tmp_path, written.described)
    assert len(here.labels) == written.described.classes
    assert here.files["fold"].unique(maintain_order=True).to_list() == list(FOLDS)
    assert (here.events["offset_s"] > here.events["onset_s"]).all()
    assert set(here.events["recording"]) <= set(here.files["recording"])


_DROPPED = "6 events with labels that the mapping lacks were dropped, as Voxaboxen does: yefcan (6)"


def test_unknown_events_are_kept_and_not_counted_as_a_class(tmp_path: Path) -> None:
    written = replicas.make(tmp_path, "Pow")
    here = contents(tmp_path, written.described)
    assert "Unknown" not in here.labels
    assert (here.events["label"] == "Unknown").sum() > 0
    assert here.events.height == here.examples.height + (here.events["label"] == "Unknown").sum()


def test_names_and_bounds_as_they_come(tmp_path: Path) -> None:
    here = contents(tmp_path, replicas.make(tmp_path, "MT").described)
    assert here.files["fn"].to_list()[:2] == ["0", "1"]  # the tool itself crashes on these
    assert here.events["low_hz"].null_count() == here.events.height
    here = contents(tmp_path, replicas.make(tmp_path, "Pow").described)
    assert here.files["fn"][0] == "train0"
    assert here.events["low_hz"].null_count() == 0


def test_a_recording_without_events_stays(tmp_path: Path) -> None:
    written = replicas.make(tmp_path, "HbW")
    table = written.table("train")
    table.write_text(table.read_text().splitlines()[0] + "\n")
    here = contents(tmp_path, written.described)
    assert here.files.height == 7
    assert here.events["recording"].n_unique() == 6


@pytest.mark.parametrize(
    "text", ["audio/a b.wav", "datasets/X/audio/a b.wav", "D:\\x\\audio\\a b.wav", "/abs/audio/a b.wav", "a b.wav"]
)
def test_a_path_is_found_by_its_ending(text: str, tmp_path: Path) -> None:
    place = tmp_path / ("a b.wav" if "audio" not in text else "audio/a b.wav")
    place.parent.mkdir(exist_ok=True)
    place.touch()
    assert locate([tmp_path / "nowhere", tmp_path], text) == place
    assert locate([tmp_path], "b.wav") is None
    assert locate([tmp_path], "../" + tmp_path.name + "/nothing.wav") is None


def test_recordings_may_lie_beside_the_formatted_lists(tmp_path: Path) -> None:
    written = replicas.make(tmp_path, "AnSet")
    beside = written.folder.parent / "raw_data"
    (written.folder / "audio").rename(beside)
    for fold, rows in written.rows.items():
        moved = [row | {"audio_fp": f"/home/x/Anuraset/raw_data/{Path(row['audio_fp']).name}"} for row in rows]
        replicas.write_list(written.folder / f"{replicas.LISTS[fold]}_info.csv", moved, replicas.SIZES["AnSet"])
    here = contents(tmp_path, written.described)
    assert here.root == written.folder.parent
    assert here.files["recording"][0] == "raw_data/train0.wav"
    assert verify(tmp_path, written.described).official


def test_a_recording_without_a_table_is_left_out_and_named(tmp_path: Path) -> None:
    written = replicas.make(tmp_path, "OZF")
    rows = written.rows[FOLDS[0]]
    rows[1]["selection_table_fp"] = "None"  # so their tool writes it
    replicas.write_list(written.folder / "train_info.csv", rows, replicas.SIZES["OZF"])
    here = contents(tmp_path, written.described)
    assert [fault.message for fault in here.faults] == ["train_info.csv, row 3: no table is named"]
    assert here.files.height == 7
