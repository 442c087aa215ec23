"""Probes by the benchmark's protocol: who sees what, and when."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import average_precision_score

from tymbal.benchmarks import BenchConfig, run_benchmark
from tymbal.benchmarks.runner import Part, run_probes, with_validation
from tymbal.encoders import create_encoder
from tymbal.errors import UsageError
from tymbal.features import Examples

QUICK = BenchConfig(heads=("ridge", "logistic"), layers=("last", "mfcc"), frames=4)


def test_the_probe_is_picked_before_the_test_part_is_looked_at(
    ran: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, _ = ran
    order: list[str] = []
    plain = run_probes.__globals__["_Fits"].test
    write = run_probes.__globals__["write_json"]
    monkeypatch.setattr(run_probes.__globals__["_Fits"], "test", lambda *a: (order.append("test"), plain(*a))[1])
    monkeypatch.setitem(run_probes.__globals__, "write_json", lambda *a: (order.append("choice"), write(*a))[1])
    run_benchmark("beans", data, create_encoder("spectral"), tmp_path, sets=["esc50"], config=QUICK)
    assert order[0] == "choice"
    assert order.count("test") == 4


def test_scores_are_those_of_the_official_metric(ran: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    data, out = ran
    seen: list[tuple[np.ndarray, np.ndarray]] = []
    plain = run_probes.__globals__["estimated"]

    def spy(metric: str, part: Part, scores: np.ndarray, described: object) -> object:
        if metric == "map":
            seen.append((part.membership(), scores))
        return plain(metric, part, scores, described)

    monkeypatch.setitem(run_probes.__globals__, "estimated", spy)
    outcome = run_benchmark("beans", data, create_encoder("spectral"), out, sets=["rfcx"], config=QUICK)
    for (truth, scores), found in zip(seen, outcome.results["rfcx"]["probes"].values(), strict=True):
        values = [average_precision_score(truth[:, c], scores[:, c]) if truth[:, c].any() else 0.0 for c in range(24)]
        assert found["map"]["value"] == pytest.approx(np.mean(values))


def test_candidates_are_heads_by_layers_by_rates() -> None:
    config = BenchConfig(heads=("linear",), layers=("last", "all"), learning_rates=(1e-3, 1e-4))
    found = config.candidates(True, ["a", "b"])
    assert list(found) == ["linear-last-0.001", "linear-last-0.0001", "linear-all-0.001", "linear-all-0.0001"]
    assert all(each.multilabel for each in found.values())
    assert list(config.candidates(False, ["a"])) == ["linear-last-0.001", "linear-last-0.0001"]  # last is all
    with pytest.raises(UsageError, match="allowed"):
        BenchConfig(heads=()).candidates(False, ["a"])


def test_without_a_validation_fold_whole_units_are_held_out() -> None:
    count = 40
    table = pl.DataFrame({"event_id": [str(row) for row in range(count)]})
    examples = Examples(
        {"last": np.zeros((count, 1, 2), dtype=np.float32)}, {"last": np.ones((count, 1), dtype=bool)}, table
    )
    labels = tuple((("a", "b")[row % 2],) for row in range(count))
    units = tuple(f"u{row // 4}" for row in range(count))
    train, held = with_validation(Part(examples, labels, units, ("a", "b")), None)
    assert not set(train.units) & set(held.units)
    assert (len(train.units), len(held.units)) == (32, 8)
    assert held.membership().sum(axis=0).tolist() == [4, 4]
