"""The eight sets as published."""

from __future__ import annotations

from tests.benchmarks.boxes import replicas

from tymbal.benchmarks import benchmark_sets
from tymbal.benchmarks.boxes.layout import BoxSet
from tymbal.benchmarks.dataset import FOLDS


def test_the_eight_sets_are_known_by_every_name_of_theirs() -> None:
    sets = benchmark_sets("boxes")
    assert tuple(each.name for each in sets) == replicas.NAMES
    slowed = {each.name: each.slowed for each in sets if isinstance(each, BoxSet) and each.slowed > 1}
    assert slowed == {"BV10": 2, "Katy": 6, "OZF": 2}
    for each in sets:
        assert isinstance(each, BoxSet)
        assert set(each.events) == set(each.hours) == set(each.files_by_fold) == set(FOLDS)
        assert ("slowed" in each.slowed_first().folder) == (each.slowed > 1)
