"""Who shares what with the nearest: against the slow twins, and how often a null corpus raises an alarm."""

from __future__ import annotations

import numpy as np
import pytest
from tests.reference import diagnostics as slow

from tymbal.corpus.auditing.leaks import standardised
from tymbal.probes.diagnostics.neighbours import Trace, label_neighbours, order, trace

Arrays = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def drawn(seed: int, *, site: float = 0.0, recordings: int = 24, events: int = 3) -> Arrays:
    """Features, labels, sites and recordings of events; `site` is how loud the sites are."""
    random = np.random.default_rng(seed)
    block = np.repeat(np.arange(recordings), events)
    labels, sites = block % 2, (block // 2) % 4
    features = np.eye(2, 5)[labels] + site * random.normal(size=(4, 5))[sites]
    features += 0.8 * random.normal(size=(recordings, 5))[block] + 0.3 * random.normal(size=(len(block), 5))
    return features, labels.astype(np.int64), sites, block


SETTINGS = {"neighbours": 4, "permutations": 99, "seed": 0}


@pytest.mark.parametrize("seed", range(5))
def test_shares_are_those_of_the_slow_search(seed: int) -> None:
    features, labels, sites, block = drawn(seed, site=0.5)
    labels[:7] = 1 - labels[:7]  # recordings of several labels, and of two events and of four with one
    found = trace(features, labels, sites, block, **SETTINGS)
    observed, expected = slow.shared(standardised(features), labels, sites, block, 4)
    assert isinstance(found, Trace)
    kept = [row for row, share in enumerate(expected) if 0 < share < 1]
    assert found.rows.tolist() == kept
    np.testing.assert_allclose(found.observed, np.array(observed)[kept])
    np.testing.assert_allclose(found.expected, np.array(expected)[kept])


@pytest.mark.parametrize("seed", range(5))
def test_the_distance_of_orders_is_that_of_the_slow_search(seed: int) -> None:
    features, labels, _, block = drawn(seed, recordings=14)
    places = np.random.default_rng(seed).permutation(14)[block]
    found = order(features, labels, block, places, **SETTINGS)
    assert found is not None
    assert found.distance == pytest.approx(slow.order_excess(standardised(features), labels, block, places, 4))


def test_neighbours_are_of_the_same_label_and_another_block_and_as_many_as_there_are() -> None:
    features, labels, _, block = drawn(0, recordings=6)
    near = label_neighbours(features, labels, block, 9)
    for row, others in enumerate(near):
        real = others[others >= 0]
        assert (labels[real] == labels[row]).all()
        assert (block[real] != block[row]).all()
        assert len(set(real)) == len(real) == 6  # two other recordings of the label, three events each


def test_a_null_corpus_raises_an_alarm_as_often_as_stated() -> None:
    """At 5 %: 200 corpora without sites or order, 3 events per recording that sound much alike."""
    alarms = {"trace": 0, "order": 0}
    for seed in range(200):
        features, labels, sites, block = drawn(seed)
        found = trace(features, labels, sites, block, **SETTINGS)
        ordered = order(features, labels, block, block, **SETTINGS)
        assert found is not None
        assert ordered is not None
        alarms["trace"] += found.p <= 0.05
        alarms["order"] += ordered.p <= 0.05
    assert 1 <= alarms["trace"] <= 20, "10 expected; 3.2 standard deviations"
    assert 1 <= alarms["order"] <= 20


def test_sites_and_drifts_that_are_there_are_found() -> None:
    features, labels, sites, block = drawn(1, site=1.5)
    found = trace(features, labels, sites, block, **SETTINGS)
    assert found is not None
    assert found.ratio > 1.8
    assert found.p == pytest.approx(0.01)
    drift = features + 0.15 * block[:, None]
    drifted = order(drift, labels, block, block, **SETTINGS)
    assert drifted is not None
    assert drifted.p == pytest.approx(0.01)
    assert drifted.distance > 0.2


def test_what_cannot_be_compared_is_none() -> None:
    features, labels, _, block = drawn(0)
    assert trace(features, labels, labels, block, **SETTINGS) is None, "each label at one site"
    alone = np.arange(len(labels))
    assert trace(features, alone, block, alone, **SETTINGS) is None, "each label once"
    assert order(features, alone, alone, alone, **SETTINGS) is None
