from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tymbal.corpus import Corpus, Finding
from tymbal.errors import ConfigError, NothingDoneError, UsageError
from tymbal.features import FeatureStore
from tymbal.jobs import Silent
from tymbal.jobs.atomic import TEMPORARY_SUFFIX
from tymbal.probes import Probe
from tymbal.probes.sweep import ProbeGrid, SweepEncoder, SweepPlan, run_sweep
from tymbal.probes.sweep import run as room

Swept = tuple[Path, dict[str, Any]]


def kept(folder: Path) -> dict[str, bytes]:
    """Every file but locks and what the fits cost, wherever the folder lies."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes().replace(folder.as_posix().encode(), b"OUT")
        for path in folder.rglob("*")
        if path.is_file() and path.name not in (".tymbal-lock", "costs.csv") and not path.name.endswith(".cost.json")
    }


def test_a_sweep_leaves_its_results_a_study_for_each_task_and_encoder_and_one_table(swept: Swept) -> None:
    out, results = swept
    assert json.loads((out / "results.json").read_text()) == results
    assert results["order"] == {"tasks": ["call", "all birds"], "encoders": ["tiny", "twin"],
                                "families": ["linear", "ridge"]}  # fmt: skip
    assert results["failures"] == []
    for task in results["tasks"].values():
        for name, found in task["encoders"].items():
            study = json.loads((out / found["study"] / "results.json").read_text())
            assert study["selected"]["metrics"]["accuracy"]["value"] == found["picked"]["value"]
            assert study["selected"]["choices"] == found["picked"]["choices"]
            assert found["weights"] == ("random" if name == "twin" else "none")
            assert found["probes"] == 3 + 2
    table = pl.read_parquet(out / "results.parquet")
    assert table.height == 4 * (found["probes"] + 1)  # and the baseline
    assert pl.read_csv(out / "results.csv").height == table.height
    costs = pl.read_csv(out / "costs.csv")
    key = ["task", "encoder", "probe", "seed"]
    assert costs.select(key).equals(table.select(key))
    assert costs["cpu_s"].min() > 0  # type: ignore[operator]
    assert all((row["choosing_cpu_s"] > 0) == (row["probe"] != "baseline") for row in costs.iter_rows(named=True))
    layers, probes = (out / "results.md").read_text().split("## Every probe")
    assert probes.count("\n| ") == table.height + 1
    assert layers.split("## Last layer and all layers")[1].count("\n| ") == len(results["gains"]) + 1
    assert tomllib.loads((out / "plan.toml").read_text())["metric"] == "accuracy"


def test_heads_are_compared_with_the_first_of_the_plan_on_the_same_layers(swept: Swept) -> None:
    _, results = swept
    assert len(results["head_gaps"]) == 2 * 2 * 2  # tasks, encoders, last or all
    for row in results["head_gaps"]:
        assert (row["a"], row["b"]) == ("ridge", "linear")
        families = results["tasks"][row["task"]]["encoders"][row["encoder"]]["families"]
        ridge, linear = (families[name]["by_layers"][row["layers"]]["value"] for name in ("ridge", "linear"))
        assert row["value"] == pytest.approx(ridge - linear)
    said = next(part["text"] for part in results["words"] if part["about"] == "Which head")
    assert said.startswith("ridge against linear, 8 paired comparisons")


def test_the_same_features_under_two_names_are_told_to_be_equal(swept: Swept) -> None:
    _, results = swept
    for task in results["tasks"].values():
        (gap,) = task["encoder_differences"]
        assert gap["value"] == 0
        assert gap["p"] == (1 if gap["low"] is not None else None)  # too few units for intervals and for tests
        assert task["picked"]["value"] == task["encoders"]["tiny"]["picked"]["value"]
        assert [row["b"] for row in task["against_baseline"]] == ["baseline", "baseline"]
    assert "tiny and twin are not shown to differ" in results["words"][1]["text"]


def test_layer_weights_of_surface_fusion_are_those_of_both_ends(
    make_plan: Callable[..., SweepPlan], tmp_path: Path
) -> None:
    plan = make_plan(probes=(ProbeGrid("linear", layers=("all",), fusions=("surface",)),), seeds=1)
    (found,) = run_sweep(plan, tmp_path / "out", audited=False)["tasks"]["call"]["encoders"].values()
    assert len(found["layers"]) > 2
    assert set(found["layer_weights"]["linear-all"]) == {found["layers"][0], found["layers"][-1]}


def test_only_tested_examples_and_units_count(swept: Swept) -> None:
    _, results = swept
    named, every = (results["tasks"][name] for name in ("call", "all birds"))
    assert (named["examples"], named["tested"], named["units"]) == (72, 18, 2)
    assert (every["examples"], every["tested"], every["units"]) == (72, 72, 8)
    assert "there are no intervals" in results["words"][0]["text"]
    assert "there are no intervals" not in results["words"][1]["text"]


def test_running_again_fits_nothing_and_ends_with_the_same_bytes(swept: Swept, monkeypatch: pytest.MonkeyPatch) -> None:
    out, results = swept
    before = kept(out)
    (out / "studies" / f".half{TEMPORARY_SUFFIX}").write_bytes(b"of a run that was killed")
    monkeypatch.setattr(Probe, "fit", None)
    plan = room.load_plan(out / "plan.toml")
    assert run_sweep(plan, out, audited=False) == results
    assert kept(out) == before


class Stops(Silent):
    """Interrupts a sweep after so many finished shards and fits."""

    def __init__(self, after: int) -> None:
        self.left = after

    def advance(self, items: int, *, audio_s: float = 0.0, failures: int = 0) -> None:
        self.left -= 1
        if self.left <= 0:
            raise KeyboardInterrupt


def test_a_stopped_sweep_embeds_and_fits_on_and_repeats_bit_for_bit(
    make_plan: Callable[..., SweepPlan], tmp_path: Path
) -> None:
    embed = {"segment_s": 0.5, "layers": ["log_mel", "mfcc"]}
    encoders = (SweepEncoder("spectral", options={"low_hz": 100.0}, embed=embed),)
    plan = make_plan(encoders=encoders, probes=(ProbeGrid("linear"), ProbeGrid("ridge", layers=("all",))))
    straight = run_sweep(plan, tmp_path / "straight", audited=False)
    for after in (1, 2, 4):
        with pytest.raises(KeyboardInterrupt):
            run_sweep(plan, tmp_path / "stopped", audited=False, progress=Stops(after))
        assert not (tmp_path / "stopped" / "results.json").exists()
    assert run_sweep(plan, tmp_path / "stopped", audited=False) == straight
    assert kept(tmp_path / "stopped") == kept(tmp_path / "straight")
    assert straight["tasks"]["call"]["encoders"]["spectral"]["weights"] == "none"


def test_what_fails_is_listed_and_the_rest_is_run(make_plan: Callable[..., SweepPlan], tmp_path: Path) -> None:
    plan = make_plan(probes=(ProbeGrid("ridge"),))
    task = plan.tasks[0]
    tasks = (*plan.tasks, replace(task, name="moon", split="moon"), replace(task, name="gone", corpus="nowhere"))
    encoders = (SweepEncoder("hubert"), *plan.encoders)
    found = run_sweep(replace(plan, tasks=tasks, encoders=encoders), tmp_path / "a", audited=False)
    assert [(row["task"], row["encoder"]) for row in found["failures"]] == [
        ("call", "hubert"), ("moon", "hubert"), ("moon", "tiny"), ("gone", "all encoders"),
    ]  # fmt: skip
    assert "no weights of its own" in found["failures"][0]["message"]
    assert "no split 'moon'" in found["failures"][2]["message"]
    assert list(found["tasks"]) == ["call"]
    assert "Not run, see the list of failures: call × hubert, moon" in found["words"][-1]["text"]
    with pytest.raises(NothingDoneError, match=r"the first: .*no split 'moon'"):
        run_sweep(replace(plan, tasks=tasks[1:2]), tmp_path / "b", audited=False)


def test_another_plan_does_not_go_into_the_same_studies(make_plan: Callable[..., SweepPlan], tmp_path: Path) -> None:
    plan = make_plan(probes=(ProbeGrid("ridge"),))
    run_sweep(plan, tmp_path, audited=False)
    with pytest.raises(UsageError, match="other settings"):
        run_sweep(replace(plan, frames=2), tmp_path, audited=False)
    wider = replace(plan, encoders=(*plan.encoders, replace(plan.encoders[0], name="more")))
    assert len(run_sweep(wider, tmp_path, audited=False)["tasks"]["call"]["encoders"]) == 2


def test_every_task_is_audited_once(
    make_plan: Callable[..., SweepPlan], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, str]] = []

    def audit(corpus: Corpus, *, label: str, split: str, **how: object) -> list[Finding]:
        asked.append((label, split))
        return [Finding("leak", "warning", "same room")]

    monkeypatch.setattr(room, "audit", audit)
    plan = make_plan(probes=(ProbeGrid("ridge"),))
    two = replace(plan, encoders=(*plan.encoders, replace(plan.encoders[0], name="more")))
    found = run_sweep(two, tmp_path)
    assert asked == [("call", "named")]
    assert [row["code"] for row in found["tasks"]["call"]["audit"]] == ["leak"]
    for encoder in found["tasks"]["call"]["encoders"].values():
        assert json.loads((tmp_path / encoder["study"] / "results.json").read_text())["audit"][0]["code"] == "leak"
    assert "1 warning about the data could explain scores" in found["words"][-1]["text"]


def test_a_plan_that_is_wrong_is_refused_before_anything_is_made(
    make_plan: Callable[..., SweepPlan], tmp_path: Path
) -> None:
    with pytest.raises(ConfigError):
        run_sweep(make_plan(probes=()), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_encoders_with_different_examples_are_not_compared(
    make_plan: Callable[..., SweepPlan],
    tones: tuple[Path, Path],
    tmp_path: Path,
) -> None:
    from tymbal.features import embed

    corpus = Corpus.open(tones[0])

    class Fewer:
        """The corpus without one session."""

        path, root, parameters = corpus.path, corpus.root, corpus.parameters
        recordings = corpus.recordings.filter(pl.col("session") != corpus.recordings["session"][0])
        events, file = corpus.events, corpus.file

    from tymbal.encoders.spectral import SpectralEncoder

    embed(Fewer(), SpectralEncoder.tiny(), tmp_path / "fewer", segment_s=0.5)  # type: ignore[arg-type]
    assert FeatureStore.open(tmp_path / "fewer").units.height == 63
    plan = make_plan(probes=(ProbeGrid("ridge"),))
    two = replace(plan, encoders=(*plan.encoders, SweepEncoder(store=str(tmp_path / "fewer"))))
    found = run_sweep(two, tmp_path / "out", audited=False)["tasks"]["call"]
    assert found["not_compared"] == "tiny and fewer have features of different examples"
    assert found["encoder_differences"] == []
    assert found["picked"] is None
    assert any(row["code"] == "no_features" for row in found["audit"]) is False  # those of the first encoder
    assert [row["b"] for row in found["against_baseline"]] == ["baseline", "baseline"]
