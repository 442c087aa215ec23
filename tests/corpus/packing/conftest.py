"""A corpus with everything in it that a dataset has to carry."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.corpus.conftest import write_csv, write_sound

from tymbal.corpus import Corpus, index, make_split

NAMES = ["a/one.wav", "a/two.wav", "b/one.flac", "b/three.wav"]


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    root = tmp_path / "sounds"
    for number, name in enumerate(NAMES):
        write_sound(root / name, seed=number, seconds=0.4)
    table = {
        "recording": NAMES,
        "site": ["pond", "pond", "wood", "wood"],
        "individual": ["x", "y", "z", "z"],
        "licence": ["CC BY 4.0", None, "http://creativecommons.org/licenses/by-nc/4.0/", "CC0"],
        "recordist": ["Ann, B.", None, 'C "D" E', None],
    }
    rows = {
        "recording": ["a/one.wav", "a/one.wav", "a/two.wav", "b/three.wav"],
        "onset_s": [0.05, 0.1, 0.2, 0.1],
        "offset_s": [0.15, 0.3, 0.3, 1 / 3],
        "label": ["song", "call", "song", "song; long"],
        "note": ["", "x", "", "y"],
    }
    made = index(
        root,
        out=tmp_path / "corpus",
        metadata=write_csv(tmp_path / "m.csv", {k: [_quoted(v) for v in each] for k, each in table.items()}),
        annotations=write_csv(tmp_path / "e.csv", rows),
        coverage="complete",
    )
    make_split(made, "places", by="site", folds="each")
    make_split(made, "shares", by="individual", folds={"train": 0.6, "test": 0.4})
    return made


def _quoted(cell: str | None) -> str | None:
    return None if cell is None else '"' + cell.replace('"', '""') + '"'
