"""Whatever a detector says of unknown and of dropped events is judged as the sets want it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest
from tests.benchmarks.boxes import replicas

from tymbal.annotations import make_events
from tymbal.benchmarks import verify
from tymbal.benchmarks.boxes.corpora import BoxCorpus, to_box_corpus
from tymbal.benchmarks.boxes.layout import BoxContents
from tymbal.benchmarks.boxes.scoring import TestScores, score_test
from tymbal.benchmarks.dataset import TEST


def prepared(data: Path, name: str) -> tuple[BoxCorpus, tuple[str, ...]]:
    described = replicas.make(data, name).described
    contents = verify(data, described).contents
    assert isinstance(contents, BoxContents)
    return to_box_corpus(described, contents, data / "out"), contents.labels


def judged(made: BoxCorpus, labels: tuple[str, ...], said: pl.DataFrame) -> TestScores:
    """Scores of events said at score 0.9, at a threshold of 0.5."""
    detector: Any = SimpleNamespace(
        calibration_=SimpleNamespace(threshold=0.5), config=SimpleNamespace(method="both"), layers_=(("log_mel", 64),)
    )
    scored = make_events(said.with_columns(score=pl.lit(0.9)))
    return score_test(made.corpus, labels, detector, scored, scored, made.folds[TEST])


def test_a_box_on_an_unknown_event_counts_neither_way(tmp_path: Path) -> None:
    made, labels = prepared(tmp_path, "Pow")
    test = made.events.filter(pl.col("recording").is_in(made.folds[TEST]))
    unknown = test.filter(pl.col("label") == "Unknown").height
    assert unknown > 0
    guessed = test.with_columns(pl.col("label").replace("Unknown", labels[0]))
    found = judged(made, labels, guessed).estimates
    assert found["f1@0.8"]["value"] == found["precision@0.8"]["value"] == found["recall@0.8"]["value"] == 1.0
    assert found["voxaboxen_micro_f1@0.8"]["value"] == 1.0
    assert found["f1@0.8"]["examples"] == test.height - unknown
    assert found["frame_f1"]["value"] == 1.0
    assert found["class_agnostic_f1@0.8"]["examples"] == test.height  # there an event is an event
    silent = judged(made, labels, test.filter(pl.col("label") != "Unknown")).estimates
    assert silent["f1@0.8"]["value"] == 1.0
    assert silent["class_agnostic_recall@0.8"]["value"] == pytest.approx(1 - unknown / test.height)


def test_a_box_of_the_wrong_class_is_false_with_classes_and_without(tmp_path: Path) -> None:
    made, labels = prepared(tmp_path, "Pow")
    whole = made.events.filter(pl.col("recording").is_in(made.folds[TEST]))
    test = whole.filter(pl.col("label") != "Unknown")
    doubled = pl.concat([test, test.with_columns(label=pl.lit(labels[1]), offset_s=pl.col("offset_s") + 1e-3)])
    found = judged(made, labels, doubled).estimates
    assert found["recall@0.8"]["value"] == 1.0
    assert found["f1@0.8"]["value"] == pytest.approx(2 / 3)
    assert found["frame_f1"]["value"] == pytest.approx(2 / 3, abs=0.05)
    right, unknown = test.height, whole.height - test.height
    assert found["class_agnostic_f1@0.8"]["value"] == pytest.approx(2 * right / (3 * right + unknown))


def test_boxes_on_dropped_calls_are_false_as_theirs(tmp_path: Path) -> None:
    made, labels = prepared(tmp_path, "HawB")
    assert "yefcan" not in set(made.events["label"])
    test = made.events.filter(pl.col("recording").is_in(made.folds[TEST]))
    row = test.head(1).with_columns(onset_s=pl.lit(3.9), offset_s=pl.lit(3.95))  # where no event is left
    found = judged(made, labels, pl.concat([test, row])).estimates
    assert found["precision@0.5"]["value"] == pytest.approx(test.height / (test.height + 1))
