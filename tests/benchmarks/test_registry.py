"""The registry of benchmarks: names, order, near matches."""

from __future__ import annotations

import pytest

from tymbal.benchmarks import BENCHMARKS, benchmark_sets
from tymbal.errors import UsageError


def test_sets_come_in_the_benchmark_order() -> None:
    assert [each.name for each in benchmark_sets("beans", ["rfcx", "watkins"])] == ["watkins", "rfcx"]
    assert benchmark_sets("birdset") == BENCHMARKS["birdset"]
    for sets in BENCHMARKS.values():
        assert len({each.name for each in sets}) == len(sets)


def test_unknown_names_bring_a_guess() -> None:
    with pytest.raises(UsageError, match="Did you mean 'watkins'"):
        benchmark_sets("beans", ["watkin"])
    with pytest.raises(UsageError, match="no benchmark 'bean'"):
        benchmark_sets("bean")
