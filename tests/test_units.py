"""Frames, samples and seconds, against exact arithmetic."""

from __future__ import annotations

import itertools
import json
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.reference.time import cut, frames_inside, nearest_frame

from tymbal.errors import UsageError
from tymbal.units import FrameGrid, Window, to_samples, to_seconds, windows

quick = settings(max_examples=150, deadline=None)
milliseconds = st.integers(0, 20_000).map(lambda ms: ms / 1000)
hops = st.sampled_from([0.001, 0.01, 0.0125, 0.02, 1 / 3, 0.1, 1.0])
grids = st.builds(FrameGrid, hops, st.sampled_from([0.0, 0.005, 0.0125, 0.5, 2.0]), st.just(0.025))


@quick
@given(st.integers(0, 10**12), st.sampled_from([1, 8000, 22050, 44100, 48000, 384_000, 500_000]))
def test_samples_survive_seconds(samples: int, rate: int) -> None:
    assert to_samples(to_seconds(samples, rate), rate) == samples


def test_halves_are_rounded_up() -> None:
    assert [to_samples(value, 1) for value in (0.5, 1.5, 2.5, -0.5, -1.5, 0.49)] == [1, 2, 3, 0, -1, 0]


@quick
@given(grids, st.integers(0, 10_000_000))
def test_position_inverts_center_a_day_into_a_recording(grid: FrameGrid, frame: int) -> None:
    assert grid.position(grid.center_s(frame)) == pytest.approx(frame, abs=1e-6)
    assert grid.frame_at(grid.center_s(frame)) == frame


def test_centers_are_centers() -> None:
    grid = FrameGrid(0.01, 0.0125, 0.025)
    assert grid.centers_s(3) == pytest.approx([0.0125, 0.0225, 0.0325])
    assert grid.centers_s(0).shape == (0,)
    assert [grid.center_s(i) for i in range(3)] == list(grid.centers_s(3))


@quick
@given(grids, milliseconds, milliseconds, st.integers(1, 300))
def test_span_is_the_exact_answer_or_the_nearest_frame(grid: FrameGrid, one: float, two: float, frames: int) -> None:
    onset, offset = sorted((one, two))
    # Bounds that equal a centre up to rounding count as equal: move them off by more than that for the exact twin.
    for bound in (onset, offset):
        near = grid.position(bound)
        assume(near == round(near) or abs(near - round(near)) > 1e-6)
    found = grid.span(onset, offset, frames)
    exact = frames_inside(grid.hop_s, grid.first_center_s, onset, offset, frames)
    inside = grid.inside(onset, offset, frames)
    if all(abs(grid.position(bound) - round(grid.position(bound))) > 1e-6 for bound in (onset, offset)):
        assert list(range(inside.start, inside.stop)) == exact
        if exact:
            assert found == inside
    if inside.start == inside.stop:
        middle = (onset + offset) / 2
        nearest = nearest_frame(grid.hop_s, grid.first_center_s, middle, frames)
        assert found.stop == found.start + 1
        distance = abs(Fraction(grid.center_s(found.start)) - Fraction(middle))
        assert float(distance) == pytest.approx(float(abs(Fraction(grid.center_s(nearest[0])) - Fraction(middle))))


@quick
@given(grids, st.lists(milliseconds, min_size=2, max_size=8), st.integers(1, 2000))
def test_neighbouring_spans_share_no_frame_and_miss_none(grid: FrameGrid, cuts: list[float], frames: int) -> None:
    bounds = [-1.0, *sorted(cuts), 10_000.0]
    found = [
        frame
        for onset, offset in itertools.pairwise(bounds)
        for frame in range(*grid.inside(onset, offset, frames).indices(frames))
    ]
    assert found == list(range(frames))


def test_a_bound_equal_to_a_center_belongs_to_the_later_span_whatever_the_rounding() -> None:
    grid = FrameGrid(0.1, 0.0, 0.1)  # 0.1 * 3 is 0.30000000000000004
    assert grid.span(0.0, 0.3, 10) == slice(0, 3)
    assert grid.span(0.3, 0.5, 10) == slice(3, 5)


