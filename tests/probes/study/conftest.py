"""A corpus of tones in noise, small enough to embed for every test run: three calls, eight sessions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from tymbal.corpus import Corpus, index, make_split
from tymbal.encoders.spectral import SpectralEncoder
from tymbal.features import FeatureStore, embed

RATE_HZ = 4000
CALLS = {"chirp": 500.0, "buzz": 650.0, "whistle": 900.0}


@pytest.fixture(scope="session")
def tones(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(corpus, store): 72 recordings of 0.3 s, splits "folds" by session and "named" train/validation/test."""
    folder = tmp_path_factory.mktemp("tones")
    rng = np.random.default_rng(0)
    time_s = np.arange(int(0.3 * RATE_HZ)) / RATE_HZ
    rows = ["recording,call,session,bird"]
    for session in range(8):
        hum = np.sin(2 * np.pi * (150 + 40 * session) * time_s)
        for take in range(9):
            call = list(CALLS)[take % 3]
            tone = np.sin(2 * np.pi * CALLS[call] * rng.uniform(0.85, 1.15) * time_s)
            wave = 0.2 * tone + 0.1 * hum + 0.08 * rng.normal(size=len(time_s))
            name = f"s{session}_{take}.wav"
            soundfile.write(folder / name, wave, RATE_HZ)
            rows.append(f"{name},{call},{session},{'left' if session < 4 else 'right'}")
    (folder / "calls.csv").write_text("\n".join(rows) + "\n")
    corpus = index(folder, out=folder / "corpus", metadata=[folder / "calls.csv"], workers=1)
    make_split(corpus, "folds", by="session", folds=4, stratify="call")
    shares = {"train": 0.5, "validation": 0.25, "test": 0.25}
    make_split(corpus, "named", by="session", folds=shares, stratify="call")
    embed(corpus, SpectralEncoder.tiny(), folder / "store", workers=1, segment_s=0.5)
    return folder / "corpus", folder / "store"


@pytest.fixture
def opened(tones: tuple[Path, Path]) -> tuple[Corpus, FeatureStore]:
    """The corpus and store of `tones`."""
    corpus = Corpus.open(tones[0])
    (corpus.path / "test_reads.jsonl").unlink(missing_ok=True)
    return corpus, FeatureStore.open(tones[1])
