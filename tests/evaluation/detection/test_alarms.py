"""False alarms per hour: the exact Poisson bounds against scipy's own test and the rule of three."""

from __future__ import annotations

import math

import pytest
from scipy import stats
from tests.evaluation.detection.cases import DURATION_S, problem
from tests.reference.detection_metrics import Event

from tymbal.errors import DataError
from tymbal.evaluation.detection.alarms import false_alarms, poisson_rate


def test_none_in_eleven_and_a_half_minutes_still_allows_sixteen_per_hour() -> None:
    rate = poisson_rate(0, 11.5 / 60)
    assert (rate.per_hour, rate.low) == (0.0, 0.0)
    assert rate.at_most == pytest.approx(-math.log(0.05) / (11.5 / 60))
    assert 15 < rate.at_most < 16
    assert rate.high == pytest.approx(-math.log(0.025) / (11.5 / 60))


@pytest.mark.parametrize("count", [1, 4, 30])
def test_bounds_are_where_a_rate_is_just_refuted(count: int) -> None:
    rate = poisson_rate(count, 2.0)
    assert stats.poisson.sf(count - 1, rate.low * 2) == pytest.approx(0.025)
    assert stats.poisson.cdf(count, rate.high * 2) == pytest.approx(0.025)
    assert stats.poisson.cdf(count, rate.at_most * 2) == pytest.approx(0.05)


def test_no_hours_have_no_rate() -> None:
    with pytest.raises(DataError, match="above 0 hours"):
        poisson_rate(0, 0.0)


def test_the_table_counts_false_detections_by_class() -> None:
    said = [Event("r0", 1, 2, "a", 0.9), Event("r0", 5, 6, "a", 0.9), Event("r1", 5, 6, "b", 0.3)]
    truth = [Event("r0", 1, 2, "a"), Event("r0", 9, 10, "b")]
    table = false_alarms(problem(truth, said), 0.5)
    assert table is not None
    assert table.select("label", "count").rows() == [(None, 2), ("a", 1), ("b", 1)]
    assert table["hours"].to_list() == pytest.approx([2 * DURATION_S / 3600] * 3)
    strict = false_alarms(problem(truth, said, threshold=0.5), 0.5)
    assert strict is not None
    assert strict["count"].to_list() == [1, 1, 0]
    assert false_alarms(problem(truth, said, covered=False), 0.5) is None
