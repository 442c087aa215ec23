from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.reference.corpus import grouped_accuracy

from tymbal.corpus.auditing import leaks
from tymbal.corpus.auditing.leaks import exchanged, leak, nearest_others


def sessions(spread: float, seed: int) -> tuple[NDArray[np.float64], NDArray[np.int64], list[str]]:
    """Six labels with five sessions of four recordings; `spread` is how far sessions of one label lie apart."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(6), 20)
    session = np.repeat(np.arange(30), 4)
    features = 1.0 * rng.standard_normal((6, 8))[labels] + spread * rng.standard_normal((30, 8))[session]
    return features + rng.standard_normal((120, 8)), labels, [f"s{each}" for each in session]


def test_sessions_that_sound_alike_are_found() -> None:
    found = leak(*sessions(2.0, 1))
    assert found is not None
    assert found.random > found.grouped + 0.2
    assert found.expected > found.grouped + 0.1
    assert found.p == pytest.approx(0.002)


def test_sessions_that_do_not_matter_are_not() -> None:
    values = [leak(*sessions(0.0, seed), permutations=99) for seed in range(30)]
    assert sum(found is not None and found.p <= 0.05 for found in values) <= 5


def test_accuracy_is_that_of_the_slow_search() -> None:
    features, labels, groups = sessions(1.0, 3)
    found = leak(features, labels, groups, permutations=9)
    standard = (features - features.mean(axis=0)) / features.std(axis=0)
    assert found is not None
    assert found.grouped == pytest.approx(grouped_accuracy(standard, labels.tolist(), groups))
    alone = [str(row) for row in range(len(labels))]
    assert found.random == pytest.approx(grouped_accuracy(standard, labels.tolist(), alone))


def test_unlabelled_recordings_and_unknown_groups_do_no_harm() -> None:
    features, labels, groups = sessions(1.0, 4)
    labels[:5] = -1
    found = leak(features, labels, [None if row % 7 == 0 else group for row, group in enumerate(groups)])
    assert found is not None
    assert found.recordings == 115


def test_too_little_to_compare_is_said_by_nothing() -> None:
    features, labels, groups = sessions(1.0, 5)
    assert leak(features[:6], labels[:6], groups[:6]) is None
    assert leak(features, np.zeros(120, dtype=np.int64), groups) is None
    assert leak(np.ones((120, 3)), labels, groups) is None


def test_large_corpora_are_sampled_by_whole_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaks, "MOST", 60)
    found = leak(*sessions(2.0, 6))
    assert found is not None
    assert 40 <= found.recordings <= 60
    assert found.recordings % 4 == 0


def test_equal_recordings_do_not_confuse_the_search() -> None:
    features, labels, groups = sessions(1.0, 7)
    features[10:14] = features[10]
    found = leak(features, labels, groups)
    assert found is not None
    assert 0 <= found.grouped <= 1


def test_the_nearest_are_those_of_the_full_table_of_distances(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaks, "_BLOCK", 7)
    features = np.random.default_rng(0).normal(size=(40, 5))
    distance = np.linalg.norm(features[:, None] - features, axis=2)
    np.fill_diagonal(distance, np.inf)
    np.testing.assert_array_equal(nearest_others(features, 6), np.argsort(distance, axis=1)[:, :6])
    np.testing.assert_array_equal(np.sort(nearest_others(features, 39), axis=1)[0], np.arange(1, 40))


def test_events_of_one_recording_are_exchanged_together_and_never_neighbours() -> None:
    def events(seed: int, site: float) -> tuple[NDArray[np.float64], NDArray[np.int64], list[str], list[str]]:
        """Three labels, 6 sites of 6 recordings of 4 events; events of a recording sound very much alike."""
        rng = np.random.default_rng(seed)
        recording = np.repeat(np.arange(36), 4)
        labels, sites = recording % 3, recording // 6
        features = 0.7 * np.eye(3, 6)[labels] + 3.0 * rng.standard_normal((36, 6))[recording]
        features += site * rng.standard_normal((6, 6))[sites] + 0.1 * rng.standard_normal((144, 6))
        return features, labels, [f"s{each}" for each in sites], [f"r{each}" for each in recording]

    alarms = {"blocks": 0, "rows": 0}
    for seed in range(40):
        features, labels, sites, recordings = events(seed, 0.0)
        for name, blocks in (("blocks", recordings), ("rows", None)):
            found = leak(features, labels, sites, blocks=blocks, permutations=99)
            assert found is not None
            alarms[name] += found.p <= 0.05
            assert name == "blocks" or found.random > 0.9, "the recording itself is recognised"
    assert alarms["blocks"] <= 6
    assert alarms["rows"] > 20, "taking events for independent would see sites where there are only recordings"


def test_exchanging_keeps_blocks_whole_and_labels_apart() -> None:
    group, labels = np.repeat([0, 1, 2, 3, 0, 1], 2), np.repeat([0, 0, 1, 1, 1, 0], 2)
    block = np.repeat(np.arange(6), 2)
    for drawn in exchanged(group, labels, block, 20, 0):
        assert (drawn[::2] == drawn[1::2]).all()
        for label in (0, 1):
            assert sorted(drawn[labels == label]) == sorted(group[labels == label])
