"""Does the work grow with the corpus and no faster? CPU seconds per recording at 1x, 10x and 100x.

Run: .venv/bin/python perf/growth.py
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import soundfile

from machine import probe_line
from tymbal.annotations.tables import make_events
from tymbal.corpus import Corpus, index
from tymbal.encoders import create_encoder
from tymbal.features import EmbedConfig, FeatureStore, embed, examples
from tymbal.features.plan import make_embed_plan

RATE, SECONDS, SIZES = 8000, 0.5, (50, 500, 5000)


def main() -> None:
    print(probe_line())
    per_item: dict[str, list[float]] = {}
    for size in SIZES:
        for step, seconds in steps(size).items():
            per_item.setdefault(step, []).append(1000 * seconds / size)
    print(f"CPU ms per recording of {SECONDS} s at {RATE} Hz, for {', '.join(map(str, SIZES))} recordings:")
    for step, values in per_item.items():
        shown = ", ".join(f"{value:.3f}" for value in values)
        print(
            f"  {step}: {shown}; {SIZES[2]} against {SIZES[1]}: {values[2] / values[1]:.2f} (linear: 1, quadratic: 10)"
        )


def steps(size: int) -> dict[str, float]:
    """CPU seconds of every step of the road for `size` recordings."""
    encoder = create_encoder("spectral")
    encoder.at_rate(RATE)
    taken: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        root, out = Path(folder) / "sound", Path(folder) / "store"
        sound = np.random.default_rng(0).normal(size=round(RATE * SECONDS)) * 0.1
        for number in range(size):
            (root / f"{number // 100:03d}").mkdir(parents=True, exist_ok=True)
            soundfile.write(root / f"{number // 100:03d}" / f"{number:05d}.wav", np.roll(sound, number), RATE, "PCM_16")

        def step(name: str, start: float) -> None:
            taken[name] = time.process_time() - start

        start = time.process_time()
        index(root, out=Path(folder) / "corpus", workers=1)
        step("index", start)
        start = time.process_time()
        corpus = Corpus.open(Path(folder) / "corpus")
        step("open the corpus", start)
        start = time.process_time()
        make_embed_plan(corpus, encoder, EmbedConfig())
        step("plan", start)
        start = time.process_time()
        embed(corpus, encoder, out, workers=1, frames=4)
        step("embed", start)
        start = time.process_time()
        embed(corpus, encoder, out, workers=1, frames=4)
        step("embed again (nothing to do)", start)
        start = time.process_time()
        store = FeatureStore.open(out)
        step("open the store", start)
        events = make_events({"recording": corpus.recordings["recording"]})
        start = time.process_time()
        examples(store, events, frames=4)
        step("examples", start)
    return taken


if __name__ == "__main__":
    main()
