"""Curves over thresholds: each row is what deciding at that threshold gives; thresholds, reliability, confusions."""

from __future__ import annotations

import pytest
from tests.evaluation.detection.cases import problem, scene
from tests.reference import box_matching, detection_metrics
from tests.reference.detection_metrics import Event

from tymbal.evaluation.detection import curves
from tymbal.evaluation.detection.curves import confusions, detection_reliability, threshold_curve


def test_each_row_is_the_greedy_match_of_what_scored_as_much() -> None:
    truth, said = scene(8, 40, 60, levels=9)
    table = threshold_curve(problem(truth, said), 0.5)
    whole = table.filter(table["label"].is_null())
    assert whole["threshold"].to_list() == sorted({event.score for event in said}, reverse=True)
    for row in whole.iter_rows(named=True):
        kept = [event for event in said if event.score >= row["threshold"]]
        hits = len(box_matching.greedy(detection_metrics.pairs(truth, kept, 0.5), [event.score for event in kept]))
        assert (row["true"], row["false"], row["missed"]) == (hits, len(kept) - hits, len(truth) - hits)
        assert row["precision"] == pytest.approx(hits / len(kept))
    for name in ("true", "false", "missed"):
        classes = table.filter(table["label"].is_not_null()).group_by("label").agg(name=table[name].last())
        assert classes.height == 2


def test_many_thresholds_are_thinned_but_the_best_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    truth, said = scene(9, 50, 80, levels=10_000)
    whole = threshold_curve(problem(truth, said), 0.5)
    monkeypatch.setattr(curves, "POINTS", 10)
    thin = threshold_curve(problem(truth, said), 0.5)
    assert thin.filter(thin["label"].is_null()).height <= 11
    assert thin["f1"].max() == whole["f1"].max()
    assert (
        thin.filter(thin["label"].is_null())["missed"].min() == whole.filter(whole["label"].is_null())["missed"].min()
    )


def test_without_coverage_a_curve_has_recall_alone() -> None:
    truth, said = scene(8, 20, 30)
    table = threshold_curve(problem(truth, said, covered=False), 0.5)
    assert table["precision"].null_count() == table["f1"].null_count() == table.height
    assert table["recall"].null_count() == 0
    assert detection_reliability(problem(truth, said, covered=False), 0.5) is None


def test_reliability_counts_what_was_judged() -> None:
    truth, said = scene(8, 60, 90, recordings=9, levels=20)
    table = detection_reliability(problem(truth, said, recordings=9), 0.5)
    assert table is not None
    assert table["decisions"].sum() == 90
    hits = len(box_matching.greedy(detection_metrics.pairs(truth, said, 0.5), [event.score for event in said]))
    assert (table["decisions"] * table["right"]).sum() == pytest.approx(hits)
    logits = [event._replace(score=event.score * 20 - 10) for event in said]
    assert detection_reliability(problem(truth, logits, recordings=9), 0.5) is None


def test_confusions_pair_what_is_left_over_whatever_its_label() -> None:
    truth = [Event("r0", 1, 2, "a"), Event("r0", 3, 4, "a"), Event("r0", 5, 6, "b")]
    said = [Event("r0", 1, 2, "a", 0.9), Event("r0", 3, 4, "b", 0.9), Event("r0", 8, 9, "b", 0.9)]
    rows = confusions(problem(truth, said), 0.5).rows()
    assert set(rows) == {("a", "a", 1), ("a", "b", 1), ("b", None, 1), (None, "b", 1)}
