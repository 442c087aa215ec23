"""Two small corpora: whole recordings of chirps, up or down, and long recordings with events in them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import soundfile
import torch

from tymbal.annotations.tables import make_events
from tymbal.corpus import Corpus, index
from tymbal.encoders.contract import Encoder
from tymbal.encoders.registry import encoder_class

RATE_HZ = 16_000
Chirps = tuple[Corpus, pl.DataFrame, list[str], list[str]]


def build(name: str) -> Encoder:
    """A tiny encoder, the same weights each time, frozen."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return encoder_class(name).tiny().freeze()


def chirp(rng: np.random.Generator, up: bool, seconds: float = 0.25, period_s: float = 0.02) -> np.ndarray:
    """A tone that glides two octaves up, or down, and again: only the order in time tells which."""
    time_s = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    phase = ((time_s + rng.uniform(0, 1)) / period_s) % 1
    hertz = rng.uniform(600, 900) * 4 ** (phase if up else 1 - phase)
    wave = 0.3 * np.sin(2 * np.pi * np.cumsum(hertz) / RATE_HZ)
    return np.asarray(wave + 0.02 * rng.normal(size=len(time_s)), dtype=np.float32)


@pytest.fixture(scope="session")
def many_chirps(tmp_path_factory: pytest.TempPathFactory) -> Chirps:
    """(corpus, events, labels, sessions) of 48 recordings of 0.25 s."""
    folder = tmp_path_factory.mktemp("chirps")
    rng = np.random.default_rng(0)
    rows = []
    for number in range(48):
        up = number % 2 == 0
        soundfile.write(folder / f"{number:02d}.wav", chirp(rng, up), RATE_HZ, subtype="FLOAT")
        rows.append((f"{number:02d}.wav", "up" if up else "down", f"s{number // 4}"))
    corpus = index(folder, out=folder / "corpus", workers=1)
    table = pl.DataFrame(rows, schema=["recording", "label", "session"], orient="row")
    return corpus, make_events(table), table["label"].to_list(), table["session"].to_list()


@pytest.fixture
def chirps(many_chirps: Chirps) -> Chirps:
    """The first 32 of them."""
    corpus, events, labels, sessions = many_chirps
    return corpus, events[:32], labels[:32], sessions[:32]


@pytest.fixture(scope="session")
def long(tmp_path_factory: pytest.TempPathFactory) -> tuple[Corpus, pl.DataFrame]:
    """(corpus, events): events inside a segment of 0.5 s, across two and three of them, shorter than a frame on both
    sides of a bound, up to the end, without times, in one channel and in the mix of two."""
    folder: Path = tmp_path_factory.mktemp("long")
    rng = np.random.default_rng(1)
    soundfile.write(folder / "mono.wav", 0.1 * rng.normal(size=int(1.73 * RATE_HZ)), RATE_HZ, subtype="FLOAT")
    soundfile.write(folder / "two.wav", 0.1 * rng.normal(size=(int(0.7 * RATE_HZ), 2)), RATE_HZ, subtype="FLOAT")
    rows = [
        ("mono.wav", 1, 0.10, 0.31),
        ("mono.wav", 1, 0.45, 0.62),
        ("mono.wav", 1, 0.30, 1.20),
        ("mono.wav", 1, 0.4985, 0.4995),
        ("mono.wav", 1, 0.5001, 0.5010),
        ("mono.wav", 1, 1.60, 1.73),
        ("mono.wav", None, None, None),
        ("two.wav", 2, 0.05, 0.60),
        ("two.wav", 2, None, None),
    ]
    corpus = index(folder, out=folder / "corpus", workers=1)
    events = make_events(pl.DataFrame(rows, schema=["recording", "channel", "onset_s", "offset_s"], orient="row"))
    return corpus, events
