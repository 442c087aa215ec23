"""A detector from fit to file, on bursts of tone whose truth is known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tests.detection.conftest import SMALL, Bursts

from tymbal.detection import Boxes, DecodingConfig, Detector, f1_score, read_examples
from tymbal.detection.detector import hold_out, within
from tymbal.errors import DataError, UsageError
from tymbal.training import write_tensors

TEST = ["4.wav"]


def scores(detector: Detector, bursts: Bursts) -> tuple[float, float]:
    """F1 at IoU 0.5 and 0.8 on the recording never trained on."""
    names = [name for name, _ in detector.layers_]
    truth, _ = read_examples(
        bursts.store, bursts.corpus, names, detector.config, labels=detector.labels_, recordings=TEST
    )
    boxes = [detector.boxes(each.track) for each in truth]
    references = [each.events for each in truth]
    return f1_score(references, boxes, 0.0, 0.5), f1_score(references, boxes, 0.0, 0.8)


def test_bursts_of_both_kinds_are_found(fitted: Detector, bursts: Bursts) -> None:
    assert fitted.labels_ == ("high", "low")
    low, high = scores(fitted, bursts)
    assert low > 0.8
    assert high > 0.2
    assert 0 < fitted.calibration_.threshold < 1
    assert fitted.notes_["held_events"] > 0


def test_predictions_are_events_of_the_recordings(fitted: Detector, bursts: Bursts) -> None:
    events = fitted.predict(bursts.store, recordings=TEST)
    assert set(events["recording"]) == {"4.wav"}
    assert set(events["label"]) <= {"high", "low"}
    assert (events["onset_s"] < events["offset_s"]).all()
    assert events["score"].min() >= fitted.calibration_.threshold  # type: ignore[operator]
    assert events["onset_s"].is_sorted()
    assert events["low_hz"].null_count() == events.height
    more = fitted.predict(bursts.store, recordings=TEST, all=True)
    assert more.height >= events.height


def test_a_saved_detector_finds_the_same(fitted: Detector, bursts: Bursts, tmp_path: Path) -> None:
    loaded = Detector.load(fitted.save(tmp_path / "bursts.detector"))
    assert loaded.predict(bursts.store).equals(fitted.predict(bursts.store))
    assert loaded.calibration_ == fitted.calibration_
    assert loaded.config == fitted.config


@pytest.mark.full
@pytest.mark.parametrize("method", ["forward", "segments", "gated", "sebb"])
def test_every_method_learns(method: str, bursts: Bursts) -> None:
    config = replace(SMALL, method=method, classes=False)
    detector = Detector(config).fit(bursts.store, bursts.corpus, recordings=[f"{number}.wav" for number in range(4)])
    assert detector.labels_ == ("event",)
    assert scores(detector, bursts)[0] > 0.8
    assert (detector.calibration_.active is not None) == (method in ("segments", "gated"))
    assert (detector.calibration_.steps is not None) == (method == "sebb")


@pytest.mark.full
def test_mixed_windows_and_bounds_in_frequency_are_taught(bursts: Bursts) -> None:
    config = replace(SMALL, mixup=0.5, gain_db=6.0, bounds=True, classes=False)
    detector = Detector(config).fit(bursts.store, bursts.corpus, recordings=[f"{number}.wav" for number in range(4)])
    assert scores(detector, bursts)[0] > 0.6
    events = detector.predict(bursts.store, recordings=TEST)
    assert (events["low_hz"] - 400).abs().mean() < 150
    assert (events["high_hz"] - 3000).abs().mean() < 150


def test_a_published_validation_part_is_what_is_held_out(bursts: Bursts) -> None:
    config = replace(SMALL, training=replace(SMALL.training, epochs=1, warmup_epochs=0.0))
    used = ["0.wav", "1.wav", "2.wav"]
    detector = Detector(config).fit(bursts.store, bursts.corpus, recordings=used, validation=["2.wav"])
    events = dict(bursts.corpus.events.group_by("recording").len().iter_rows())
    assert detector.notes_["held_events"] == events["2.wav"]
    assert detector.notes_["events"] == events["0.wav"] + events["1.wav"]


def test_one_recording_is_held_out_in_time(bursts: Bursts) -> None:
    names = ["log_mel"]
    whole, _ = read_examples(bursts.store, bursts.corpus, names, SMALL, recordings=["0.wav"])
    trained, held = hold_out(whole, {}, SMALL)
    assert trained[0].track.frames + held[0].track.frames == whole[0].track.frames
    assert held[0].track.grid.first_center_s == pytest.approx(whole[0].track.grid.center_s(trained[0].track.frames))
    assert 0 < len(held[0].events) < len(whole[0].events)
    assert trained[0].events.offset_s.max() <= held[0].track.grid.first_center_s


def test_groups_are_held_out_whole(bursts: Bursts) -> None:
    whole, _ = read_examples(bursts.store, bursts.corpus, ["log_mel"], SMALL)
    groups = {f"{number}.wav": "a" if number < 3 else "b" for number in range(5)}
    trained, held = hold_out(whole, groups, SMALL)
    sides = [{groups[each.track.recording] for each in part} for part in (trained, held)]
    assert sorted(map(sorted, sides)) == [["a"], ["b"]]


def test_what_nobody_listened_to_is_not_trained_on(bursts: Bursts) -> None:
    corpus = bursts.corpus
    whole, _ = read_examples(bursts.store, corpus, ["log_mel"], SMALL)
    assert all(each.covered.all() for each in whole)
    none = type(corpus)(corpus.path, corpus.root, corpus.parameters, None, dict(corpus._tables))
    none._tables["coverage"] = corpus.coverage.clear()
    with pytest.raises(DataError, match="--complete"):
        read_examples(bursts.store, none, ["log_mel"], SMALL)
    half = corpus.coverage.with_columns(start_s=pl.lit(2.0), end_s=pl.lit(5.0))
    none._tables["coverage"] = half
    part, _ = read_examples(bursts.store, none, ["log_mel"], SMALL)
    centers = part[0].track.grid.centers_s(part[0].track.frames)
    np.testing.assert_array_equal(part[0].covered, (centers >= 2.0) & (centers < 5.0))


def test_coverage_for_the_labels_taught_is_enough(bursts: Bursts) -> None:
    corpus = type(bursts.corpus)(bursts.corpus.path, bursts.corpus.root, {}, None, dict(bursts.corpus._tables))
    for told, config, found in (
        (["high", "low"], SMALL, 5),
        (["high", "low"], replace(SMALL, classes=False), 5),
        (["high"], SMALL, 0),
    ):
        corpus._tables["coverage"] = bursts.corpus.coverage.with_columns(
            labels=pl.lit(told, dtype=pl.List(pl.String)).first()
        )
        assert len(read_examples(bursts.store, corpus, ["log_mel"], config)[0]) == found


def test_where_nothing_is_found_the_last_epochs_are_no_worse_than_the_first(bursts: Bursts) -> None:
    deaf = replace(SMALL, decoding=DecodingConfig(floor=0.999), training=replace(SMALL.training, epochs=3))
    detector = Detector(deaf).fit(bursts.store, bursts.corpus, recordings=["0.wav", "1.wav"])
    assert detector.notes_["validation_f1"] == 0.0
    assert detector.notes_["best_epoch"] > 1


def test_boxes_are_cut_to_the_recording() -> None:
    cut = within(Boxes.make([-1.0, 2.0, 9.0], [0.5, 12.0, 11.0]), 8.0)
    assert cut.onset_s.tolist() == [0.0, 2.0]
    assert cut.offset_s.tolist() == [0.5, 8.0]


def test_wrong_use_is_told(fitted: Detector, bursts: Bursts, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not fitted yet"):
        Detector().predict(bursts.store)
    with pytest.raises(UsageError, match="unknown method"):
        Detector(method="nope").fit(bursts.store, bursts.corpus)
    with pytest.raises(DataError, match="no event column"):
        Detector(SMALL).fit(bursts.store, bursts.corpus, label="nope")
    with pytest.raises(DataError, match="no such file"):
        Detector.load(tmp_path / "nothing")
    write_tensors(tmp_path / "other", {}, {"format": 1})
    with pytest.raises(DataError, match="no detector"):
        Detector.load(tmp_path / "other")
    stranger = Detector.load(fitted.save(tmp_path / "d"))
    stranger.encoder_checksum_ = "another"
    with pytest.raises(DataError, match="fitted to another"):
        stranger.predict(bursts.store)
