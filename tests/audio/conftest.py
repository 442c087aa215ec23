"""Odd, damaged and lying files for the tests of this room."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray


@pytest.fixture(scope="session")
def made(data: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The broken files made anew, hostile names included; a folder with generated/ in it."""
    out = tmp_path_factory.mktemp("broken")
    subprocess.run([sys.executable, str(data("broken") / "make_broken.py"), str(out)], check=True, capture_output=True)
    return out


@pytest.fixture(scope="session")
def odd(data: Callable[[str], Path], made: Path) -> Callable[[str], Path]:
    """`odd("generated/header/no_data.wav")` is the path of one odd file."""

    def path(name: str) -> Path:
        here = made / name
        return here if here.exists() else data("broken") / name

    return path


@pytest.fixture(scope="session")
def manifest(data: Callable[[str], Path]) -> list[dict[str, str]]:
    """Rows of the manifest of odd files."""
    with open(data("broken") / "manifest.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="session")
def chirp() -> NDArray[np.float32]:
    """Four seconds of a rising chirp with a little noise at 16 kHz."""
    time_s = np.arange(64000) / 16000
    noise = 0.01 * np.random.default_rng(3).standard_normal(64000)
    return (0.5 * np.sin(2 * np.pi * (200 * time_s + 600 * time_s**2)) + noise).astype(np.float32)


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """`write(name, samples, rate_hz, **soundfile_options)` writes in blocks and gives the path."""

    def make(name: str, samples: NDArray[np.float32], rate_hz: int = 16000, **options: str) -> Path:
        path = tmp_path / name
        channels = 1 if samples.ndim == 1 else samples.shape[1]
        with soundfile.SoundFile(path, "w", rate_hz, channels, **options) as file:
            for start in range(0, len(samples), 16000):
                file.write(samples[start : start + 16000])
        return path

    return make
