"""Reading a feature store of 100,000 rows of 1,280 float16 values, against one raw memory-mapped file.

Run: .venv/bin/python perf/store.py
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import soundfile
import torch
from torch import Tensor

from machine import probe_line
from tymbal.corpus import index
from tymbal.encoders.contract import Encoder, LayerOutput, LayerSpec
from tymbal.features import embed
from tymbal.units import FrameGrid

RECORDINGS, FRAMES, WIDTH, HOP, RATE = 500, 200, 1280, 10, 1000
PICKED, REPEATS = 512, 100


@dataclass(frozen=True)
class WideConfig:
    """No options."""


class Wide(Encoder):
    """Many cheap values a frame: the store is measured, not the encoder."""

    name: ClassVar[str] = "wide"

    def __init__(self) -> None:
        super().__init__()
        self.config = WideConfig()
        self.sample_rate = RATE
        self.register_buffer("weights", torch.linspace(-1, 1, WIDTH))

    @property
    def layers(self) -> tuple[LayerSpec, ...]:
        grid = FrameGrid.from_samples(RATE, hop=HOP, first_center=(HOP - 1) / 2, receptive=HOP)
        return (LayerSpec("wide", WIDTH, 1, grid, local=True),)

    def frames(self, samples: int) -> dict[str, int]:
        return {"wide": samples // HOP}

    def encode(self, waveform: Tensor, mask: Tensor) -> dict[str, LayerOutput]:
        level = waveform.unfold(1, HOP, HOP).mean(-1)
        values = (level[..., None] * self.get_buffer("weights"))[:, :, None, :]
        return {"wide": LayerOutput(values, mask.unfold(1, HOP, HOP).all(-1))}


def milliseconds(function: Callable[[int], object], repeats: int) -> np.ndarray:  # type: ignore[type-arg]
    """CPU milliseconds of every call; other programs on the machine do not count."""
    taken = []
    for number in range(repeats):
        start = time.process_time()
        function(number)
        taken.append(1000 * (time.process_time() - start))
    return np.array(taken)


def main() -> None:
    print(probe_line())
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "sound"
        root.mkdir()
        random = np.random.default_rng(0)
        for number in range(RECORDINGS):
            soundfile.write(root / f"{number:03d}.wav", random.uniform(-1, 1, FRAMES * HOP), RATE, subtype="PCM_16")
        corpus = index(root, out=Path(folder) / "corpus", workers=1)
        start = time.process_time()
        store = embed(corpus, Wide(), Path(folder) / "store", workers=1)
        wrote_s = time.process_time() - start
        rows = store.rows("wide")
        print(f"{rows:,} rows of {WIDTH} float16 in {len(store._files['wide'])} files; written in {wrote_s:.1f} CPU s")
        raw_path = Path(folder) / "raw.npy"
        np.save(raw_path, store.read_range("wide", 0, rows))
        raw = np.load(raw_path, mmap_mode="r")
        report(store, raw, [random.integers(0, rows, PICKED) for _ in range(REPEATS)])


def report(store, raw, picks) -> None:  # type: ignore[no-untyped-def]
    """Print times of random reads and full scans, ours and of the raw file."""
    for rows in picks[:2]:
        np.testing.assert_array_equal(store.read("wide", rows), raw[rows])
    again = type(store).open(store.path)
    cold = milliseconds(lambda number: again.read("wide", picks[number]), 1)[0]
    ours = milliseconds(lambda number: store.read("wide", picks[number]), REPEATS)
    theirs = milliseconds(lambda number: np.asarray(raw[picks[number]]), REPEATS)
    print(
        f"CPU time; {PICKED} random rows: median {np.median(ours):.2f} ms, 95% {np.quantile(ours, 0.95):.2f} ms, "
        f"first after opening {cold:.2f} ms; raw memory map {np.median(theirs):.2f} ms; "
        f"ours / raw {np.median(ours) / np.median(theirs):.2f}; bar: 5 ms"
    )
    total = raw.nbytes / 1e9
    scan = milliseconds(lambda _: [np.max(values) for _, values, _ in store.iter("wide") if len(values)], 3).min()
    raw_scan = milliseconds(lambda _: [np.max(raw[i : i + FRAMES]) for i in range(0, len(raw), FRAMES)], 3).min()
    target = np.empty_like(raw[:FRAMES])
    copied = milliseconds(lambda _: [np.copyto(target, values) for _, values, _ in store.iter("wide")], 3).min()
    memory = np.array(raw)
    stream = milliseconds(
        lambda _: [np.copyto(target, memory[i : i + FRAMES]) for i in range(0, len(raw), FRAMES)], 3
    ).min()
    print(
        f"full scan in {len(raw) // FRAMES} units: max of every unit {scan:.0f} ms, of the raw map {raw_scan:.0f} ms, "
        f"ours / raw {scan / raw_scan:.2f}; copying every unit {copied:.0f} ms ({1000 * total / copied:.1f} GB/s), "
        f"the same copy from memory {stream:.0f} ms, ours / memory {copied / stream:.2f}"
    )


if __name__ == "__main__":
    main()
