"""A small finished sweep of two tasks and two encoders, whose page is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.probes.study.conftest import tones  # noqa: F401 - a fixture
from tests.probes.sweep.conftest import make_plan  # noqa: F401 - a fixture

from tymbal.probes.sweep import ProbeGrid, SweepEncoder, SweepPlan, run_sweep


@pytest.fixture(scope="session")
def sweep_folder(make_plan: Callable[..., SweepPlan], tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: F811
    """Ridge on single layers and all of them, a trained head on all; intervals in one task and too few units in the
    other; an encoder that is not there."""
    plan = make_plan(seeds=1, inner_folds=2, settings={"dim": 8, "training": {"epochs": 1, "batch_size": 32}})
    tasks = (replace(plan.tasks[0], name="every <bird>", split="folds"), plan.tasks[0])
    twin = replace(plan.encoders[0], name="twin", random_weights=True)
    grids = (ProbeGrid("ridge", layers=("log_mel", "mfcc", "last", "all")),
             ProbeGrid("linear", name="sum & mean", layers=("all",), encoders=("tiny",)))  # fmt: skip
    encoders = (*plan.encoders, twin, SweepEncoder("hubert"))
    out = tmp_path_factory.mktemp("drawn") / "out"
    run_sweep(replace(plan, tasks=tasks, encoders=encoders, probes=grids), out, audited=False)
    return out
