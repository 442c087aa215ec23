"""The study end to end on a replica: run, resumed, broken, refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.benchmarks.reproduce.conftest import tiny_plan

from tymbal.benchmarks.reproduce import StudyOutcome, plan_study, run_study
from tymbal.errors import NothingDoneError, UsageError
from tymbal.probes import Probe

KEPT = ("results.md", "results.csv", "results.json", "results.parquet", "EAT-all-random-tiny/esc50/result.json")


def test_what_is_there_is_run_and_the_rest_is_named(studied: tuple[Path, StudyOutcome]) -> None:
    out, outcome = studied
    assert {name: list(found) for name, found in outcome.results.items()} == {
        "BEATs-random-tiny": ["esc50"],
        "EAT-all-random-tiny": ["esc50"],
    }
    cells = outcome.results["EAT-all-random-tiny"]["esc50"]
    assert list(cells["probes"]) == ["linear-last", "linear-all", "self_attention-last", "self_attention-all"]
    assert cells["configs"]["linear-all"]["layers"] == ["embedding", "block0", "block1"]  # no class token
    assert [name for name, _ in outcome.skipped] == ["dogs"]
    ((broken, reason),) = outcome.failures
    assert broken == "rfcx"
    assert "train_tp.csv" in reason
    assert (out / "corpora/esc50/corpus").is_dir()  # one corpus for all encoders
    assert not (out / "BEATs-random-tiny/esc50/corpus").exists()


def test_running_again_fits_nothing_and_changes_no_byte(
    replica: Path, studied: tuple[Path, StudyOutcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    out, _ = studied
    before = {name: (out / name).read_bytes() for name in KEPT}
    monkeypatch.setattr(Probe, "fit", _refuse)
    plan = tiny_plan(replica, out)
    assert [each.done for each in plan.work] == [True, True]
    run_study(plan)
    assert {name: (out / name).read_bytes() for name in KEPT} == before


def test_an_interrupted_run_ends_with_the_same_bytes(
    replica: Path, studied: tuple[Path, StudyOutcome], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, _ = studied
    left = [6]  # fits before the interruption: within the second encoder
    fit = Probe.fit

    def interrupted(self: Probe, *args: object, **options: object) -> Probe:
        if not left[0]:
            raise KeyboardInterrupt
        assert self.config.training.seed == 42  # the paper's
        left[0] -= 1
        return fit(self, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Probe, "fit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_study(tiny_plan(replica, tmp_path))
    assert (tmp_path / "results.md").is_file()  # of the first encoder
    left[0] = 2  # what was left of eight
    run_study(tiny_plan(replica, tmp_path))
    assert left == [0]
    assert {name: (tmp_path / name).read_bytes() for name in KEPT} == {name: (out / name).read_bytes() for name in KEPT}


def test_an_encoder_that_does_not_load_is_listed_and_the_others_run(replica: Path, tmp_path: Path) -> None:
    weights = tmp_path / "weights"
    weights.mkdir()
    (weights / "BEATs_iter3_plus_AS2M.pt").write_bytes(b"no checkpoint")
    chosen = {"tasks": ["esc50"], "models": ["BEATs", "EAT-all"], "frames": 2, "epochs": 1}
    plan = plan_study(replica, tmp_path / "out", weights=weights, random_weights="tiny", **chosen)  # type: ignore[arg-type]
    outcome = run_study(plan)
    assert list(outcome.results) == ["EAT-all-random-tiny"]
    ((broken, reason),) = outcome.failures
    assert broken == "BEATs"
    assert "BEATs_iter3_plus_AS2M.pt" in reason


def test_nothing_to_run_and_nowhere_to_write_are_errors(replica: Path, tmp_path: Path) -> None:
    with pytest.raises(NothingDoneError, match=r"0 of 7 encoders and 1 of 1 sets are there.*--random-weights"):
        run_study(plan_study(replica, tmp_path / "out", tasks=["esc50"]))
    assert not (tmp_path / "out").exists()
    with pytest.raises(UsageError, match="no folder"):
        run_study(plan_study(replica, tasks=["esc50"], random_weights="tiny"))


def _refuse(*_: object, **__: object) -> None:
    raise AssertionError("fitted again")
