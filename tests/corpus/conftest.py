"""Small corpora made of generated sound."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tymbal.corpus import Corpus, index

Table = Mapping[str, list[object]]


def write_sound(path: Path, *, seed: int = 0, seconds: float = 0.5, rate: int = 8000, gain: float = 0.1) -> Path:
    """White noise of a given seed; the same arguments give the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = gain * np.random.default_rng(seed).standard_normal(round(seconds * rate))
    soundfile.write(path, np.clip(samples, -1, 1), rate, subtype="PCM_16" if path.suffix != ".ogg" else "VORBIS")
    return path


def write_csv(path: Path, table: Table) -> Path:
    """A CSV table of plain cells."""
    rows = zip(*table.values(), strict=True)
    lines = [",".join(table), *(",".join("" if cell is None else str(cell) for cell in row) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def make_corpus(tmp_path: Path) -> Callable[..., Corpus]:
    """`make_corpus({"recording": [...], "site": [...]}, events={...})`: files, tables and index at once."""

    def make(metadata: Table, events: Table | None = None, seconds: float = 0.3, **settings: object) -> Corpus:
        root = tmp_path / "sounds"
        for number, name in enumerate(metadata["recording"]):
            write_sound(root / str(name), seed=number, seconds=seconds)
        tables = {"metadata": write_csv(tmp_path / "metadata.csv", metadata)}
        if events is not None:
            tables["annotations"] = write_csv(tmp_path / "annotations.csv", events)
        return index(root, out=tmp_path / "corpus", workers=1, **tables, **settings)  # type: ignore[arg-type]

    return make
