"""The study run once for the tests of this folder, on a replica and tiny random weights."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.benchmarks import replicas

from tymbal.benchmarks.reproduce import StudyOutcome, StudyPlan, plan_study, run_study


def tiny_plan(data: Path, out: Path) -> StudyPlan:
    """BEATs and EAT, tiny, on esc50; dogs is not there and rfcx is broken."""
    sets, models = ["esc50", "dogs", "rfcx"], ["BEATs", "EAT-all"]
    return plan_study(data, out, random_weights="tiny", tasks=sets, models=models, frames=2, epochs=1)


@pytest.fixture(autouse=True)
def _no_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TYMBAL_WEIGHTS", str(tmp_path / "none"))


@pytest.fixture(scope="session")
def replica(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """esc50, and rfcx with a table of other columns."""
    data = tmp_path_factory.mktemp("study-data")
    replicas.esc50(data / "beans")
    replicas.tone(data / "beans/rfcx/train/r00.flac", 1.0)
    (data / "beans/rfcx/train_tp.csv").write_text("no,such,columns\n1,2,3\n")
    return data


@pytest.fixture(scope="session")
def studied(replica: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, StudyOutcome]:
    """(OUT, outcome) of a whole run."""
    out = tmp_path_factory.mktemp("study")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TYMBAL_WEIGHTS", str(out / "none"))
        return out, run_study(tiny_plan(replica, out))
