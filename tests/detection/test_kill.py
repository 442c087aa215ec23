"""Slow proofs: runs killed outright end with the tables of one never killed, and hours need the memory of minutes."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
import soundfile
from tests.detection.conftest import RATE, SMALL, Bursts, burst_sound
from tests.memory import PEAK

from tymbal.detection import Detector
from tymbal.encoders.source import open_encoder
from tymbal.features import embed

pytestmark = pytest.mark.full

KILLS, RECORDINGS = 8, 12
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
RUN = f"""{PEAK}
import sys
from tymbal.cli.main import main
code = main(sys.argv[1:])
print(code, peak_mb())
"""


@pytest.fixture(scope="module")
def detector(bursts: Bursts, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("detector")
    store = embed(bursts.corpus, open_encoder("spectral").encoder, root / "store", layers=["log_mel"], workers=1)
    return Detector(SMALL).fit(store, bursts.corpus).save(root / "bursts.detector")


def command(detector: Path, sounds: Path, out: Path) -> list[str]:
    words = ["detect", "run", str(detector), str(sounds), "-o", str(out), "--quiet", "--workers", "1"]
    return [sys.executable, "-m", "tymbal", *words]


def contents(out: Path) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}


def test_a_run_killed_again_and_again_ends_with_the_bytes_of_one_never_killed(detector: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number in range(RECORDINGS):
        soundfile.write(tmp_path / "in" / f"{number}.wav", burst_sound(number, seconds=60.0, events=90)[0], RATE)
    (tmp_path / "in" / "broken.wav").write_bytes(b"RIFF")
    done = subprocess.run(command(detector, tmp_path / "in", tmp_path / "whole"), env=ENVIRONMENT, timeout=900)
    assert done.returncode == 4
    expected = contents(tmp_path / "whole")
    assert len(expected) > 3 * RECORDINGS
    moments, out = random.Random(20261121), tmp_path / "killed"
    kills, halfway = 0, 0
    while kills < KILLS:
        parts = len(list(out.rglob("*.parquet")))
        with subprocess.Popen(command(detector, tmp_path / "in", out), env=ENVIRONMENT, stderr=subprocess.PIPE) as job:
            while job.poll() is None and len(list(out.rglob("*.parquet"))) <= parts + kills % 3:
                time.sleep(0.01)
            time.sleep(moments.uniform(0, 0.2))
            job.kill()
        kills += 1
        halfway += 0 < len(list((out / "parts").glob("*.parquet"))) < RECORDINGS
    assert subprocess.run(command(detector, tmp_path / "in", out), env=ENVIRONMENT, timeout=900).returncode == 4
    print(f"{kills} kills, {halfway} of them halfway, the same {len(expected)} files")
    assert {name: data for name, data in contents(out).items() if not name.endswith(".lock")} == {
        name: data for name, data in expected.items() if not name.endswith(".lock")
    }
    assert halfway >= 3, "the kills came before or after everything: they prove nothing"


@pytest.mark.skipif(sys.platform == "win32", reason="peak memory is read with resource.getrusage")
def test_hours_need_the_memory_of_minutes(detector: Path, tmp_path: Path) -> None:
    peaks = {}
    for minutes in (2, 180):
        sound = burst_sound(1, seconds=120.0, events=200)[0]
        with soundfile.SoundFile(tmp_path / "long.wav", "w", RATE, 1, "PCM_16") as file:
            for _ in range(minutes // 2):
                file.write(sound)
        words = command(detector, tmp_path / "long.wav", tmp_path / f"{minutes}")[3:]
        job = [sys.executable, "-c", RUN, *words]
        done = subprocess.run(job, env=ENVIRONMENT, capture_output=True, text=True, timeout=900)
        assert done.returncode == 0, done.stderr
        code, peaks[minutes] = (int(word) for word in done.stdout.split())
        assert code == 0
    events = (tmp_path / "180" / "detections.csv").read_text().count("\n") - 1
    print(f"peak memory in MB by minutes of sound: {peaks}, {events} events")
    assert events > 10_000
    assert peaks[180] - peaks[2] <= 60
