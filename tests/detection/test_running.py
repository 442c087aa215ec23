"""Running over recordings: the store's numbers, seams, stops, broken files."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import soundfile
from tests.detection.conftest import RATE, Bursts, burst_sound

from tymbal.annotations import read_events
from tymbal.detection import Detector, detect_sound, inference, run_detector
from tymbal.errors import DataError, InputPathError, NothingDoneError, SettingsError
from tymbal.jobs import SerialExecutor


def test_sound_gives_what_the_store_gives(fitted: Detector, bursts: Bursts, tmp_path: Path) -> None:
    stored = fitted.predict(bursts.store)
    found = run_detector(fitted, bursts.encoder, bursts.folder, tmp_path / "out")
    assert found.events.equals(stored)
    assert found.recordings == 5
    assert pl.read_parquet(tmp_path / "out" / "detections.parquet").equals(stored)
    assert pl.read_csv(tmp_path / "out" / "detections.csv").height == stored.height


def test_raven_tables_are_complete_and_read_back(fitted: Detector, bursts: Bursts, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "quiet.wav", np.zeros(RATE, dtype=np.float32), RATE)
    shutil.copy(bursts.folder / "0.wav", tmp_path / "0.wav")
    found = run_detector(fitted, bursts.encoder, tmp_path, tmp_path / "out")
    table = tmp_path / "out" / "raven" / "0.wav.selections.txt"
    header = table.read_text().splitlines()[0].split("\t")
    seven = ["Selection", "View", "Channel", "Begin Time (s)", "End Time (s)", "Low Freq (Hz)", "High Freq (Hz)"]
    assert header[:7] == seven
    assert "Score" in header
    back = read_events(table).events
    np.testing.assert_allclose(back["onset_s"], found.events["onset_s"])
    assert set(back["high_hz"]) == {RATE / 2}
    empty = tmp_path / "out" / "raven" / "quiet.wav.selections.txt"
    assert empty.read_text() == table.read_text().splitlines(keepends=True)[0]


def test_names_that_differ_by_a_folder_or_are_long_have_tables_of_their_own(
    fitted: Detector, bursts: Bursts, tmp_path: Path
) -> None:
    (tmp_path / "in" / "a").mkdir(parents=True)
    names = ["a/0.wav", "a__0.wav", f"{'x' * 240}.wav"]
    for name in names:
        shutil.copy(bursts.folder / "0.wav", tmp_path / "in" / name)
    run_detector(fitted, bursts.encoder, tmp_path / "in", tmp_path / "out")
    tables = sorted((tmp_path / "out" / "raven").rglob("*.selections.txt"))
    assert len(tables) == 3
    assert {read_events(table).events["recording"][0] for table in tables} == set(names)


def test_tables_come_with_their_recordings_and_come_back(fitted: Detector, bursts: Bursts, tmp_path: Path) -> None:
    run_detector(fitted, bursts.encoder, bursts.folder, tmp_path)
    table = tmp_path / "raven" / "1.wav.selections.txt"
    was = table.read_bytes()
    table.unlink()
    assert run_detector(fitted, bursts.encoder, bursts.folder, tmp_path).resumed == 4
    assert table.read_bytes() == was


def test_a_run_that_was_stopped_ends_with_the_same_tables(
    fitted: Detector, bursts: Bursts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_detector(fitted, bursts.encoder, bursts.folder, tmp_path / "whole")

    class Stops(SerialExecutor):
        def run(self, shards):  # type: ignore[no-untyped-def]
            for number, done in enumerate(super().run(shards)):
                if number == 2:
                    raise KeyboardInterrupt
                yield done

    with pytest.raises(KeyboardInterrupt):
        run_detector(fitted, bursts.encoder, bursts.folder, tmp_path / "torn", executor=Stops())
    assert not (tmp_path / "torn" / "detections.parquet").exists()
    found = run_detector(fitted, bursts.encoder, bursts.folder, tmp_path / "torn")
    assert found.resumed == 2
    for name in ("detections.parquet", "detections.csv", "raven/3.wav.selections.txt"):
        assert (tmp_path / "torn" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_broken_files_are_listed_and_the_rest_is_done(fitted: Detector, bursts: Bursts, tmp_path: Path) -> None:
    (tmp_path / "broken.wav").write_bytes(b"RIFF")
    shutil.copy(bursts.folder / "0.wav", tmp_path / "0.wav")
    cut = (bursts.folder / "1.wav").read_bytes()
    (tmp_path / "cut.wav").write_bytes(cut[: len(cut) // 2])
    torn = np.full(RATE, 0.01, dtype=np.float32)
    torn[100] = np.nan
    soundfile.write(tmp_path / "torn.wav", torn, RATE, subtype="FLOAT")
    for _ in range(2):  # what was odd is still told by a run that has nothing left to do
        found = run_detector(fitted, bursts.encoder, tmp_path, tmp_path / "out")
        assert found.faults["item"].unique().sort().to_list() == ["cut.wav", "torn.wav"]
        assert pl.read_csv(tmp_path / "out" / "faults.csv").equals(found.faults)
    (tmp_path / "cut.wav").unlink()
    (tmp_path / "torn.wav").unlink()
    found = run_detector(fitted, bursts.encoder, tmp_path, tmp_path / "less")
    assert found.failures["item"].to_list() == ["broken.wav"]
    assert found.recordings == 1
    assert pl.read_csv(tmp_path / "less" / "failures.csv").height == 1
    for kept in ("0.wav", "out", "less"):
        shutil.rmtree(tmp_path / kept) if (tmp_path / kept).is_dir() else (tmp_path / kept).unlink()
    with pytest.raises(NothingDoneError, match="no recording could be worked"):
        run_detector(fitted, bursts.encoder, tmp_path, tmp_path / "none")


def test_events_across_seams_are_found_once(
    fitted: Detector, bursts: Bursts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The grid of pieces is moved over the sound: the same boxes come out wherever the seams fall."""
    sound, rows = burst_sound(77, seconds=12.0, events=18)
    soundfile.write(tmp_path / "long.wav", sound, RATE)
    whole, seconds = detect_sound(fitted, bursts.encoder, tmp_path / "long.wav", channel=1)
    assert seconds == 12.0
    assert len(whole) >= len(rows) - 3
    for piece in (37, 64, 101, 333):
        monkeypatch.setattr(inference, "PIECE", piece)
        boxes, _ = detect_sound(fitted, bursts.encoder, tmp_path / "long.wav", channel=1)
        np.testing.assert_allclose(boxes.onset_s, whole.onset_s, atol=1e-4)
        np.testing.assert_allclose(boxes.offset_s, whole.offset_s, atol=1e-4)


