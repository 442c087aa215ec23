"""The energy gate: bursts in quiet, and settings found on training recordings."""

from __future__ import annotations

import numpy as np
import pytest
from tests.detection.conftest import SMALL, Bursts

from tymbal.detection import Boxes, f1_score, read_examples
from tymbal.detection.energy import EnergyGate, tune_gate
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
    gate = tune_gate(examples[:4])
    held = examples[4]
    found = gate.boxes(held.track.values, held.track.grid)
    truth = Boxes.make(held.events.onset_s, held.events.offset_s)
    assert f1_score([truth], [found], 0.0, 0.5) > 0.95
    quiet = [type(held)(held.track, Boxes.none(), held.covered)]
    with pytest.raises(DataError, match="no event"):
        tune_gate(quiet)
