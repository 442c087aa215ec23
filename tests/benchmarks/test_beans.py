"""BEANS as data: what was published of it."""

from __future__ import annotations

from tymbal.benchmarks import BENCHMARKS, published


def test_the_benchmark_as_published() -> None:
    sets = {described.name: described for described in BENCHMARKS["beans"]}
    assert len(sets) == 12
    assert all(len(each.labels) in (0, each.classes) for each in sets.values())
    assert {name for name, each in sets.items() if each.task == "windows"} == {
        *("dcase", "enabirds", "hiceas", "rfcx", "hainan-gibbons")
    }
    for described in sets.values():
        assert published("beans", described.published or described.name, described.metrics[0]).height >= 6