def test_two_channels_are_told_apart_or_mixed(fitted: Detector, bursts: Bursts, tmp_path: Path) -> None:
    left, _ = burst_sound(5)
    right, _ = burst_sound(6)
    soundfile.write(tmp_path / "two.wav", np.stack([left, right], axis=1), RATE)
    each = run_detector(fitted, bursts.encoder, tmp_path / "two.wav", tmp_path / "each", channels="each").events
    assert set(each["channel"]) == {1, 2}
    assert each["event_id"].n_unique() == each.height
    mix = run_detector(fitted, bursts.encoder, tmp_path / "two.wav", tmp_path / "mix").events
    assert mix["channel"].null_count() == mix.height


def test_wrong_use_is_told(fitted: Detector, bursts: Bursts, tmp_path: Path) -> None:
    with pytest.raises(InputPathError, match="no such folder"):
        run_detector(fitted, bursts.encoder, tmp_path / "nowhere", tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(NothingDoneError, match="no recording"):
        run_detector(fitted, bursts.encoder, tmp_path / "empty", tmp_path / "out")
    with pytest.raises(DataError, match="fitted to encoder"):
        run_detector(fitted, type(bursts.encoder)(), bursts.folder, tmp_path / "out")
    run_detector(fitted, bursts.encoder, bursts.folder / "0.wav", tmp_path / "out")
    with pytest.raises(SettingsError, match="threshold"):
        run_detector(fitted, bursts.encoder, bursts.folder / "0.wav", tmp_path / "out", threshold=0.9)
