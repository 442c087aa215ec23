"""A corpus of tones whose pitch is their label, and its store of pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import soundfile

from tymbal.corpus.indexing import index
from tymbal.encoders import create_encoder
from tymbal.features import embed

PICTURE = {"bands": 16, "high_hz": 4000.0}


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `corpus` and `store`: 8 recordings of 2 s at 8 kHz, a low or a high tone in each second."""
    root = tmp_path_factory.mktemp("pictures")
    generator, rows = np.random.default_rng(0), []
    time = np.arange(8000) / 8000
    (root / "sounds").mkdir()
    for number in range(8):
        wave = 0.01 * generator.normal(size=16_000)
        for second in range(2):
            label = "high" if (number + second) % 2 else "low"
            tone = np.sin(2 * np.pi * (2500 if label == "high" else 500) * time[:4000])
            wave[second * 8000 + 2000 : second * 8000 + 6000] += 0.2 * tone
            rows.append((f"{number}.wav", second + 0.25, second + 0.75, label))
        soundfile.write(root / "sounds" / f"{number}.wav", wave, 8000)
    columns = ["recording", "onset_s", "offset_s", "label"]
    pl.DataFrame(rows, schema=columns, orient="row").write_csv(root / "events.csv")
    corpus = index(root / "sounds", out=root / "corpus", annotations=[root / "events.csv"], workers=1)
    embed(corpus, create_encoder("picture", **PICTURE), root / "store", workers=1, segment_s=2.0)
    return root
