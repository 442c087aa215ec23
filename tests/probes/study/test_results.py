from __future__ import annotations

import numpy as np
import pytest
from tests.probes.study.test_nesting import PROBES, make_task, outer_fits, scores_for

from tymbal.evaluation import measure
from tymbal.probes.config import ProbeConfig
from tymbal.probes.study.fits import Fit, FitResult
from tymbal.probes.study.nesting import score_of
from tymbal.probes.study.results import difference, gather, layer_weights, metrics_of, predictions


def test_metrics_over_seeds_are_their_mean_and_units_are_drawn_with_all_seeds() -> None:
    task = make_task(n=180)
    fits = outer_fits(task, PROBES, 3, keep_validation=False)
    found = {fit: scores_for(task, fit, 0.6 + 0.1 * fit.seed, fit.seed) for fit in fits}
    scored = gather(task, found, dict.fromkeys(task.test_folds, "two"))
    assert len(scored.seeds) == 3
    estimates, seeds = metrics_of(task, scored, ("accuracy", "balanced_accuracy", "auroc"))
    truth = task.targets[scored.rows].argmax(axis=1)
    for seed, scores in enumerate(scored.seeds):
        assert seeds["accuracy"][seed] == pytest.approx((scores.argmax(axis=1) == truth).mean())
        assert seeds["auroc"][seed] == pytest.approx(measure("auroc", truth, scores))
        assert seeds["accuracy"][seed] == score_of(task, scored.rows, scores, "accuracy")
    for metric in ("accuracy", "balanced_accuracy"):
        assert estimates[metric]["value"] == pytest.approx(np.mean(seeds[metric]))
    assert (estimates["accuracy"]["units"], estimates["accuracy"]["examples"]) == (12, 180)
    assert estimates["accuracy"]["low"] < estimates["accuracy"]["value"] < estimates["accuracy"]["high"]


def test_a_difference_pairs_seeds_of_one_with_the_only_fit_of_the_other() -> None:
    task = make_task(n=180)
    found = {fit: scores_for(task, fit, 0.8, fit.seed) for fit in outer_fits(task, PROBES, 3, keep_validation=False)}
    one, two = (gather(task, found, dict.fromkeys(task.test_folds, name)) for name in ("one", "two"))
    row = difference(task, ("two", two), ("one", one), "accuracy")
    parts = [metrics_of(task, scored, ("accuracy",))[0]["accuracy"]["value"] for scored in (two, one)]
    assert row["value"] == pytest.approx(parts[0] - parts[1])
    assert (row["a"], row["b"], row["units"]) == ("two", "one", 12)
    same = difference(task, ("two", two), ("two", two), "accuracy")
    assert same["value"] == same["low"] == same["high"] == 0


def test_layer_weights_are_mean_least_and_most_over_folds_and_seeds() -> None:
    task = make_task()
    found = {}
    for number, fit in enumerate(outer_fits(task, PROBES, 2, keep_validation=False)):
        weights = [0.1 * number, 1 - 0.1 * number] if fit.probe == "two" else None
        found[fit] = FitResult(np.zeros((len(fit.test), 3), dtype=np.float32), {"layer_weights": weights})
    numbers = [index for index, fit in enumerate(found) if fit.probe == "two"]
    row = layer_weights(found, "two", ProbeConfig(), ("a", "b"))
    assert row is not None
    assert row["a"] == pytest.approx([0.1 * np.mean(numbers), 0.1 * min(numbers), 0.1 * max(numbers)])
    assert row["a"][0] + row["b"][0] == pytest.approx(1)
    assert layer_weights(found, "one", ProbeConfig(), ("a", "b")) is None
    for config in (ProbeConfig(layers=("c", "a")), ProbeConfig(fusion="surface"), ProbeConfig(layers="a+c")):
        assert layer_weights(found, "two", config, ("a", "b", "c")) == {"a": row["a"], "c": row["b"]}


def test_predictions_have_a_row_for_every_probe_seed_and_example() -> None:
    task = make_task()
    found = {fit: scores_for(task, fit, 0.8, fit.seed) for fit in outer_fits(task, PROBES, 2, keep_validation=False)}
    table = predictions(task, found)
    assert table.height == 60 * 3
    assert table["reference"].to_list()[:5] == [task.reference[row] for row in next(iter(found)).test[:5]]
    best = [task.labels[int(np.argmax(row))] for row in table["scores"].to_list()]
    assert table["predicted"].to_list() == best
    kinds = dict(zip(table.columns, table.dtypes, strict=True))
    assert {"event_id", "recording", "channel", "onset_s", "offset_s", "group", "unit", "fold", "seed"} <= set(kinds)


def test_a_fold_needs_its_fits() -> None:
    task = make_task()
    fit = Fit("0", "test", "one", 0, PROBES["one"], (0,), (1,))
    with pytest.raises(IndexError):
        gather(task, {fit: FitResult(np.zeros((1, 3), dtype=np.float32), {})}, dict.fromkeys(task.test_folds, "one"))