def test_span_at_the_edges() -> None:
    grid = FrameGrid(1.0, 0.5, 1.0)
    assert grid.span(100.0, 101.0, 4) == slice(3, 4)
    assert grid.span(-9.0, -8.0, 4) == slice(0, 1)
    assert grid.inside(100.0, 101.0, 4) == slice(4, 4)
    assert grid.inside(-9.0, -8.0, 4) == slice(0, 0)
    assert grid.inside(0.0, 1.0, 0) == slice(0, 0)
    with pytest.raises(UsageError):
        grid.span(0.0, 1.0, 0)
    with pytest.raises(UsageError):
        grid.span(1.0, 0.5, 4)


@quick
@given(grids, st.integers(1, 8), st.integers(0, 50))
def test_a_pooled_frame_lies_at_the_mean_of_its_frames(grid: FrameGrid, frames: int, index: int) -> None:
    pooled = grid.pooled(frames)
    members = grid.centers_s((index + 1) * frames)[index * frames :]
    assert pooled.center_s(index) == pytest.approx(members.mean())
    first, last = members[0] - grid.receptive_s / 2, members[-1] + grid.receptive_s / 2
    assert pooled.receptive_s == pytest.approx(last - first)


@quick
@given(grids, st.floats(-100, 100))
def test_shifted_moves_every_center(grid: FrameGrid, by_s: float) -> None:
    assert np.allclose(grid.shifted(by_s).centers_s(5), grid.centers_s(5) + by_s)


def test_grids_go_through_json() -> None:
    grid = FrameGrid.from_samples(8000, hop=80, first_center=100, receptive=200)
    assert grid == FrameGrid(0.01, 0.0125, 0.025)
    assert FrameGrid.from_dict(json.loads(json.dumps(grid.to_dict()))) == grid
    assert FrameGrid.from_dict({**grid.to_dict(), "receptive_s": None}).receptive_s == math.inf


@pytest.mark.parametrize(
    "values", [(0.0, 0.0, 0.0), (-1.0, 0.0, 0.0), (math.inf, 0.0, 0.0), (1.0, math.nan, 0.0), (1.0, 0.0, -1.0)]
)
def test_impossible_grids_are_refused(values: tuple[float, float, float]) -> None:
    with pytest.raises(UsageError, match="FrameGrid"):
        FrameGrid(*values)


@quick
@given(
    st.integers(0, 60), st.integers(1, 20), st.none() | st.integers(1, 25), st.sampled_from(["pad", "drop", "shift"])
)
def test_windows_equal_the_slow_twin(samples: int, length: int, hop: int | None, last: str) -> None:
    found = list(windows(samples, 10, length=length, hop=hop, last=last))  # type: ignore[arg-type]
    assert [(each.start, each.valid) for each in found] == cut(samples, length, hop or length, last)
    assert all(each.length == length and each.sample_rate_hz == 10 for each in found)


@quick
@given(st.integers(0, 200), st.integers(1, 20), st.integers(1, 20))
def test_padded_windows_cover_every_sample_once_where_they_do_not_overlap(samples: int, length: int, hop: int) -> None:
    assume(hop <= length)
    covered = np.zeros(samples, dtype=int)
    for each in windows(samples, 10, length=length, hop=hop):
        covered[each.start : each.start + each.valid] += 1
    assert (covered >= 1).all()
    if hop == length:
        assert (covered == 1).all()


def test_window_times() -> None:
    window = Window(start=20, length=10, valid=5, sample_rate_hz=10)
    assert (window.start_s, window.end_s) == (2.0, 2.5)
    for bad in ({"length": 0}, {"length": 5, "hop": 0}):
        with pytest.raises(UsageError, match="windows"):
            list(windows(10, 10, **bad))  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="windows"):
        list(windows(-1, 10, length=5))
