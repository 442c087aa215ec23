"""From sounds to verdict: a label that the site alone carries, and one that is heard at every site."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from tymbal.corpus import index, make_split
from tymbal.encoders.spectral import SpectralEncoder
from tymbal.features import embed
from tymbal.probes import DiagnoseConfig, diagnose

RATE_HZ = 4000
SITES, VISITS, TAKES = 8, 3, 4


def audited(folder: Path, *, label: str, hum: float, tones_hz: tuple[float, float]) -> tuple[dict[str, Any], str]:
    """(row, reading) of 96 recordings: every site hums at pitches of its own, takes have one of two tones in turn.

    `species` goes with the site and is in no sound but its hum; `call` is the tone.
    """
    random = np.random.default_rng(0)
    time_s = np.arange(int(0.3 * RATE_HZ)) / RATE_HZ
    hums = [sum(np.sin(2 * np.pi * hz * time_s) for hz in random.uniform(100, 1900, 3)) for _ in range(SITES)]
    rows = ["recording,species,call,site,visit"]
    for site in range(SITES):
        for visit in range(VISITS):
            for take in range(TAKES):
                tone = np.sin(2 * np.pi * tones_hz[take % 2] * time_s)
                wave = 0.2 * tone + hum * hums[site] + 0.03 * random.normal(size=len(time_s))
                name = f"{random.integers(10**9)}.wav"  # names tell nothing
                soundfile.write(folder / name, wave, RATE_HZ)
                rows.append(f"{name},{'ab'[site % 2]},{('low', 'high')[take % 2]},site{site},{site}-{visit}")
    (folder / "table.csv").write_text("\n".join(rows) + "\n")
    corpus = index(folder, out=folder / "corpus", metadata=[folder / "table.csv"], workers=1)
    make_split(corpus, "folds", by="visit", folds=3, stratify="species")
    store = embed(corpus, SpectralEncoder.tiny(), folder / "store", workers=1, segment_s=0.5, layers=("mfcc",))
    config = DiagnoseConfig(label=label, diagnostics=("leakage",), columns=("site",), permutations=199, frames=4)
    found = diagnose(corpus, store, config, folder / "out")["diagnostics"]["leakage"]
    (row,) = found["rows"]
    return row, found["reading"]


def test_a_label_carried_by_the_site_alone_leaks(tmp_path: Path) -> None:
    row, reading = audited(tmp_path, label="species", hum=0.12, tones_hz=(500, 500))
    assert row["nearest_right"] > 0.9, "any probe would seem to read it where sites are on both sides"
    assert row["other_right"] < 0.7
    assert row["verdict"] == "leaks"
    assert "Split 'folds' has 8 of its 8 values in several folds" in reading


def test_a_label_heard_at_every_site_does_not(tmp_path: Path) -> None:
    row, reading = audited(tmp_path, label="call", hum=0.04, tones_hz=(500, 1200))
    assert row["nearest_right"] > 0.9
    assert row["other_right"] > 0.9
    assert row["verdict"] == "trace", "the hum is heard all the same"
    assert "was not seen to rest on it" in reading
