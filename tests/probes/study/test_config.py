from __future__ import annotations

import pytest

from tymbal.config import dumps, load
from tymbal.errors import UsageError
from tymbal.probes import ProbeConfig, StudyConfig
from tymbal.probes.study.config import seeds_of


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("heads", ()),
        ("heads", ("svm",)),
        ("heads", "ridge"),
        ("heads", 3),
        ("layers", "last"),
        ("seeds", 1.5),
        ("seeds", "3"),
        ("label", None),
        ("probe", {"dim": 3}),
        ("layers", ()),
        ("seeds", 0),
        ("metric", "f1"),
        ("least_groups", 0),
        ("inner_folds", 1),
        ("frames", 0),
        ("where", "individual"),
        ("probe", ProbeConfig(multilabel=True)),
        ("probe", ProbeConfig(dim=0)),
    ],
)
def test_values_out_of_range_are_refused(field: str, value: object) -> None:
    with pytest.raises(UsageError):
        StudyConfig(**{field: value}).check()  # type: ignore[arg-type]


def test_candidates_are_heads_by_layers() -> None:
    config = StudyConfig(heads=("ridge", "linear"), layers=("last", "a+b"), probe=ProbeConfig(dim=7))
    found = config.candidates()
    assert list(found) == ["ridge-last", "ridge-a+b", "linear-last", "linear-a+b"]
    assert found["linear-a+b"].layers == "a+b"
    assert found["linear-a+b"].dim == 7
    assert seeds_of(found["ridge-last"], 3) == (0,)
    assert seeds_of(found["linear-last"], 3) == (0, 1, 2)


def test_probes_with_names_of_their_own_stand_in_for_heads_by_layers() -> None:
    own = {"wide": ProbeConfig(head="linear", dim=9), "plain": ProbeConfig(head="ridge")}
    assert StudyConfig(probes=own).candidates() == own
    with pytest.raises(UsageError, match="dim"):
        StudyConfig(probes={"wide": ProbeConfig(dim=0)}).check()
    with pytest.raises(UsageError, match="svm"):
        StudyConfig(probes={"wide": ProbeConfig(head="svm")}).check()


def test_options_go_to_their_head_alone() -> None:
    probe = ProbeConfig(head="attention", options={"queries": 2})
    found = StudyConfig(heads=("attention", "ridge"), layers=("all",), probe=probe).candidates()
    assert found["attention-all"].options == {"queries": 2}
    assert found["ridge-all"].options == {}


def test_the_baseline_needs_its_layer() -> None:
    config = StudyConfig(probe=ProbeConfig(class_weight="balanced"))
    assert config.baseline(("log_mel",)) is None
    found = config.baseline(("log_mel", "mfcc"))
    assert found is not None
    assert (found.head, found.layers, found.statistics, found.class_weight) == (
        "logistic",
        ("mfcc",),
        ("mean", "std"),
        "balanced",
    )
    assert StudyConfig(baseline_layer=None).baseline(("mfcc",)) is None


def test_toml_keeps_it(tmp_path) -> None:
    config = StudyConfig(label="individual", heads=("ridge",), where="a=b", probe=ProbeConfig(layers=("x",)))
    (tmp_path / "s.toml").write_text(dumps(config))
    assert load(StudyConfig, tmp_path / "s.toml") == config
