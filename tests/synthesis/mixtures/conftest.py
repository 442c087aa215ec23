"""Four birds with a tone each, two in every fold, two recordings of each: when they sound is known to the sample."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from tests.corpus.conftest import write_csv

from tymbal.corpus import Corpus, index, make_split

RATE = 8000
HZ = {"a": 500, "b": 1000, "c": 2000, "d": 3000}


@pytest.fixture(scope="session")
def birds(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    folder = tmp_path_factory.mktemp("birds")
    rng = np.random.default_rng(0)
    rows: dict[str, list[object]] = {"recording": [], "onset_s": [], "offset_s": [], "label": []}
    names: dict[str, list[object]] = {"recording": [], "individual": [], "part": [], "licence": []}
    (folder / "s").mkdir()
    for number, (bird, hz) in enumerate(HZ.items()):
        for take in range(2):
            name = f"{bird}{take}.wav"
            sound = 1e-3 * rng.standard_normal(2 * RATE)
            for at in range(6):
                onset = round((0.1 + 0.3 * at + 0.05 * rng.random()) * RATE)
                length = round((0.1 + 0.05 * rng.random()) * RATE)
                sound[onset : onset + length] += 0.05 * (number + 1) * np.sin(2 * np.pi * hz * np.arange(length) / RATE)
                cells = (name, onset / RATE, (onset + length) / RATE, "song")
                for column, cell in zip(rows, cells, strict=True):
                    rows[column].append(cell)
            soundfile.write(folder / "s" / name, sound, RATE, subtype="PCM_16")
            licence = "CC-BY-4.0" if bird in "ac" else "CC0"
            for column, cell in zip(names, (name, bird, "one" if bird in "ab" else "two", licence), strict=True):
                names[column].append(cell)
    soundfile.write(folder / "s" / "silent.wav", np.zeros(RATE) + 1e-3, RATE, subtype="PCM_16")
    corpus = index(
        folder / "s",
        out=folder / "corpus",
        annotations=write_csv(folder / "e.csv", rows),
        metadata=write_csv(folder / "m.csv", names),
        coverage="complete",
    )
    make_split(corpus, "parts", by="individual", folds="part")
    return corpus


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "mixtures"
