"""Two sets run once for the tests of this room: one native, one of slowed copies."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.benchmarks.boxes import replicas

from tymbal.benchmarks import BenchOutcome, BoxesConfig, run_benchmark
from tymbal.detection import DetectorConfig, NetworkConfig
from tymbal.detection.config import TRAINING
from tymbal.encoders import create_encoder

QUICK = BoxesConfig(
    methods=("forward", "segments"),
    detector=DetectorConfig(
        layers=("log_mel",),
        network=NetworkConfig(width=12, kernel=3, dilations=(1, 2), dropout=0.0),
        training=replace(TRAINING, epochs=10, batch_size=2, learning_rate=1e-2, patience=None, monitor="loss"),
        window_frames=100,
    ),
)


class Ran(NamedTuple):
    """Data of all sets, where results lie, and what came out."""

    data: Path
    out: Path
    outcome: BenchOutcome


@pytest.fixture(scope="session")
def boxes_run(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    data, out = tmp_path_factory.mktemp("data"), tmp_path_factory.mktemp("out")
    for name in ("OZF", "Katy", "MT"):
        replicas.make(data, name)
    (out / "MT").write_text("in the way of the third set")
    outcome = run_benchmark(
        "boxes", data, create_encoder("spectral"), out, sets=["OZF", "Katy", "MT", "Pow"], config=QUICK
    )
    return Ran(data, out, outcome)
