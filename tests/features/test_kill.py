"""Slow proofs on real recordings: kills at random moments, a full disk, memory that does not grow with the file."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tests.features.toys import contents, noise
from tests.memory import PEAK

from tymbal.corpus import index
from tymbal.features import FeatureStore
from tymbal.jobs.atomic import TEMPORARY_SUFFIX

pytestmark = pytest.mark.full

KILLS = 30
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


def command(corpus: Path, out: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "tymbal", "embed", str(corpus), "-o", str(out), "--quiet", *more]


def embed(corpus: Path, out: Path, *more: str) -> None:
    subprocess.run(command(corpus, out, *more), check=True, env=ENVIRONMENT, timeout=600)


def rows_of(out: Path) -> dict[str, bytes]:
    found = contents(out)
    found.pop("embed.toml")  # names the folder
    return found


@pytest.fixture(scope="module")
def meows(data: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("meows") / "corpus"
    index(data("cat_meows") / "audio", out=out, workers=1)
    return out


def test_a_job_killed_thirty_times_ends_with_the_bytes_of_one_never_killed(meows: Path, tmp_path: Path) -> None:
    began = time.monotonic()
    embed(meows, tmp_path / "whole", "--workers", "2")
    takes_s = time.monotonic() - began
    expected = rows_of(tmp_path / "whole")
    moments = random.Random(20261120)
    out = tmp_path / "killed"
    kills, finished, halfway = 0, 0, 0
    while kills < KILLS:
        with (
            open(tmp_path / "words.txt", "w+") as words,
            subprocess.Popen(command(meows, out, "--workers", "2"), env=ENVIRONMENT, stderr=words) as job,
        ):
            try:
                job.wait(timeout=moments.uniform(0.1, 1.0) * takes_s)
                assert job.returncode == 0, (tmp_path / "words.txt").read_text()
            except subprocess.TimeoutExpired:
                job.kill()
                job.wait()
                kills += 1
                halfway += any(out.rglob("*.npy"))
        if job.returncode == 0:  # it had enough done before: check, and begin anew
            assert rows_of(out) == expected
            finished += 1
            shutil.rmtree(out)
    embed(meows, out, "--workers", "2")
    assert rows_of(out) == expected
    print(
        f"{kills} kills, {halfway} of them with rows on the disk, {finished + 1} stores finished, all of the same bytes"
    )
    assert halfway >= 5, "the kills came before anything was written: they prove nothing"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MB in memory; skips where this user may not mount one."""
    mount = shutil.which("mount")
    if mount is None or not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    place = tmp_path / "disk"
    place.mkdir()
    done = subprocess.run([mount, "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place)], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"a small file system cannot be mounted here: {done.stderr.strip()}")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_is_told_and_the_job_goes_on_after_room_is_made(
    meows: Path, tmp_path: Path, small_disk: Path
) -> None:
    embed(meows, tmp_path / "whole")
    out = small_disk / "store"
    failed = subprocess.run(command(meows, out), env=ENVIRONMENT, capture_output=True, text=True, timeout=600)
    assert failed.returncode == 6
    assert "no room left on the disk" in failed.stderr
    assert "resumes" in failed.stderr
    assert "Traceback" not in failed.stderr
    kept = list(out.rglob("*.json"))
    assert kept
    assert not list(out.rglob(f"*{TEMPORARY_SUFFIX}"))
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    records = {path: path.stat().st_mtime_ns for path in kept if path.parent.name == "shards"}
    embed(meows, out)
    assert rows_of(out) == rows_of(tmp_path / "whole")
    assert {path: path.stat().st_mtime_ns for path in records} == records  # what was there was not made again


RUN = f"""{PEAK}
import resource, sys
from tymbal.cli.main import main
code = main(sys.argv[1:])
workers = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(code, peak_mb(), workers // (1024 if sys.platform != "darwin" else 1024**2))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="peak memory is read with resource.getrusage")
def test_a_day_needs_the_memory_of_an_hour(tmp_path: Path) -> None:
    rate = 2000
    peaks: dict[str, list[int]] = {}
    for name, hours in (("hour", 1), ("day", 24)):
        root = tmp_path / name
        root.mkdir()
        with soundfile.SoundFile(root / "long.wav", "w", rate, 1, "PCM_16") as file:
            block = noise(rate * 600, seed=hours)[:, 0]
            for part in range(hours * 6):
                file.write(np.roll(block, 7919 * part))
        index(root, out=tmp_path / f"{name}.corpus", workers=1)
        peaks[name] = peaks_mb(tmp_path / f"{name}.corpus", tmp_path / f"{name}.store")
        shutil.rmtree(root)
        assert FeatureStore.open(tmp_path / f"{name}.store").units.height == hours * 360
        shutil.rmtree(tmp_path / f"{name}.store")
    print(f"peak memory in MB of the writing process and of the largest of two workers: {peaks}")
    for hour, day in zip(peaks["hour"], peaks["day"], strict=True):
        assert day - hour <= 150


def peaks_mb(corpus: Path, out: Path) -> list[int]:
    """Peak memory of the writing process and of its largest worker."""
    arguments = ["embed", str(corpus), "-o", str(out), "--quiet", "--workers", "2", "--layers", "log_mel"]
    done = subprocess.run(
        [sys.executable, "-c", RUN, *arguments], env=ENVIRONMENT, capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, done.stderr
    code, own, largest = (int(word) for word in done.stdout.split())
    assert code == 0
    return [own, largest]
