"""A benchmark run once for the tests of this room."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.benchmarks import replicas

from tymbal.benchmarks import BenchConfig, run_benchmark
from tymbal.encoders import create_encoder

QUICK = BenchConfig(heads=("ridge", "logistic"), layers=("last", "mfcc"), frames=4)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(data, out) of esc50 and rfcx, the rest of BEANS missing."""
    data, out = tmp_path_factory.mktemp("data"), tmp_path_factory.mktemp("out")
    replicas.rfcx(replicas.esc50(data))
    outcome = run_benchmark("beans", data, create_encoder("spectral"), out, config=QUICK)
    assert outcome.failures == ()
    assert set(outcome.results) == {"esc50", "rfcx"}
    return data, out
