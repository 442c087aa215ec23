"""Matching of boxes against brute force, networkx and scipy, with heavy overlap, groups, and in time and frequency."""

from __future__ import annotations

import re

import networkx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.sparse.csgraph import maximum_bipartite_matching
from tests.reference import box_matching as slow

from tymbal.errors import DataError, UsageError
from tymbal.evaluation.detection import match_boxes, match_by_score, matching, overlapping_pairs

FEW = settings(max_examples=60, deadline=None)


def boxes(random: np.random.Generator, count: int, span_s: float, columns: int = 2, levels: int = 0) -> np.ndarray:
    """Random boxes; `levels` > 0 puts the times on so coarse a grid that equal boxes and equal IoU are common."""
    onset = random.uniform(0, span_s, count)
    length = np.exp(random.uniform(np.log(0.02), np.log(2.0), count))
    if levels:
        onset, length = np.round(onset * levels) / levels, np.maximum(np.round(length * levels), 1) / levels
    made = np.stack([onset, onset + length], axis=1)
    if columns == 4:
        low = random.uniform(0, 4000, count)
        made = np.column_stack([made, low, low + random.uniform(500, 4000, count)])
    return made


@FEW
@given(
    seed=st.integers(0, 2**32 - 1),
    sizes=st.tuples(st.integers(0, 9), st.integers(0, 9)),
    threshold=st.sampled_from([0.0, 0.1, 0.3, 0.5, 0.8]),
    columns=st.sampled_from([2, 4]),
    levels=st.sampled_from([0, 2, 8]),
    kinds=st.integers(1, 3),
)
def test_equals_brute_force(
    seed: int, sizes: tuple[int, int], threshold: float, columns: int, levels: int, kinds: int
) -> None:
    random = np.random.default_rng(seed)
    references, predictions = (boxes(random, size, 1.5, columns, levels) for size in sizes)
    groups = tuple(random.integers(0, kinds, size) for size in sizes)
    edges = slow.pairs(references, predictions, threshold, groups)
    found = overlapping_pairs(
        references, predictions, minimum_iou=threshold, reference_group=groups[0], prediction_group=groups[1]
    )
    assert dict(zip(zip(found.reference, found.prediction, strict=True), found.iou, strict=True)) == pytest.approx(
        edges, abs=1e-12
    )
    if len(edges) <= 14:
        matched = match_boxes(
            references, predictions, minimum_iou=threshold, reference_group=groups[0], prediction_group=groups[1]
        )
        count, total = slow.best_matching(edges)
        assert len(matched.iou) == count
        assert matched.iou.sum() == pytest.approx(total, abs=1e-9)
        assert set(zip(matched.reference, matched.prediction, strict=True)) <= set(edges)
        assert len(set(matched.reference)) == len(set(matched.prediction)) == count
    scores = random.integers(0, 4, sizes[1]) / 4
    greedy = match_by_score(found, scores, sizes[0])
    assert set(zip(greedy.reference, greedy.prediction, strict=True)) == slow.greedy(edges, scores)


@pytest.mark.parametrize("span_s", [400.0, 60.0, 12.0])  # from isolated pairs to one dense component
@pytest.mark.parametrize("threshold", [0.1, 0.5])
def test_equals_networkx_and_hopcroft_karp_on_crowded_scenes(span_s: float, threshold: float) -> None:
    random = np.random.default_rng(int(span_s))
    references, predictions = boxes(random, 150, span_s), boxes(random, 180, span_s)
    predictions[:100] = references[:100] + random.normal(0, 0.02, (100, 1))
    edges = slow.pairs(references, predictions, threshold)
    graph = networkx.Graph()
    graph.add_weighted_edges_from((("r", r), ("p", p), value) for (r, p), value in edges.items())
    best = networkx.max_weight_matching(graph, maxcardinality=True)
    matched = match_boxes(references, predictions, minimum_iou=threshold)
    assert len(matched.iou) == len(best)
    assert matched.iou.sum() == pytest.approx(sum(graph.edges[edge]["weight"] for edge in best), abs=1e-9)
    table = sparse.csr_array((np.ones(len(edges), bool), tuple(np.array(list(edges)).T)), shape=(150, 180))
    assert len(matched.iou) == (maximum_bipartite_matching(table, perm_type="column") >= 0).sum()


