"""The energy gate: bursts in quiet, and settings found on training recordings."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.detection.conftest import SMALL, Bursts

from tymbal.detection import Boxes, energy, f1_score, read_examples
from tymbal.detection.energy import EnergyGate, loud_runs, tune_gate
from tymbal.detection.inference import find_runs
from tymbal.errors import DataError
from tymbal.units import FrameGrid

GRID = FrameGrid(0.01, 0.0, 0.02)


def test_loud_stretches_are_boxes_and_pauses_are_bridged() -> None:
    power = np.full((100, 4), 1e-6)
    power[20:30] = 1e-2
    power[31:40] = 1e-2
    power[70:71] = 1e-2
    found = EnergyGate(20.0, gap_s=0.03, shortest_s=0.05).boxes(np.log(power), GRID)
    np.testing.assert_allclose([found.onset_s[0], found.offset_s[0]], [0.195, 0.395], atol=0.006)
    assert len(found) == 1
    apart = EnergyGate(20.0, gap_s=0.0, shortest_s=0.0).boxes(np.log(power), GRID)
    assert len(apart) == 3
    assert len(EnergyGate(60.0).boxes(np.log(power), GRID)) == 0


def test_tuning_finds_bursts(bursts: Bursts) -> None:
    examples, _ = read_examples(bursts.store, bursts.corpus, ["log_mel"], SMALL)
    gate = tune_gate(examples[:3])
    held = examples[4]
    found = gate.boxes(held.track.values, held.track.grid)
    truth = Boxes.make(held.events.onset_s, held.events.offset_s)
    assert f1_score([truth], [found], 0.0, 0.5) > 0.95
    quiet = [type(held)(held.track, Boxes.none(), held.covered)]
    with pytest.raises(DataError, match="no event"):
        tune_gate(quiet)


def test_faint_runs_are_dropped_and_levels_smoothed() -> None:
    level = np.zeros(60)
    level[10:20], level[40:50] = 9.0, 20.0
    runs = loud_runs(level, GRID, 8.0)
    assert [len(EnergyGate(8.0, rise_db=rise).trimmed(runs)) for rise in (0.0, 1.0, 6.0)] == [2, 2, 1]
    power = np.full((30, 2), 1e-6)
    power[15] = 1e-2
    one, three = (EnergyGate(smoothed_frames=frames).level_db(np.log(power)) for frames in (1, 3))
    np.testing.assert_allclose(three[14:17], one[15] / 3, rtol=1e-9)


@given(st.lists(st.floats(-5, 30), min_size=1, max_size=40))
def test_runs_are_those_of_the_segments(values: list[float]) -> None:
    level = np.asarray(values)
    ours, theirs = loud_runs(level, GRID, 8.0), find_runs(level[None], GRID, 8.0)
    np.testing.assert_allclose(ours.edges_s, theirs.edges_s, atol=1e-12)


def test_a_lag_of_the_marks_is_learned(bursts: Bursts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(energy, "THRESHOLDS_DB", (10.0,))
    monkeypatch.setattr(energy, "GAPS_S", (0.0,))
    examples, _ = read_examples(bursts.store, bursts.corpus, ["log_mel"], SMALL)
    late = [
        replace(each, events=Boxes.make(each.events.onset_s + 0.03, each.events.offset_s + 0.03)) for each in examples
    ]
    lag = np.subtract(tune_gate(late).shift_s, tune_gate(examples).shift_s)
    np.testing.assert_allclose(lag, 0.03, atol=0.006)
