"""Selectivity: real labels, random ones, and those that only the site tells."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.probes.diagnostics.planted import CONFIG, context_of, made, row_of, with_probe

from tymbal.probes.diagnostics.selectivity import plan, shuffled_whole, shuffled_within, varied_share

N = 120
GROUPS = [f"g{row // 5:02d}" for row in range(N)]
TRUTH = np.arange(N) % 3
NOISE = np.random.default_rng(0).normal(size=(N, 5))


def named(truth: np.ndarray) -> list[str]:
    return [f"k{each}" for each in truth]


def test_a_label_that_is_there_is_selective_and_random_labels_are_not() -> None:
    features = {"label": NOISE + 3 * np.eye(3, 5)[TRUTH], "noise": NOISE}
    result = made("selectivity", context_of(features, named(TRUTH), groups=GROUPS))
    there = row_of(result, probe="ridge-label", control="everywhere")
    assert there["selectivity"]["low"] > 0.3
    assert there["selective"]
    assert there["p"] == pytest.approx(1 / 5), "the least that four shuffles allow"
    assert there["shuffled"]["value"] == pytest.approx(1 / 3, abs=0.1)
    nothing = row_of(result, probe="ridge-noise", control="everywhere")
    assert nothing["selectivity"]["low"] <= 0 <= nothing["selectivity"]["high"]
    assert "Not shown to read more than shuffled labels allow: ridge-noise." in result["reading"]


def test_intervals_of_random_labels_hold_zero_as_often_as_they_say() -> None:
    held, folds = 0, [str(row // 5 % 2) for row in range(N)]
    for seed in range(24):
        random = np.random.default_rng(seed)
        config = replace(CONFIG, layers=("all",), shuffles=1)
        labels, features = named(random.permutation(TRUTH)), {"layer": random.normal(size=(N, 5))}
        context = context_of(features, labels, groups=GROUPS, folds=folds, config=config)
        found = row_of(made("selectivity", context), control="everywhere")["selectivity"]
        held += found["low"] <= 0 <= found["high"]
    assert held >= 20, "23 of 24 expected; fewer than 20 has a chance under 1 %"


def test_what_the_site_alone_tells_is_left_when_labels_are_shuffled_inside_it() -> None:
    """A split of recordings, sites on both sides: the probe recognises the site, which all but tells the label."""
    random = np.random.default_rng(3)
    site = np.arange(N) % 6
    truth = np.where(random.random(N) < 0.8, site % 2, 1 - site % 2)
    features = {"site": np.random.default_rng(9).normal(size=(6, 8))[site] * 3 + random.normal(size=(N, 8))}
    groups = [f"{row:03d}" for row in range(N)]
    sites = {"site": [f"s{each}" for each in site]}
    config = replace(CONFIG, within="site")
    result = made("selectivity", context_of(features, named(truth), groups=groups, columns=sites, config=config))
    everywhere, within = (row_of(result, control=name) for name in ("everywhere", "within site"))
    assert everywhere["selectivity"]["low"] > 0.15, "which would be taken for success"
    assert within["shuffled"]["value"] > 0.65
    assert within["selectivity"]["low"] <= 0 <= within["selectivity"]["high"]
    assert "no more than what the site tells" in result["reading"]


def test_labels_constant_inside_a_session_are_exchanged_between_whole_ones() -> None:
    """Each session has one label. A split of recordings lets the probe recognise sessions, whatever they are called."""
    random = np.random.default_rng(4)
    session = np.arange(N) % 12
    truth = session % 3
    features = {"session": np.random.default_rng(8).normal(size=(12, 20))[session] * 3 + random.normal(size=(N, 20))}
    columns = {"session": [f"s{each:02d}" for each in session]}
    config = replace(CONFIG, within="session")
    torn = context_of(features, named(truth), groups=[str(row) for row in range(N)], columns=columns, config=config)
    leaky = row_of(made("selectivity", torn), control="whole session")
    assert leaky["shuffled"]["value"] > 0.9
    assert leaky["selectivity"]["value"] < 0.1
    kept = context_of(features, named(truth), groups=columns["session"], columns=columns, config=config)
    honest = row_of(made("selectivity", kept), control="whole session")
    assert honest["shuffled"]["value"] < 0.6, "sessions held out whole cannot be recognised"


def test_a_probe_that_can_learn_anything_is_not_selective() -> None:
    """Sessions stand on a circle: k nearest neighbours learn any labels of theirs, a line cannot."""
    random = np.random.default_rng(5)
    session = np.arange(N) % 24
    truth = random.permutation(np.arange(24) % 2)[session]
    place = 2 * np.pi * session[:, None] / 24
    ring = 4 * np.hstack([np.cos(place), np.sin(place)]) + 0.1 * random.normal(size=(N, 2))
    features = {"layer": np.hstack([ring, truth[:, None] + 0.3 * random.normal(size=(N, 1))])}
    columns = {"session": [f"s{each:02d}" for each in session]}
    rows = {}
    for head in ("ridge", "knn"):
        config = replace(with_probe(head), within="session", shuffles=8)
        groups = [str(row) for row in range(N)]
        context = context_of(features, named(truth), groups=groups, columns=columns, config=config)
        rows[head] = row_of(made("selectivity", context), control="whole session")
    small, large = rows["ridge"], rows["knn"]
    assert large["score"]["value"] > 0.95, "judged by its score it would be the better probe"
    assert large["shuffled"]["value"] > 0.85
    assert large["selectivity"]["value"] < 0.15
    assert small["score"]["value"] > 0.85
    assert small["selectivity"]["value"] > 2 * large["selectivity"]["value"]
    assert small["selectivity"]["low"] > 0.15
    for row in rows.values():
        assert row["score"]["value"] - row["shuffled"]["value"] == pytest.approx(row["selectivity"]["value"])


def test_shuffled_labels_below_guessing_are_explained() -> None:
    """Six groups of three labels: that of a group held out is rarer in training than the others."""
    group = np.arange(N) // 20
    truth = group % 3
    features = {"group": 5 * np.eye(6)[group] + np.random.default_rng(6).normal(size=(N, 6))}
    groups = [f"g{each}" for each in group]
    result = made(
        "selectivity", context_of(features, named(truth), groups=groups, config=replace(CONFIG, within="group"))
    )
    assert row_of(result, control="whole group")["shuffled"]["value"] < 0.3
    assert "told worse than by guessing (0.33)" in result["reading"]
    assert "each group whole" in result["reading"]


def test_shuffles_keep_what_they_say() -> None:
    random = np.random.default_rng(0)
    labels, group = np.array(named(random.integers(0, 3, 60))), np.arange(60) // 6
    within = shuffled_within(labels, group, random)
    assert (within != labels).any()
    for each in range(10):
        assert sorted(within[group == each]) == sorted(labels[group == each])
    constant = np.array(named(np.arange(10) % 3))[group]
    whole = shuffled_whole(constant, group, random)
    assert (whole != constant).any()
    assert all(len(set(whole[group == each])) == 1 for each in range(10))
    assert sorted(whole) == sorted(constant)
    assert varied_share(constant, group) == 0.0
    assert varied_share(np.array(["a", "b", "a", "a"]), np.array([0, 0, 1, 1])) == 0.5


def test_shuffles_are_the_same_for_the_same_seed_and_others_for_another() -> None:
    def shuffled(seed: int) -> set[str]:
        context = context_of({"noise": NOISE}, named(TRUTH), groups=GROUPS, config=replace(CONFIG, seed=seed))
        plan(context)
        return set(context.book.relabelled)

    assert shuffled(0) == shuffled(0)
    assert not shuffled(0) & shuffled(1)
