"""Leakage audit: what a label carried by the site alone, a site that is only heard, and neither look like."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.probes.diagnostics.planted import CONFIG, context_of, made, row_of

from tymbal.errors import DataError

N = 144
SITE = np.arange(N) // 6 % 8  # eight sites of three visits, six recordings each
GROUPS = [f"visit{row // 6:02d}" for row in range(N)]
SITES = [f"site{site}" for site in SITE]
AUDIT = replace(CONFIG, columns=("site",))


def layers(seed: int, *, label: float, site: float, truth: np.ndarray) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    values = label * np.eye(8, 6)[truth] + site * np.random.default_rng(99).normal(size=(8, 6))[SITE]
    return {"layer": values + random.normal(size=(N, 6))}


def audited(features: dict[str, np.ndarray], truth: np.ndarray, **columns: list[str]) -> dict:
    labels = [f"k{each}" for each in truth]
    return made(
        "leakage", context_of(features, labels, groups=GROUPS, columns={"site": SITES, **columns}, config=AUDIT)
    )


def test_a_label_carried_by_the_site_alone_is_said_to_be() -> None:
    truth = SITE % 2  # four sites each; the layer holds the site and nothing of the label but that
    result = audited(layers(0, label=0.0, site=2.5, truth=truth), truth)
    row = row_of(result, layer="layer", column="site")
    assert row["verdict"] == "leaks"
    assert row["nearest_right"] > 0.9
    assert row["other_right"] < 0.6
    assert row["leak_p_holm"] <= 0.05
    assert row["ratio"]["value"] > 2
    assert row["ratio"]["low"] > 1
    assert "telling the label rests on it" in result["reading"]
    assert row["torn"] == 0
    assert "Split 'folds' keeps its values whole." in result["reading"]


def test_a_site_on_both_sides_of_the_split_is_said_to_be() -> None:
    truth = SITE % 2
    labels, columns = [f"k{each}" for each in truth], {"site": SITES}
    features, folds = layers(0, label=0.0, site=2.5, truth=truth), [str(row % 4) for row in range(N)]
    context = context_of(features, labels, groups=GROUPS, folds=folds, columns=columns, config=AUDIT)
    result = made("leakage", context)
    assert row_of(result, column="site")["verdict"] == "leaks", "what is in the layer does not depend on the split"
    assert "has 8 of its 8 values in several folds" in result["reading"]
    assert "For new ones split by it." in result["reading"]


def test_columns_are_called_as_in_the_corpus() -> None:
    truth = np.arange(N) % 2
    config = replace(AUDIT, label="singer", columns=("singer+site",))
    context = context_of(
        layers(1, label=8.0, site=1.5, truth=truth),
        [f"k{each}" for each in truth],
        groups=GROUPS,
        columns={"site": SITES, "take": [f"{row // 2 % 3}" for row in range(N)]},
        config=config,
    )
    assert row_of(made("leakage", context), column="singer+site")["values"] == 16
    unasked = replace(context, config=replace(config, columns=None))
    found = {row["column"] for row in made("leakage", unasked)["rows"]}
    assert found == {"group of the split", "site", "singer+site+take"}


def test_a_site_that_is_heard_beside_a_label_that_is_too_is_a_trace_and_no_leak() -> None:
    truth = np.arange(N) % 2  # both labels at every site
    result = audited(layers(1, label=8.0, site=1.5, truth=truth), truth)
    row = row_of(result, layer="layer", column="site")
    assert row["verdict"] == "trace"
    assert row["nearest_right"] > 0.95
    assert row["other_right"] > 0.95
    assert "was not seen to rest on it" in result["reading"]


def test_without_a_site_in_the_layer_it_stays_quiet_at_the_stated_rate() -> None:
    """60 corpora, label real, no site: the verdict is 'quiet' but for some 5 % each of the two tests."""
    truth = np.arange(N) // 3 % 2
    verdicts = [
        row_of(audited(layers(seed, label=2.0, site=0.0, truth=truth), truth), column="site")["verdict"]
        for seed in range(60)
    ]
    assert verdicts.count("quiet") >= 48, "54 expected; below 48 has a chance under 1 %"
    assert verdicts.count("leaks") <= 9


def test_a_label_of_one_site_each_cannot_be_told_from_it() -> None:
    result = audited(layers(2, label=0.0, site=2.0, truth=SITE), SITE)
    row = row_of(result, column="site")
    assert row["verdict"] == "untestable"
    assert (row["leak_p"], row["ratio"]) == (None, None)
    assert "cannot be told apart" in result["reading"]


def test_many_layers_and_columns_are_judged_together() -> None:
    truth = np.arange(N) % 2
    features = {f"l{number}": layers(number, label=2.0, site=0.0, truth=truth)["layer"] for number in range(4)}
    features["site"] = layers(9, label=0.0, site=2.5, truth=truth)["layer"]
    result = audited(features, truth)
    assert len(result["rows"]) == len(result["orders"]) == 5
    for row in result["rows"]:
        assert row["trace_p_holm"] >= row["trace_p"]
    assert row_of(result, layer="site")["trace_p_holm"] == pytest.approx(0.05), "5 x 1 / 100"


def test_columns_are_found_where_none_is_named() -> None:
    truth = np.arange(N) % 2
    features = layers(3, label=2.0, site=1.0, truth=truth)
    labels, columns = [f"k{each}" for each in truth], {"site": SITES, "take": [str(row % 3) for row in range(N)]}
    recordings = [f"r{row // 2:03d}.wav" for row in range(N)]
    context = context_of(features, labels, groups=GROUPS, columns=columns, recordings=recordings)
    found = {row["column"] for row in made("leakage", context)["rows"]}
    assert {"site", "recording", "group of the split"} <= found
    config = replace(CONFIG, columns=("moon",))
    with pytest.raises(DataError, match="no column 'moon'"):
        made("leakage", context_of(features, labels, groups=GROUPS, columns=columns, config=config))
    crossed = replace(CONFIG, columns=("site+take",))
    rows = made("leakage", context_of(features, labels, groups=GROUPS, columns=columns, config=crossed))["rows"]
    assert rows[0]["values"] == 24


def test_a_drift_in_the_order_of_file_names_is_said() -> None:
    truth = np.arange(N) % 2
    features = layers(4, label=2.0, site=0.0, truth=truth)
    features["drifting"] = features["layer"] + 0.05 * np.arange(N)[:, None]
    result = audited(features, truth)
    found = {row["layer"]: row["order_p_holm"] for row in result["orders"]}
    assert found["drifting"] <= 0.05 < found["layer"]
    assert result["by"] == "file name"
    assert "alike beyond their label (drifting)" in result["reading"]
