from __future__ import annotations

import pytest

from tymbal.errors import DataError
from tymbal.probes import DiagnoseConfig, ProbeConfig


def test_each_is_every_stored_layer_and_the_same_layers_count_once() -> None:
    config = DiagnoseConfig(heads=("ridge", "linear"), layers=("each", "all", "last", "a+b"), seed=7)
    probes = config.probes(("a", "b", "c"))
    assert list(probes) == [f"{head}-{name}" for head in ("ridge", "linear") for name in ("a", "b", "c", "all", "a+b")]
    assert probes["linear-all"].layers == ("a", "b", "c")
    assert {probe.training.seed for probe in probes.values()} == {7}
    assert list(DiagnoseConfig().probes(("only",))) == ["ridge-only"]
    with pytest.raises(DataError, match="no layer 'd'"):
        DiagnoseConfig(layers=("d",)).probes(("a",))


def test_options_go_to_the_head_they_are_for() -> None:
    config = DiagnoseConfig(heads=("ridge", "linear"), probe=ProbeConfig(head="ridge", options={"steps": 3}))
    probes = config.probes(("a",))
    assert (probes["ridge-a"].options, probes["linear-a"].options) == ({"steps": 3}, {})
    config.check()
