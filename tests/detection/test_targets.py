"""What a head is taught: twins, windows that cut events, slots."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.detection.strategies import boxes
from tests.reference.detectors import heat

from tymbal.detection import Boxes, TargetConfig, edge_targets
from tymbal.errors import UsageError
from tymbal.units import FrameGrid

GRID = FrameGrid(0.02, 0.005, 0.04)


@settings(max_examples=40, deadline=None)
@given(boxes(), st.sampled_from(["forward", "reverse"]), st.floats(1e-3, 0.02))
def test_heat_is_the_highest_peak_of_each_slot(events: Boxes, direction: str, first: float) -> None:
    grid = FrameGrid(0.02, first, 0.04)
    config = TargetConfig(slots=3)
    found = edge_targets(events, grid, 220, direction, config)  # type: ignore[arg-type]
    durations = np.exp(found.log_duration)
    for slot in range(3):
        own = found.slot == slot
        wanted = heat(found.frame[own].tolist(), durations[own].tolist(), 220, 1 / 6, 2.0)
        np.testing.assert_allclose(found.heat[slot], wanted, atol=1e-6)
        assert (np.diff(np.sort(found.frame[own])) > config.apart_frames).all()


@settings(max_examples=30, deadline=None)
@given(boxes(), st.sampled_from(["forward", "reverse"]))
def test_no_event_is_lost_while_there_are_slots(events: Boxes, direction: str) -> None:
    found = edge_targets(events, GRID, 220, direction, TargetConfig(slots=12))  # type: ignore[arg-type]
    assert found.lost == 0
    assert sorted(found.event.tolist()) == list(range(len(events)))


def test_events_of_one_frame_take_slots_in_order_of_time_until_there_are_none() -> None:
    events = Boxes.make([0.101, 0.100, 0.102], [0.2, 0.3, 0.4])
    found = edge_targets(events, GRID, 50, "forward", TargetConfig(slots=2))
    assert found.event.tolist() == [1, 0]
    assert found.slot.tolist() == [0, 1]
    assert found.lost == 1


def test_events_that_pass_the_stretch_keep_their_duration_and_say_so() -> None:
    events = Boxes.make([0.5, -1.0, -1.0], [3.0, 0.5, 3.0])
    forward = edge_targets(events, GRID, 50, "forward")
    assert forward.event.tolist() == [0]
    assert not forward.whole[0]
    assert np.exp(forward.log_duration[0]) == pytest.approx(2.5 / 0.02)
    reverse = edge_targets(events, GRID, 50, "reverse")
    assert reverse.event.tolist() == [1]
    assert not reverse.whole[0]
    seen = edge_targets(events, GRID, 50, "forward", known_s=(0.0, 10.0))
    assert seen.whole[0]


def test_edges_lie_within_half_a_frame_and_bounds_are_shares_of_half_the_rate() -> None:
    events = Boxes.make([0.1, 0.33], [0.2, 0.5], low_hz=[1000.0, np.nan], high_hz=[4000.0, np.nan])
    found = edge_targets(events, GRID, 50, "forward", nyquist_hz=8000.0)
    assert (np.abs(found.shift) <= 0.5).all()
    np.testing.assert_allclose(GRID.first_center_s + GRID.hop_s * (found.frame + found.shift), [0.1, 0.33])
    np.testing.assert_allclose(found.low, [0.125, np.nan])
    np.testing.assert_allclose(found.high, [0.5, np.nan])


def test_a_wide_peak_is_capped() -> None:
    wide = edge_targets(Boxes.make([0.5], [9.5]), GRID, 50, "forward", TargetConfig(most_spread_frames=1.0))
    assert (wide.heat > 0).sum() == 7


def test_settings_out_of_range() -> None:
    with pytest.raises(UsageError, match="slots"):
        TargetConfig(slots=0).check()
