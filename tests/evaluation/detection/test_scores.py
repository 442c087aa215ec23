"""One result out of Events, Coverage and units: its tables agree with each other, and it survives the disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from tests.evaluation.detection.cases import DURATION_S, events, scene

from tymbal.annotations import whole_coverage
from tymbal.corpus import index
from tymbal.errors import CorpusError, DataError
from tymbal.evaluation.detection import (
    DetectionScores,
    DetectionSettings,
    paired_detection_difference,
    problem_against_corpus,
    score_against_corpus,
    score_detections,
)
from tymbal.evaluation.detection.scores import HEAD, default_metrics

NAMES = [f"r{number}" for number in range(9)]
FEW = ("f1@0.5", "recall@0.5", "map@0.5", "psds1")


def scored(covered: bool = True, **options: object) -> DetectionScores:
    truth, said = scene(12, 90, 120, recordings=9)
    return score_detections(
        events(said),
        events(truth),
        whole_coverage(NAMES) if covered else None,
        units={name: f"bird {name[1]}" for name in NAMES},
        unit_name="bird",
        durations=dict.fromkeys(NAMES, DURATION_S),
        **options,  # type: ignore[arg-type]
    )


def test_tables_agree_with_the_estimates() -> None:
    found = scored(metrics=FEW)
    assert set(found.estimates) == set(FEW)
    f1, recall = found.estimates["f1@0.5"], found.estimates["recall@0.5"]
    assert f1 is not None
    assert recall is not None
    assert f1.low is not None
    for table in (found.recordings, found.units, found.classes):
        rows = table.filter(table["minimum_iou"] == 0.5)
        true, false, missed = (int(rows[name].sum()) for name in ("true", "false", "missed"))
        assert f1.value == pytest.approx(2 * true / (2 * true + false + missed))
        assert recall.value == pytest.approx(true / (true + missed))
    assert set(found.units["unit"]) == {f"bird {number}" for number in range(9)}
    both = found.classes.filter(found.classes["minimum_iou"] == 0.5)
    ranked = found.estimates["map@0.5"]
    assert ranked is not None
    assert both["ap"].mean() == pytest.approx(ranked.value)
    assert ((both["f1_low"] < both["f1"]) & (both["f1"] < both["f1_high"])).all()
    overlaps = found.strata.filter(found.strata["minimum_iou"] == 0.5)
    assert overlaps["references"].sum() == 90
    assert found.false_alarms is not None
    assert found.false_alarms["count"][0] == both["false"].sum()


def test_events_say_what_became_of_each_and_point_at_each_other() -> None:
    found = scored(metrics=FEW).events
    assert found.height == 210
    counts = dict(found.group_by("side", "outcome").len().select(pl.concat_str("side", "outcome"), "len").rows())
    assert counts["referencefound"] == counts["predictiontrue"]
    assert counts["referencefound"] + counts["referencemissed"] == 90
    rows = found.with_row_index("row").filter(pl.col("partner").is_not_null())
    partner = dict(zip(rows["row"], rows["partner"], strict=True))
    assert all(partner[other] == row for row, other in partner.items())
    assert rows["iou"].min() > 0.5
    for row in rows.head(20).iter_rows(named=True):
        other = found.row(row["partner"], named=True)
        assert (other["recording"], other["label"]) == (row["recording"], row["label"])
        assert other["onset_s"] < row["offset_s"]


def test_snr_strata_come_with_the_column() -> None:
    truth, said = scene(12, 90, 120, recordings=9)
    levels = pl.Series("snr_db", np.linspace(-10, 30, 90))
    found = score_detections(
        events(said),
        events(truth).with_columns(levels),
        whole_coverage(NAMES),
        units={name: name for name in NAMES},
        unit_name="recording",
        durations=dict.fromkeys(NAMES, DURATION_S),
        metrics=FEW,
    )
    snr = found.strata.filter((pl.col("by") == "SNR") & (pl.col("minimum_iou") == 0.5))
    assert snr["references"].sum() == 90
    assert snr.height == 5


def test_the_oracle_stands_beside() -> None:
    truth, _ = scene(12, 90, 120, recordings=9)
    found = scored(metrics=FEW, oracle=events([event._replace(score=1.0) for event in truth]))
    ceiling = found.oracle["f1@0.5"]
    assert ceiling is not None
    assert ceiling.value == 1.0


def test_without_coverage_every_undefined_metric_has_its_reason() -> None:
    found = scored(covered=False)
    assert [name for name, each in found.estimates.items() if each is not None] == [
        "recall@0.5",
        "recall@0.8",
        "macro_recall@0.5",
        "macro_recall@0.8",
    ]
    assert set(found.reasons) == set(default_metrics(DetectionSettings())) - {
        name for name, each in found.estimates.items() if each is not None
    }
    assert found.notes == (
        "nobody said what was listened to: recall only, a prediction without a reference is unknown",
    )
    assert found.classes["f1"].null_count() == found.classes.height
    assert found.false_alarms is None
    assert found.reliability is None


def test_saved_and_loaded_it_is_the_same(tmp_path: Path) -> None:
    found = scored(metrics=FEW, settings=DetectionSettings(threshold=0.4, labels=("a", "b")))
    found.save(tmp_path / "scores")
    again = DetectionScores.load(tmp_path / "scores")
    assert again.estimates == found.estimates
    assert again.settings == found.settings
    assert (again.labels, again.unit_name, again.notes) == (found.labels, found.unit_name, found.notes)
    assert again.provenance == found.provenance
    assert set(found.provenance) == {"tymbal_version"}
    for name in ("classes", "recordings", "units", "curves", "strata", "confusions", "events", "reliability"):
        assert_frame_equal(getattr(again, name), getattr(found, name))
    (tmp_path / "scores" / HEAD).write_text("{", encoding="utf-8")
    with pytest.raises(CorpusError, match="no scores of detections that can be read"):
        DetectionScores.load(tmp_path / "scores")


def test_against_a_corpus_units_come_from_its_columns(data: Callable[[str], Path], tmp_path: Path) -> None:
    folder = data("zebra_finch_song")
    corpus = index(
        folder,
        out=tmp_path / "corpus",
        annotations=[folder / "annotations.csv"],
        metadata=[folder / "recordings.csv"],
        coverage="complete",
    )
    predictions = corpus.events.with_columns(pl.lit(0.9).alias("score"), pl.col("onset_s") + 0.002)
    found = score_against_corpus(
        corpus, predictions, by="individual", settings=DetectionSettings(class_agnostic=True), metrics=("f1@0.5",)
    )
    f1 = found.estimates["f1@0.5"]
    assert f1 is not None
    assert (f1.unit_name, f1.units) == ("individual", 8)
    assert f1.value > 0.99
    assert found.provenance["corpus"] == str(corpus.path)
    settings = DetectionSettings(class_agnostic=True)
    sides = [
        problem_against_corpus(corpus, side, by="individual", settings=settings)
        for side in (predictions, predictions.gather_every(2))
    ]
    gap = paired_detection_difference("f1@0.5", *sides)
    assert gap.value == pytest.approx(f1.value - 2 / 3, abs=0.01)
    assert gap.low is not None
    assert gap.low > 0
    with pytest.raises(DataError, match=r"1 recordings are not in the corpus, the first is 'x.wav'"):
        score_against_corpus(corpus, predictions, recordings=["x.wav"])
