from __future__ import annotations

import pytest

from tymbal.probes.sweep.words import _not_shown, number, p_value, verdict


@pytest.mark.parametrize(
    ("low", "high", "p", "said"),
    [
        (None, None, None, "too few units to say whether that is more than luck"),
        (-0.1, 0.1, 0.9, "the interval holds 0: no difference is shown"),
        (0.1, 0.2, 0.0004, "the interval leaves out 0 (p < 0.001 by Holm's method)"),
        (0.1, 0.2, 0.0434, "the interval leaves out 0 (p 0.043 by Holm's method)"),
        (0.1, 0.2, 0.137, "the interval leaves out 0, but not when all such pairs are counted "
         "(p 0.137 by Holm's method)"),
        (0.1, 0.2, None, "the interval leaves out 0"),
    ],
)  # fmt: skip
def test_a_difference_is_called_shown_only_where_it_is(
    low: float | None, high: float | None, p: float | None, said: str
) -> None:
    assert verdict({"low": low, "high": high, "p_holm": p}) == said


def test_numbers_come_with_their_intervals() -> None:
    assert number({"value": -0.0213, "low": -0.05, "high": 0.01}, "+") == "−0.021 [−0.050, +0.010]"
    assert number({"value": 0.5, "low": None, "high": None}) == "0.500"
    assert p_value(0.0) == "p < 0.001"


@pytest.mark.parametrize("audited", [True, False])
def test_an_audit_that_was_not_made_is_not_spoken_of(audited: bool) -> None:
    noted = [{"code": "rare", "severity": "warning", "message": "a label was left out"}]  # of the task itself
    encoder = {"weights": "trained", "probes": 1, "families": {}}
    task = {"encoders": {"a": encoder}, "audit": noted, "earlier_studies": 0}
    said = " ".join(_not_shown({"tasks": {"t": task}, "failures": [], "audited": audited}))
    assert "1 warning about the data could explain scores" in said
    assert "The audit" not in said
    assert ("No corpus was audited" in said) is not audited
