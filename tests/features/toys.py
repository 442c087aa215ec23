"""A toy encoder and a toy corpus; a module of its own because spawned workers import it by name."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import polars as pl
import soundfile
import torch
from torch import Tensor

from tymbal.annotations.tables import make_events
from tymbal.corpus.identify import content_hash
from tymbal.encoders.contract import Encoder, LayerOutput, LayerSpec
from tymbal.units import FrameGrid


@dataclass(frozen=True)
class ToyConfig:
    """`gain` scales "fine"; a sample of `kills` or more ends the process, one of `fails` or more is a defect."""

    sample_rate: int | None = 1000
    gain: float = 1.0
    kills: float = 9.0
    fails: float = 9.0
    wide_above_hz: int = 10**9


class ToyEncoder(Encoder):
    """Framed log-energy. "fine": 2 bands x 2 every 20 samples; "coarse": every 100; "clip": fine minus its mean."""

    name: ClassVar[str] = "toy"

    def __init__(self, config: ToyConfig = ToyConfig(), rate_hz: int | None = None) -> None:
        super().__init__()
        self.config = config
        self.sample_rate = config.sample_rate if rate_hz is None else rate_hz
        self.weight = torch.nn.Parameter(torch.tensor([1.0, 0.5]))

    def at_rate(self, sample_rate_hz: int) -> Encoder:
        return self if self.config.sample_rate is not None else ToyEncoder(self.config, sample_rate_hz)

    @property
    def layers(self) -> tuple[LayerSpec, ...]:
        rate = self.sample_rate
        assert rate is not None
        fine = FrameGrid.from_samples(rate, hop=20, first_center=19.5, receptive=40)
        coarse = FrameGrid.from_samples(rate, hop=100, first_center=99.5, receptive=200)
        clip = FrameGrid(fine.hop_s, fine.first_center_s, math.inf)
        dim = 3 if rate > self.config.wide_above_hz else 2
        return (
            LayerSpec("fine", 2, 2, fine, local=True),
            LayerSpec("coarse", dim, 1, coarse, local=True),
            LayerSpec("clip", 2, 2, clip, local=False),
        )

    @property
    def min_samples(self) -> int:
        return 200

    def frames(self, samples: int) -> dict[str, int]:
        fine = max(0, (samples - 40) // 20 + 1)
        return {"fine": fine, "coarse": max(0, (samples - 200) // 100 + 1), "clip": fine}

    def encode(self, waveform: Tensor, mask: Tensor) -> dict[str, LayerOutput]:
        if float(waveform.abs().max()) >= self.config.kills:
            os._exit(9)
        if float(waveform.abs().max()) >= self.config.fails:
            raise ZeroDivisionError("a toy defect")
        fine, fine_mask = self._framed(waveform, mask, 20)
        coarse, coarse_mask = self._framed(waveform, mask, 100)
        fine = torch.stack([fine * self.weight, fine * 0.25], dim=2) * self.config.gain
        dim = self.layers[1].dim
        coarse = coarse[:, :, None, :1].expand(-1, -1, 1, dim)
        total = (fine * fine_mask[..., None, None]).sum(1, keepdim=True)
        clip = fine - total / fine_mask.sum(1).clamp(min=1)[:, None, None, None]
        return {
            "fine": LayerOutput(fine, fine_mask),
            "coarse": LayerOutput(coarse, coarse_mask),
            "clip": LayerOutput(clip, fine_mask),
        }

    @staticmethod
    def _framed(waveform: Tensor, mask: Tensor, hop: int) -> tuple[Tensor, Tensor]:
        parts = waveform.double().unfold(1, 2 * hop, hop)
        values = torch.stack([(parts**2).mean(-1), parts.mean(-1)], dim=-1)
        return torch.log(values.abs() + 1e-6).float(), mask.unfold(1, 2 * hop, hop).all(-1)


@dataclass
class ToyCorpus:
    """What `embed` needs of a corpus, from WAV files in a folder."""

    root: Path
    recordings: pl.DataFrame
    events: pl.DataFrame = field(default_factory=lambda: make_events({}))


def noise(samples: int, channels: int = 1, seed: int = 0) -> np.ndarray[Any, Any]:
    """Noise whose level wanders, so that frames differ: float32 (samples, channels) within ±0.9."""
    random = np.random.default_rng(seed)
    level = np.interp(np.arange(samples), np.linspace(0, max(samples, 1), 40), random.uniform(0.01, 0.3, 40))
    return np.clip(random.normal(size=(samples, channels)) * level[:, None], -0.9, 0.9).astype(np.float32)


def make_corpus(root: Path, sounds: Mapping[str, np.ndarray[Any, Any]], rates: Mapping[str, int] | int) -> ToyCorpus:
    """Write 16-bit WAV files and their table."""
    rows = []
    for name, sound in sounds.items():
        rate = rates if isinstance(rates, int) else rates[name]
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, sound, rate, subtype="PCM_16")
        rows.append(describe(root, name, rate, sound.shape[1] if sound.ndim == 2 else 1, len(sound)))
    return ToyCorpus(root, pl.DataFrame(rows))


def describe(root: Path, name: str, rate: int, channels: int, samples: int) -> dict[str, Any]:
    """One row of a recordings table, from the file as it is now."""
    found = (root / name).stat()
    return {
        "recording": name,
        "content_hash": content_hash(root / name),
        "size_bytes": found.st_size,
        "mtime_ns": found.st_mtime_ns,
        "sample_rate_hz": rate,
        "channels": channels,
        "samples": samples,
        "duration_s": samples / rate,
    }


def small_corpus(root: Path) -> ToyCorpus:
    """Seven recordings at 1,000 Hz: none, short, exact, several segments of 2 s, two channels."""
    lengths = {"a.wav": 5300, "b/c.wav": 2000, "b/d.wav": 150, "e.WAV": 7, "f.wav": 4001, "g.wav": 600}
    sounds = {name: noise(length, seed=index) for index, (name, length) in enumerate(lengths.items())}
    return make_corpus(root, {**sounds, "two.wav": noise(2500, 2, seed=9)}, 1000)


def contents(store: Path) -> dict[str, bytes]:
    """Every file of a store with its bytes."""
    return {
        path.relative_to(store).as_posix(): path.read_bytes() for path in sorted(store.rglob("*")) if path.is_file()
    }
