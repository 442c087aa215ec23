from __future__ import annotations

import pytest

from tymbal.errors import UsageError
from tymbal.probes.finetuning import FinetuneConfig


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"mode": "half"}, "mode is 'half'"),
        ({"rank": 0}, "rank is 0"),
        ({"alpha": 0.0}, "alpha is 0.0"),
        ({"encoder_learning_rate": -1.0}, "encoder_learning_rate is -1.0"),
        ({"layer_decay": 1.5}, "layer_decay is 1.5"),
        ({"segment_s": 0.0}, "segment_s is 0.0"),
        ({"frames": 0}, "frames is 0"),
        ({"head": "ridge"}, "the head ridge is solved for, not trained"),
        ({"dim": 0}, "dim is 0"),
    ],
)
def test_settings_out_of_range_are_named(fields: dict[str, object], named: str) -> None:
    with pytest.raises(UsageError, match=named):
        FinetuneConfig(**fields).check()  # type: ignore[arg-type]


def test_the_encoder_has_its_own_rate() -> None:
    plain = FinetuneConfig()
    plain.check()
    assert plain.encoder_rate < FinetuneConfig(mode="lora").encoder_rate < plain.training.learning_rate
    assert FinetuneConfig(encoder_learning_rate=0.5).encoder_rate == 0.5
