"""A small corpus of tone bursts in noise, its store, and a detector fitted to it; made once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import soundfile

from tymbal.corpus import Corpus, index
from tymbal.detection import Detector, DetectorConfig, NetworkConfig
from tymbal.detection.config import TRAINING
from tymbal.encoders.spectral import SpectralEncoder
from tymbal.features import FeatureStore, embed
from tymbal.units import FrameGrid

RATE = 8000
SECONDS, EVENTS, RECORDINGS = 8.0, 12, 5
TRUTH_GRID = FrameGrid(0.01, 0.0, 0.02)
SMALL = DetectorConfig(
    layers=("log_mel",),
    network=NetworkConfig(width=16, kernel=3, dilations=(1, 2, 4), dropout=0.0),
    training=replace(TRAINING, epochs=24, batch_size=2, learning_rate=5e-3, patience=None),
    window_frames=100,
)


@dataclass(frozen=True)
class Bursts:
    """A folder of recordings, the corpus of it, and the store of its frames."""

    folder: Path
    corpus: Corpus
    store: FeatureStore
    encoder: SpectralEncoder


def burst_sound(
    seed: int, seconds: float = SECONDS, events: int = EVENTS
) -> tuple[np.ndarray, list[dict[str, object]]]:
    """Tones of two kinds in noise, and one row per tone."""
    random = np.random.default_rng(seed)
    sound = 0.003 * random.normal(size=round(seconds * RATE))
    rows: list[dict[str, object]] = []
    slots = np.linspace(0.2, seconds - 0.6, events) + random.uniform(0, 0.1, events)
    for onset in slots.tolist():
        high = bool(random.random() < 0.5)
        duration = random.uniform(0.1, 0.3)
        first, stop = round(onset * RATE), round((onset + duration) * RATE)
        sound[first:stop] += 0.2 * np.sin(2 * np.pi * (2400 if high else 700) * np.arange(stop - first) / RATE)
        rows.append({"begin_time_s": onset, "end_time_s": onset + duration, "label": "high" if high else "low"})
    return sound.astype(np.float32), rows


@pytest.fixture(scope="session")
def bursts(tmp_path_factory: pytest.TempPathFactory) -> Bursts:
    root = tmp_path_factory.mktemp("bursts")
    rows: list[dict[str, object]] = []
    (root / "sounds").mkdir()
    for number in range(RECORDINGS):
        sound, own = burst_sound(number)
        soundfile.write(root / "sounds" / f"{number}.wav", sound, RATE)
        rows += [{"recording": f"{number}.wav", "low_freq_hz": 400.0, "high_freq_hz": 3000.0, **row} for row in own]
    pl.DataFrame(rows).write_csv(root / "events.csv")
    events = [root / "events.csv"]
    corpus = index(root / "sounds", out=root / "corpus", annotations=events, coverage="complete", workers=1)
    encoder = SpectralEncoder.tiny()
    store = embed(corpus, encoder, root / "store", layers=["log_mel", "mfcc"], segment_s=3.0)
    return Bursts(root / "sounds", corpus, store, encoder)


@pytest.fixture(scope="session")
def fitted(bursts: Bursts) -> Detector:
    return Detector(SMALL).fit(bursts.store, bursts.corpus, recordings=[f"{number}.wav" for number in range(4)])
