from __future__ import annotations

import pytest

from tymbal.config import dumps, load
from tymbal.errors import UsageError
from tymbal.training import TrainingConfig


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("epochs", 0),
        ("batch_size", 0),
        ("learning_rate", 0.0),
        ("learning_rate", float("nan")),
        ("weight_decay", -1.0),
        ("warmup_epochs", -0.5),
        ("final_fraction", 1.5),
        ("clip", 0.0),
        ("patience", 0),
        ("direction", "up"),
        ("ema_decay", 1.0),
        ("precision", "float16"),
        ("checkpoint_steps", 0),
    ],
)
def test_values_out_of_range_are_named(field: str, value: object) -> None:
    with pytest.raises(UsageError, match=field):
        TrainingConfig(**{field: value}).check()  # type: ignore[arg-type]


def test_defaults_pass_and_survive_toml(tmp_path) -> None:
    config = TrainingConfig(patience=3, clip=None, ema_decay=0.99)
    config.check()
    path = tmp_path / "training.toml"
    path.write_text(dumps(config))
    assert load(TrainingConfig, path).patience == 3
    assert load(TrainingConfig, path).ema_decay == 0.99
