"""Slow proof: sweeps killed outright, again and again, end with the bytes of one never killed, and repeat."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.probes.sweep.test_run import kept

from tymbal.config import dumps
from tymbal.jobs import Silent
from tymbal.probes.sweep import ProbeGrid, SweepEncoder, SweepPlan, run_sweep

pytestmark = pytest.mark.full

KILLS = 3
TABLES = {"results.parquet", "results.csv", "results.md", "results.json"}
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


def command(plan: Path, out: Path) -> list[str]:
    return [sys.executable, "-m", "tymbal", "sweep", str(plan), "-o", str(out), "--quiet", "--workers", "2"]


def finished(out: Path) -> int:
    """Files that say that something is done: rows of features, scores of fits."""
    return sum(1 for suffix in ("*.npy", "*.safetensors") for _ in out.rglob(suffix))


def run_until(plan: Path, out: Path, files: int, log: Path) -> bool:
    """Run the sweep until so many files are there, then kill it outright; False where it ended before that."""
    with open(log, "w") as words, subprocess.Popen(command(plan, out), env=ENVIRONMENT, stderr=words) as job:
        until = time.monotonic() + 600
        while job.poll() is None and finished(out) < files:
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.02)
        ended = job.poll() is not None
        job.kill()
        job.wait()
    assert not ended or job.returncode == 0, log.read_text()
    return not ended


def tables(out: Path) -> dict[str, bytes]:
    """Everything but the page, which shows what the sweep cost, and the command's own parameters."""
    found = kept(out)
    assert found.keys() >= TABLES
    return {name: held for name, held in found.items() if name not in ("report.html", "sweep.toml")}


def test_a_sweep_killed_again_and_again_ends_with_the_bytes_of_one_never_killed(
    make_plan: Callable[..., SweepPlan], tmp_path: Path
) -> None:
    encoders = (SweepEncoder("spectral", embed={"segment_s": 0.5, "layers": ["log_mel", "mfcc"]}),)
    grids = (
        ProbeGrid("linear", learning_rates=(3e-3, 1e-2)),
        ProbeGrid("query_attention", layers=("all",)),
        ProbeGrid("ridge"),
    )
    plan = tmp_path / "plan.toml"
    plan.write_text(dumps(make_plan(encoders=encoders, probes=grids)))
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert not run_until(plan, whole, 10**9, tmp_path / "log.txt")
    expected, every = tables(whole), finished(whole)
    moments = random.Random(20261121)
    halfway = 0
    for number in range(KILLS):
        held = finished(killed)
        wanted = held + 1 if number == 0 else moments.randint(held, max(held, (every * (number + 1)) // (KILLS + 1)))
        if not run_until(plan, killed, wanted, tmp_path / "log.txt"):
            break
        halfway += 0 < finished(killed) < every
        assert not (killed / "results.json").exists()
    assert halfway >= 2, "the kills came too early or too late: they prove nothing"
    assert not run_until(plan, killed, 10**9, tmp_path / "log.txt")
    assert tables(killed) == expected
    # The same seeds give the same bytes, in one process too.
    run_sweep(plan, tmp_path / "again", workers=1, progress=Silent())
    assert tables(tmp_path / "again") == expected
    print(f"{halfway} kills with something on the disk; {len(expected)} files of the same bytes, three times")
