"""Are the scores honest? The part of the page that says so."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tymbal.evaluation import encode, estimate_calibration, reliability
from tymbal.report.calibration import calibration
from tymbal.report.run import open_run


def test_it_shows_what_evaluation_says(finished: Path) -> None:
    run = open_run(finished)
    rows = run.shown()
    truth = encode(rows["reference"].to_list(), run.labels)
    scores, units = np.array(rows["scores"].to_list()), rows["unit"].to_list()
    found = estimate_calibration(truth, scores, groups=units, unit_name="session")
    page = calibration(run)
    exact = [float(value) for value in re.findall(r'<data value="([^"]+)"', page)]
    for one in found.values():
        assert {one.value, one.low, one.high} <= set(exact)
    bins = reliability(truth, scores, groups=units)
    assert page.count("<circle") == bins.height
    assert set(bins["right"]) <= set(exact)
    assert page.count("whisker") == bins["right_low"].count()
    assert f"guessing evenly gives {np.log(len(run.labels)):.3f}" in page


@pytest.mark.parametrize("change", ["no scores", "no probabilities"])
def test_where_nothing_can_be_said_it_says_nothing(finished: Path, change: str) -> None:
    run = open_run(finished)
    tables = {
        "no scores": run.predictions.drop("scores"),
        "no probabilities": run.predictions.with_columns(pl.col("scores").list.eval(2 * pl.element())),
    }
    assert calibration(replace(run, predictions=tables[change])) == ""


def test_label_sets_are_judged_score_by_score(finished: Path) -> None:
    run = open_run(finished)
    sets = run.predictions.with_columns(pl.concat_list("reference"))
    several = replace(run, predictions=sets, results={**run.results, "task": {**run.task, "multilabel": True}})
    rows = several.shown()
    truth = np.array([[label in carried for label in run.labels] for carried in rows["reference"].to_list()])
    bins = reliability(truth, np.array(rows["scores"].to_list()), groups=rows["unit"].to_list())
    page = calibration(several)
    assert page.count("<circle") == bins.height
    assert bins["decisions"].sum() == rows.height * len(run.labels)
    assert "1 the worst" in page