def test_components_too_large_for_the_table_keep_the_largest_number(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(3)
    references, predictions = boxes(random, 120, 3.0), boxes(random, 140, 3.0)
    whole = match_boxes(references, predictions, minimum_iou=0.2)
    monkeypatch.setattr(matching, "LARGEST", 10)
    capped = match_boxes(references, predictions, minimum_iou=0.2)
    assert len(capped.iou) == len(whole.iou)
    assert capped.iou.sum() <= whole.iou.sum() + 1e-9
    assert len(set(capped.prediction)) == len(capped.prediction)


def test_the_order_of_the_boxes_changes_neither_number_nor_sum() -> None:
    random = np.random.default_rng(5)
    references, predictions = boxes(random, 300, 30.0), boxes(random, 300, 30.0)
    before = match_boxes(references, predictions, minimum_iou=0.3)
    one, two = random.permutation(300), random.permutation(300)
    after = match_boxes(references[one], predictions[two], minimum_iou=0.3)
    # no two IoU are equal here, so it is the very same matching
    assert set(zip(one[after.reference], two[after.prediction], strict=True)) == set(
        zip(before.reference, before.prediction, strict=True)
    )
    assert (np.diff(before.reference) > 0).all()


def test_one_very_long_prediction_widens_only_its_own_class(monkeypatch: pytest.MonkeyPatch) -> None:
    from tymbal.evaluation.detection import boxes as module

    random = np.random.default_rng(7)
    references = boxes(random, 2000, 1000.0)
    predictions = references + random.normal(0, 0.001, references.shape)
    tested = []
    real = module._iou
    monkeypatch.setattr(module, "_iou", lambda one, two: tested.append(len(one[0])) or real(one, two))
    overlapping_pairs(references, predictions, minimum_iou=0.5)
    without = sum(tested)
    tested.clear()
    with_one = np.concatenate([predictions, [[0.0, 1000.0]]])
    overlapping_pairs(references, with_one, minimum_iou=0.5)
    assert sum(tested) <= without + len(references)


def test_the_threshold_is_strict_and_no_shift_in_time_decides() -> None:
    reference, prediction = np.array([[0.0, 0.2]]), np.array([[0.0, 0.1]])  # IoU 0.5 but for rounding
    for shift in (0.0, 0.3, 1234.567, 86399.9):
        assert len(match_boxes(reference + shift, prediction + shift, minimum_iou=0.5).iou) == 0
        assert len(match_boxes(reference + shift, prediction + shift, minimum_iou=0.4999).iou) == 1


def test_groups_far_apart_in_number_and_time_do_not_meet() -> None:
    same = np.array([[10.0, 11.0], [10.0, 11.0], [90000.0, 90001.0]])
    groups = np.array([0, 4000, 7])
    pairs = overlapping_pairs(same, same, minimum_iou=0.9, reference_group=groups, prediction_group=groups)
    assert sorted(zip(pairs.reference, pairs.prediction, strict=True)) == [(0, 0), (1, 1), (2, 2)]


def test_empty_boxes_match_nothing() -> None:
    empty = np.array([[1.0, 1.0]])
    assert len(match_boxes(empty, empty, minimum_iou=0.0).iou) == 0
    assert len(match_boxes([], [[0.0, 1.0]], minimum_iou=0.5).iou) == 0
    assert len(match_boxes(np.zeros((0, 4)), np.zeros((0, 2)), minimum_iou=0.5).iou) == 0


@pytest.mark.parametrize(
    ("references", "predictions", "options", "error", "said"),
    [
        ([[0.0, 1.0]], [[0.0, 1.0]], {"minimum_iou": 1.0}, UsageError, "0 to below 1"),
        ([[1.0, 0.0]], [[0.0, 1.0]], {"minimum_iou": 0.5}, DataError, "end before they begin; the first is row 0"),
        ([[0.0, np.nan]], [[0.0, 1.0]], {"minimum_iou": 0.5}, DataError, "not finite"),
        ([[0.0, 1.0, 2.0]], [[0.0, 1.0]], {"minimum_iou": 0.5}, DataError, "shape (1, 3)"),
        ([[0.0, 1.0, 5.0, 6.0]], [[0.0, 1.0]], {"minimum_iou": 0.5}, DataError, "Leave the frequency bounds out"),
        ([[0.0, 1.0]], [[0.0, 1.0]], {"minimum_iou": 0.5, "reference_group": [0]}, UsageError, "both or neither"),
        (
            [[0.0, 1.0]],
            [[0.0, 1.0]],
            {"minimum_iou": 0.5, "reference_group": [-1], "prediction_group": [0]},
            DataError,
            "one integer of 0 or more",
        ),
    ],
)
def test_bad_boxes_are_refused(
    references: list, predictions: list, options: dict, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=re.escape(said)):
        match_boxes(references, predictions, **options)


def test_scores_with_nan_are_refused() -> None:
    pairs = overlapping_pairs([[0.0, 1.0]], [[0.0, 1.0]], minimum_iou=0.5)
    with pytest.raises(DataError, match="NaN"):
        match_by_score(pairs, [np.nan], 1)
