"""One way to print a number."""

from __future__ import annotations

import math

import pytest

from tymbal.report.html import tag
from tymbal.report.numbers import count, datum, estimate, pointer, rounded, strip


@pytest.mark.parametrize(
    ("value", "options", "shown"),
    [
        (0.8731, {}, "0.873"),
        (1.0, {}, "1.000"),
        (None, {}, "–"),
        (math.nan, {}, "–"),
        (-0.0412, {"sign": True}, "−0.041"),
        (0.0412, {"sign": True}, "+0.041"),
        (-0.0001, {"sign": True}, "0.000"),
        (0.0001, {"sign": True}, "0.000"),
        (0.5, {"decimals": 2}, "0.50"),
    ],
)
def test_rounded(value: float | None, options: dict, shown: str) -> None:
    assert rounded(value, **options) == shown


def test_nouns() -> None:
    said = [count(1, "session"), count(41, "session"), count(2, "species"), count(3, "day"), count(3, "colony")]
    assert said == ["1 session", "41 sessions", "2 species", "3 days", "3 colonies"]
    assert count(1234, "box") == "1,234 boxes"


def test_an_estimate_says_value_interval_units() -> None:
    found = {"value": 0.8731, "low": 0.8231, "high": 0.9069, "units": 41, "unit_name": "session"}
    words = str(estimate(found, "/m"))
    for part in (
        ">0.873</data>",
        'value="0.8731"',
        'data-from="/m/low"',
        ">0.82</data>",
        ">0.91</data>",
        "41 sessions",
    ):
        assert part in words
    assert "no interval" not in words
    assert "(no interval)" in estimate({**found, "low": None, "high": None}, "/m")
    narrow = estimate({**found, "low": 0.8701, "high": 0.8762}, None)
    assert ">0.870</data>" in narrow
    assert estimate({}, None, units=False).count("–") == 1


def test_values_keep_every_digit_and_pointers_escape() -> None:
    assert 'value="0.1234567890123"' in datum(0.1234567890123)
    assert pointer("probes", "a/b~c") == "/probes/a~1b~0c"


def test_strips_place_values_and_zero() -> None:
    drawn = strip({"value": 0.25, "low": 0.0, "high": 0.5}, chance=0.1)
    assert "left:25.00%" in drawn
    assert "left:10.00%" in drawn
    assert "left:50%" in strip({"value": 0.1}, reach=0.2)
    assert "left:75.00%" in strip({"value": 0.1}, reach=0.2)
    assert strip({}) == ""


def test_attributes_and_children_are_escaped() -> None:
    assert tag("a", "<&>", href='"x"') == '<a href="&quot;x&quot;">&lt;&amp;&gt;</a>'
    assert tag("p", ["a", None, tag("b", "<")], hidden=True, id=None) == "<p hidden>a<b>&lt;</b></p>"
