from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tymbal.config import dumps
from tymbal.errors import ConfigError, UsageError
from tymbal.probes.sweep import ProbeGrid, SweepEncoder, SweepPlan, SweepTask, load_plan

PLAN = SweepPlan((SweepTask("corpus", label="call"),), (SweepEncoder("spectral"),), (ProbeGrid("linear"),))


def test_a_plan_in_toml_is_the_plan_in_python_with_paths_beside_it(tmp_path: Path) -> None:
    (tmp_path / "weights.safetensors").write_bytes(b"")
    encoders = (SweepEncoder("spectral"), SweepEncoder("weights.safetensors", name="ours"), SweepEncoder(store="made"))
    settings = {"dim": 64, "training": {"epochs": 9}}
    plan = replace(PLAN, encoders=encoders, settings=settings)
    (tmp_path / "plan.toml").write_text(dumps(plan))
    found = load_plan(tmp_path / "plan.toml")
    assert found.tasks[0].corpus == (tmp_path / "corpus").as_posix()
    assert [each.title for each in found.encoders] == ["spectral", "ours", "made"]
    assert found.encoders[0].encoder == "spectral"
    assert found.encoders[1].encoder == (tmp_path / "weights.safetensors").as_posix()
    assert found.encoders[2].store == (tmp_path / "made").as_posix()
    assert replace(found, tasks=plan.tasks, encoders=plan.encoders) == plan


def test_settings_reach_the_probes_and_a_grid_overrules_the_plan() -> None:
    plan = replace(PLAN, settings={"dim": 64, "training": {"epochs": 9, "batch_size": 7}})
    grid = ProbeGrid("attention", options={"queries": 2}, settings={"dim": 32, "training": {"epochs": 5}})
    found = plan.probe(grid, ("a", "b"), fusion="concatenation", learning_rate=0.25)
    assert (found.head, found.layers, found.dim, found.options) == ("attention", ("a", "b"), 32, {"queries": 2})
    training = found.training
    assert (training.epochs, training.batch_size, training.learning_rate) == (5, 7, 0.25)
    assert training.monitor == "score"  # of probes, not of any training
    assert found.fusion == "concatenation"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"tasks": ()}, "tasks"),
        ({"metric": "f1"}, "f1"),
        ({"frames": -1}, "frames is -1"),
        ({"inner_folds": 1}, "inner_folds"),
        ({"tasks": (SweepTask("a"), SweepTask("b"))}, "tasks: two of them are called 'label'"),
        ({"tasks": (SweepTask("a", where="bird"),)}, "where"),
        ({"encoders": (SweepEncoder(),)}, r"encoders\[0\].*one of them"),
        ({"encoders": (SweepEncoder("a", store="b"),)}, r"encoders\[0\]"),
        ({"encoders": (SweepEncoder("a", embed={"segments": 1}),)}, r"encoders\[0\].embed: .*segments"),
        ({"encoders": (SweepEncoder("a", embed={"segment_s": -1}),)}, "segment_s"),
        ({"encoders": (SweepEncoder(store="a", embed={"frames": 1}),)}, "a store is taken as it is"),
        ({"probes": (ProbeGrid("svm"),)}, "unknown head 'svm'"),
        ({"probes": (ProbeGrid("linear", layers=()),)}, r"probes\[0\]: layers"),
        ({"probes": (ProbeGrid("linear", fusions=("sum",)),)}, "unknown fusion 'sum'"),
        ({"probes": (ProbeGrid("linear", options={"drop": 1}),)}, "drop"),
        ({"probes": (ProbeGrid("linear", learning_rates=(0.0,)),)}, "learning_rates"),
        ({"probes": (ProbeGrid("ridge", learning_rates=(1e-3,)),)}, "ridge is solved, not trained"),
        ({"probes": (ProbeGrid("linear", encoders=("beats",)),)}, r"encoders is .*allowed: spectral"),
        ({"probes": (ProbeGrid("linear", settings={"width": 3}),)}, r"settings of probes\[0\]: .*width"),
        ({"probes": (ProbeGrid("linear", settings={"training": {"epoch": 3}}),)}, "epoch"),
        ({"probes": (ProbeGrid("linear", settings={"training": 3}),)}, "training is 3"),
        ({"settings": {"layers": "all"}}, "It is decided by `layers`"),
        ({"settings": {"training": {"seed": 1}}}, "It is decided by `seeds`"),
        ({"settings": {"dim": 0}}, "dim"),
        ({"probes": (ProbeGrid("linear"), ProbeGrid("linear"))}, "probes: two of them are called 'linear'"),
    ],
)
def test_what_is_wrong_is_named(change: dict[str, object], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        replace(PLAN, **change).check()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("seeds = 3", "seed = 3", "unknown field 'seed' for SweepPlan"),
        ("seeds = 3", "seeds = 'three'", "seeds: .*integer"),
        ('head = "linear"', 'head = "linear"\nlayer = ["all"]', "unknown field 'layer' for ProbeGrid"),
        ('corpus = "corpus"', 'name = "corpus"', "tasks.0.corpus"),
        ("[[probes]]", "[[probes]", "not valid TOML"),
    ],
)
def test_a_plan_file_with_a_fault_names_file_and_field(tmp_path: Path, old: str, new: str, told: str) -> None:
    path, text = tmp_path / "plan.toml", dumps(PLAN)
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(ConfigError, match=told) as caught:
        load_plan(path)
    assert "plan.toml" in str(caught.value)


def test_a_task_of_several_labels_makes_every_probe_so(make_plan: Callable[..., SweepPlan]) -> None:
    task = replace(PLAN.tasks[0], multilabel=True)
    plan = replace(PLAN, metric="cmap")
    probe = plan.probe(plan.probes[0], ("a",))
    study = plan.study(task, {"one": probe})
    assert not probe.multilabel
    assert study.probes["one"].multilabel
    assert study.probe.multilabel
    with pytest.raises(UsageError, match="metric"):
        replace(PLAN, tasks=(task,)).check()  # balanced accuracy takes one label
