from __future__ import annotations

from dataclasses import replace

import pytest

from tymbal.errors import ConfigError, DataError
from tymbal.probes.sweep.config import ProbeGrid, SweepEncoder, SweepPlan, SweepTask
from tymbal.probes.sweep.grid import count, expand

LAYERS = ("low", "middle", "high")


def plan_of(*grids: ProbeGrid) -> SweepPlan:
    return SweepPlan((SweepTask("corpus"),), (SweepEncoder("spectral"), SweepEncoder("beats")), grids, seeds=3)


def test_every_choice_of_layers_fusion_and_rate_is_a_probe_and_equal_ones_count_once() -> None:
    grid = ProbeGrid("linear", layers=("last", "all", "each", "low+high"), learning_rates=(0.1, 0.2),
                     fusions=("weighted_sum", "concatenation"))  # fmt: skip
    found = expand(plan_of(grid), "spectral", LAYERS)
    assert list(found) == [
        "linear-last-lr0.1", "linear-last-lr0.2",
        "linear-all-weighted_sum-lr0.1", "linear-all-weighted_sum-lr0.2",
        "linear-all-concatenation-lr0.1", "linear-all-concatenation-lr0.2",
        "linear-low-lr0.1", "linear-low-lr0.2", "linear-middle-lr0.1", "linear-middle-lr0.2",
        "linear-low+high-weighted_sum-lr0.1", "linear-low+high-weighted_sum-lr0.2",
        "linear-low+high-concatenation-lr0.1", "linear-low+high-concatenation-lr0.2",
    ]  # fmt: skip
    one = found["linear-all-concatenation-lr0.2"]
    assert (one.taps, one.layers, one.fusion, one.learning_rate) == (LAYERS, "all", "concatenation", 0.2)
    assert (one.config.layers, one.config.fusion, one.config.training.learning_rate) == (LAYERS, "concatenation", 0.2)
    assert one.is_all
    assert found["linear-last-lr0.1"].is_last
    assert found["linear-last-lr0.1"].fusion is None
    assert count(plan_of(grid), found) == 3 * len(found)


def test_solved_heads_have_neither_rate_nor_seeds() -> None:
    plan = plan_of(ProbeGrid("ridge"))
    found = expand(plan, "spectral", LAYERS)
    assert list(found) == ["ridge-last", "ridge-all"]
    assert found["ridge-all"].learning_rate is None
    assert found["ridge-all"].fusion is None
    assert count(plan, found) == 2


def test_one_layer_is_last_and_not_all() -> None:
    assert list(expand(plan_of(ProbeGrid("ridge")), "spectral", ("only",))) == ["ridge-last"]


def test_grids_may_be_for_some_encoders() -> None:
    plan = plan_of(ProbeGrid("ridge"), ProbeGrid("logistic", encoders=("beats",)))
    assert list(expand(plan, "spectral", LAYERS)) == ["ridge-last", "ridge-all"]
    assert len(expand(plan, "beats", LAYERS)) == 4
    with pytest.raises(ConfigError, match="no probes are for encoder 'spectral'"):
        expand(plan_of(ProbeGrid("ridge", encoders=("beats",))), "spectral", LAYERS)


def test_names_that_clash_are_refused() -> None:
    plan = plan_of(ProbeGrid("ridge", name="x", layers=("all",)), ProbeGrid("logistic", name="y", layers=("all",)))
    assert len(expand(plan, "spectral", LAYERS)) == 2
    clash = plan_of(ProbeGrid("ridge", layers=("low+high",)), ProbeGrid("logistic", name="ridge-low+high-x"))
    assert len(expand(clash, "spectral", LAYERS)) == 3
    twice = replace(plan, probes=(plan.probes[0], replace(plan.probes[1], name="x")))
    with pytest.raises(ConfigError, match=r"probes\[1\].*'x-all'"):
        expand(twice, "spectral", LAYERS)


def test_a_layer_that_is_not_there_is_named() -> None:
    with pytest.raises(DataError, match="no layer 'top'"):
        expand(plan_of(ProbeGrid("ridge", layers=("top",))), "spectral", LAYERS)
