"""One small finished sweep over the corpus of tones, which most tests of sweeps look at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.probes.study.conftest import tones  # noqa: F401 - a fixture

from tymbal.probes.sweep import ProbeGrid, SweepEncoder, SweepPlan, SweepTask, run_sweep

GRIDS = (
    ProbeGrid("linear", layers=("last", "all", "each"), learning_rates=(5e-3, 1e-2)),
    ProbeGrid("ridge", layers=("last", "all", "mfcc+log_mel")),
)
SETTINGS = {"dim": 8, "training": {"epochs": 4, "batch_size": 32}}


@pytest.fixture(scope="session")
def make_plan(tones: tuple[Path, Path]) -> Callable[..., SweepPlan]:  # noqa: F811
    """A plan over the tones; keywords replace its fields."""

    def make(**fields: Any) -> SweepPlan:
        plan = SweepPlan(
            tasks=(SweepTask(str(tones[0]), label="call", split="named", unit_name="session"),),
            encoders=(SweepEncoder(store=str(tones[1]), name="tiny"),),
            probes=GRIDS,
            metric="accuracy",
            seeds=2,
            frames=3,
            settings=SETTINGS,
        )
        return replace(plan, **fields)

    return make


@pytest.fixture(scope="session")
def swept(make_plan: Callable[..., SweepPlan], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The folder of a finished sweep of two tasks, and what `run_sweep` returned."""
    out = tmp_path_factory.mktemp("sweep") / "out"
    plan = make_plan()
    tasks = (*plan.tasks, replace(plan.tasks[0], name="all birds", split="folds"))
    # The same store under another name: "encoders" that must come out as equal.
    encoders = (*plan.encoders, replace(plan.encoders[0], name="twin", random_weights=True))
    probes = (ProbeGrid("linear", layers=("all", "mfcc", "last")), ProbeGrid("ridge"))
    plan = replace(plan, tasks=tasks, encoders=encoders, probes=probes, seeds=1, inner_folds=2)
    return out, run_sweep(plan, out, audited=False)
