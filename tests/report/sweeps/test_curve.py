from __future__ import annotations

import re

import pytest

from tymbal.report.sweeps.curve import Series, draw_curve, legend

POINTS = {"a": {"value": 0.5, "low": 0.4, "high": 0.6}, "last": {"value": 0.7, "low": None, "high": None},
          "all": {"value": 0.9, "low": 0.8, "high": 0.95}}  # fmt: skip
NAMES = {"a": "a", "b": "b", "last": "a very long name of a layer (last)", "all": "all 3"}


def test_points_lie_where_their_values_are_and_all_stands_apart() -> None:
    drawn = str(draw_curve([Series("ridge", 0, POINTS)], NAMES, chance=0.25, alt="x"))
    marks = [(float(x), float(y)) for x, y in re.findall(r"translate\(([\d.]+) ([\d.]+)\)", drawn)]
    assert len(marks) == 3
    (x0, y0), (x1, y1), (x2, y2) = marks
    assert y0 - y1 == pytest.approx(y1 - y2, abs=0.2)  # even steps of the value
    assert x2 - x1 > 1.3 * (x1 - x0)
    assert drawn.count('class="whisker"') == 2  # none where there is no interval
    assert drawn.count('class="line"') == 1  # from layer to layer, not on to "all"
    assert 'class="chance"' in drawn
    assert "a very long name …" in drawn
    assert "<title>a very long name of a layer (last)</title>" in drawn
    assert ">b<" not in drawn  # nothing was measured there


def test_families_differ_in_shape_beside_colour() -> None:
    paths = re.findall(r' d="([^"]+)"', str(legend({0: "ridge", 1: "linear"}, 0.25)))
    assert len(set(paths)) == 2
