from __future__ import annotations

import pytest

from tymbal.config import dumps, load
from tymbal.errors import DataError, UsageError
from tymbal.probes import ProbeConfig
from tymbal.probes.config import choose_layers
from tymbal.training import TrainingConfig


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("layers", ()),
        ("class_weight", "some"),
        ("statistics", ("mean", "median")),
        ("statistics", ()),
        ("norm", "batch"),
        ("dim", 0),
        ("validation_fraction", 1.0),
    ],
)
def test_values_out_of_range_are_named(field: str, value: object) -> None:
    with pytest.raises(UsageError, match=field):
        ProbeConfig(**{field: value}).check()  # type: ignore[arg-type]


def test_the_training_is_checked_too() -> None:
    with pytest.raises(UsageError, match="epochs"):
        ProbeConfig(training=TrainingConfig(epochs=0)).check()


def test_toml_keeps_it(tmp_path) -> None:
    config = ProbeConfig(head="attention", layers=("a", "b"), options={"queries": 3})
    (tmp_path / "p.toml").write_text(dumps(config))
    assert load(ProbeConfig, tmp_path / "p.toml") == config


def test_layers_are_chosen_in_their_own_order() -> None:
    names = ("low", "mid", "high")
    assert choose_layers("all", names) == names
    assert choose_layers("last", names) == ("high",)
    assert choose_layers("mid", names) == ("mid",)
    assert choose_layers("high+low", names) == ("low", "high")
    assert choose_layers(["high", "mid"], names) == ("mid", "high")
    with pytest.raises(DataError, match=r"no layer 'top'.*last, all, low, mid, high"):
        choose_layers(("low", "top"), names)
