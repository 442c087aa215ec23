from __future__ import annotations

import pytest

from tymbal.synthesis.mixtures.truth import joint_licence


@pytest.mark.parametrize(
    ("licences", "joint"),
    [
        (["CC0", "CC0"], "CC0"),
        (["CC-BY-4.0", "CC0", "CC-BY-4.0"], "CC-BY-4.0 AND CC0"),
        (["CC0", None], None),
        (["CC-BY-ND-4.0", "CC-BY-ND-4.0"], None),
    ],
)
def test_a_mixture_is_under_all_licences_of_its_sources(licences: list[str | None], joint: str | None) -> None:
    assert joint_licence(licences) == joint
