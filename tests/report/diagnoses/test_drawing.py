from __future__ import annotations

import re

import pytest

from tymbal.report.diagnoses.drawing import accuracy_dots, draw_bits, mean_curve, risk_bar


def bar(**terms: float) -> str:
    row = {name: {"value": value} for name, value in terms.items()}
    total = {"value": sum(terms.values()), "low": 0.2, "high": 0.6}
    return risk_bar({**row, "test_error": total, "guessing_error": 0.5})


def test_terms_lie_side_by_side_and_one_that_takes_error_away_over_the_others() -> None:
    drawn = bar(underfit=0.1, probe_gap=0.4, encoder_gap=-0.2)
    spans = re.findall(r'class="term (\w+)( less)?" style="left:([\d.]+)%;width:([\d.]+)%"', drawn)
    assert spans == [
        ("underfit", "", "0.00", "10.00"),
        ("probe_gap", "", "10.00", "40.00"),
        ("encoder_gap", " less", "30.00", "20.00"),
    ]
    assert 'class="dot" style="left:30.00%"' in drawn
    assert 'class="whisker" style="left:20.00%;right:calc(100% - 60.00%)"' in drawn
    assert 'class="chance" style="left:50.00%"' in drawn


def test_dots_stand_where_the_accuracies_are_and_nothing_where_there_are_none() -> None:
    drawn = accuracy_dots({"nearest_right": 0.8, "other_right": 0.5, "expected_right": 0.75})
    assert re.findall(r'class="(\w+)" style="left:([\d.]+)%"', drawn) == [
        ("chance", "75.00"),
        ("ring", "80.00"),
        ("dot", "50.00"),
    ]
    assert accuracy_dots({"nearest_right": None}) == ""


def test_curves_are_means_over_orders_and_the_even_first_block_is_no_point() -> None:
    curves = [[[0, 8, 2.0], [8, 8, 1.0], [16, 16, 0.5]], [[0, 10, 2.0], [10, 8, 2.0], [18, 16, 1.5]], [[0, 34, 2.0]]]
    assert mean_curve(curves) == [(9.0, 1.5), (17.0, 1.0)]
    assert mean_curve([[[0, 5, 2.0]]]) == []


def test_the_best_is_drawn_last_and_more_bits_stand_higher() -> None:
    lines = {"best": [(8.0, 1.0), (64.0, 0.1)], "other": [(8.0, 1.5), (64.0, 1.4)], "alone": [(8.0, 2.0), (64.0, 2.0)]}
    drawn = draw_bits(lines, best="best", alone="alone", uniform=2.0, alt="curves")
    paths = re.findall(r'<title>(\w+)</title><path d="M([\d.]+) ([\d.]+) L[\d. ]+" class="bits (\w+)"/>', drawn)
    assert [name for name, *_ in paths] == ["other", "alone", "best"]
    assert [kind for *_, kind in paths] == ["other", "alone", "best"]
    first = {name: float(y) for name, _, y, _ in paths}
    assert first["alone"] < first["other"] < first["best"], "y points down"
    assert draw_bits({"best": []}, best="best", alone="alone", uniform=2.0, alt="") == ""


@pytest.mark.parametrize("last", [8.0, 9.0, 100.0])
def test_any_span_of_examples_can_be_drawn(last: float) -> None:
    line = [(8.0, 1.0), (last, 0.5)]
    assert "NaN" not in draw_bits({"best": line}, best="best", alone="alone", uniform=1.0, alt="")
