from __future__ import annotations

import math
from typing import Any

import pytest

from tymbal.errors import ConfigError
from tymbal.synthesis.mixtures import MixturePlan


@pytest.mark.parametrize(
    ("fields", "begins"),
    [
        ({"overlap": ()}, "overlap is ()"),
        ({"overlap": (0.5, -0.1)}, "overlap is (0.5, -0.1)"),
        ({"snr_db": (math.nan,)}, "snr_db is (nan,)"),
        ({"recordings": 1}, "recordings is 1"),
        ({"per_level": 0}, "per_level is 0"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_what_cannot_be_is_named(fields: dict[str, Any], begins: str) -> None:
    MixturePlan().check()
    with pytest.raises(ConfigError) as caught:
        MixturePlan(**fields).check()
    assert str(caught.value).startswith(begins)
