"""What departs from the published sets is caught: every planted fault, and nothing in a whole copy."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tests.benchmarks.boxes import replicas
from tests.benchmarks.boxes.replicas import Written

from tymbal.benchmarks import verify
from tymbal.benchmarks.boxes.layout import BoxContents
from tymbal.benchmarks.dataset import TEST, TRAIN, VALIDATION


def codes(data: Path, written: Written) -> dict[str, str]:
    """Departures that are no notes: code and message."""
    return {each.code: each.message for each in verify(data, written.described).departures if each.severity != "note"}


def wrong_count(written: Written) -> None:
    table = written.table(TEST)
    table.write_text("\n".join(table.read_text().splitlines()[:-2]) + "\n")


def truncated_table(written: Written) -> None:
    table = written.table(TRAIN, 1)
    text = table.read_text()
    table.write_text(text[: text.rindex("\t", 0, text.rindex("\t"))])  # in the middle of the last row


def missing_audio(written: Written) -> None:
    written.audio(TRAIN, 1).unlink()


def missing_table(written: Written) -> None:
    written.table(TRAIN, 1).unlink()


def broken_audio(written: Written) -> None:
    written.audio(VALIDATION, 1).write_bytes(b"RIFFnothing")


def in_two_lists(written: Written) -> None:
    rows = [*written.rows[TRAIN], written.rows[TEST][0]]
    replicas.write_list(written.folder / "train_info.csv", rows, replicas.SIZES["OZF"])


def under_two_names(written: Written) -> None:
    shutil.copy(written.audio(TEST), written.audio(TRAIN, 2))


def foreign_label(written: Written) -> None:
    table = written.table(TEST)
    table.write_text(table.read_text().replace("\tcall\n", "\tcar\n", 1))


def other_hours(written: Written) -> None:
    soundfile.write(written.audio(TEST), np.zeros(replicas.RATE * 2), replicas.RATE)


def slowed_sound(written: Written) -> None:
    """Recordings slowed, tables native: what a half-run of their script leaves."""
    for path in (written.folder / "audio").iterdir():
        samples, rate = soundfile.read(path)
        soundfile.write(path, samples, rate // 2)


def slowed_too_much(written: Written) -> None:
    for path in (written.folder / "audio").iterdir():
        samples, rate = soundfile.read(path)
        soundfile.write(path, samples, rate // 5)


PLANTED: dict[str, tuple[Callable[[Written], None], set[str], str]] = {
    "wrong count": (wrong_count, {"events"}, "22 events of known class"),
    "truncated table": (truncated_table, {"events", "dropped_label"}, "47/24/24 events of known class"),
    "missing recording": (missing_audio, {"no_recording", "files", "hours", "events"}, "audio/train1.wav"),
    "missing table": (missing_table, {"left_out", "files", "hours", "events"}, "its table"),
    "broken recording": (broken_audio, {"left_out", "files", "hours", "events"}, "audio/val1.wav is left out"),
    "leaked recording": (in_two_lists, {"leak"}, "audio/test0.wav is in the list of test too"),
    "leaked under another name": (under_two_names, {"leak"}, "audio/test0.wav = audio/train2.wav"),
    "unknown label": (foreign_label, {"classes"}, "2 labels, 1 were published"),
    "other hours": (other_hours, {"hours", "late"}, "events of 1 recording lie after the end: audio/test0.wav"),
    "slowed sound, native tables": (slowed_sound, {"clock"}, "recordings are slowed 2 times, the tables are native"),
    "slowed wrongly": (slowed_too_much, {"length", "hours"}, "recordings last 5 times"),
}


def test_a_whole_copy_departs_in_nothing(tmp_path: Path) -> None:
    assert codes(tmp_path, replicas.make(tmp_path, "OZF")) == {}


@pytest.mark.parametrize("planted", PLANTED)
def test_every_planted_fault_is_caught(planted: str, tmp_path: Path) -> None:
    plant, wanted, told = PLANTED[planted]
    written = replicas.make(tmp_path, "OZF")
    plant(written)
    found = codes(tmp_path, written)
    assert wanted <= set(found), found
    assert any(told in message for message in found.values()), found
    assert not verify(tmp_path, written.described).official
    assert verify(tmp_path, written.described).ready  # it can be run, with a star


def test_a_leaked_recording_is_judged_and_never_trained_on(tmp_path: Path) -> None:
    written = replicas.make(tmp_path, "OZF")
    in_two_lists(written)
    contents = verify(tmp_path, written.described).contents
    assert isinstance(contents, BoxContents)
    folds = dict(contents.files.select("recording", "fold").iter_rows())
    assert folds["audio/test0.wav"] == TEST


def test_without_validation_there_is_nothing_to_choose_by(tmp_path: Path) -> None:
    written = replicas.make(tmp_path, "OZF")
    for number in range(2):
        table = written.table(VALIDATION, number)
        table.write_text(table.read_text().splitlines()[0] + "\n")
    assert not verify(tmp_path, written.described).ready


def test_slowed_copies_are_known_by_their_lengths(tmp_path: Path) -> None:
    written = replicas.make(tmp_path, "OZF", slow=2)
    found = verify(tmp_path, written.described)
    (note,) = found.departures
    assert (note.severity, note.code) == ("note", "slowed")
    assert "slowed 2 times" in note.message
    assert found.official
    plain = replace(written.described, slowed=1)  # a set that nobody slows
    assert {each.code for each in verify(tmp_path, plain).departures} == {"length", "hours"}
