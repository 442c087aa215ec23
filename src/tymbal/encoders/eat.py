"""EAT: self-supervised pre-training with an efficient audio transformer (Chen et al. 2024, 2401.03497)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from tymbal.encoders.vit import SpectrogramVit, VitConfig


@dataclass(frozen=True)
class EatConfig(VitConfig):
    """Sizes and front end; the defaults are EAT base, trained on AudioSet.

    Parameters
    ----------
    fbank_mean, fbank_std : (log energy - mean) / (2 · std): -4.268 and 4.569 for AudioSet, -5.553 and 4.606 for the
        bioacoustic checkpoints (esp-aves2).
    norm_first : pre-norm blocks; the published base model is post-norm.
    input_norm : a norm of tokens and CLS before the first block (the fairseq `context_encoder.norm`).
    """

    fbank_mean: float = -4.268
    fbank_std: float = 4.569
    norm_first: bool = False
    input_norm: bool = True


class Eat(SpectrogramVit):
    """A `SpectrogramVit` on Hann-windowed Kaldi filter banks of the ±1 waveform, filled up with zeros before the
    normalisation, as published.

    The published front end also takes the clip's mean off the waveform; Kaldi's takes each window's mean off, so that
    makes no difference and is left out (it would make every frame depend on the whole clip by rounding).
    """

    name: ClassVar[str] = "eat"

    def __init__(self, config: EatConfig | None = None) -> None:
        super().__init__(config or EatConfig())

    @classmethod
    def tiny(cls) -> Eat:
        """Two narrow blocks on clips of 0.64 s, for tests."""
        return cls(EatConfig(mel_bands=32, clip_frames=64, dim=32, ffn=48, heads=4, blocks=2))

    def filling(self, picture: Tensor, real: Tensor) -> Tensor:
        """Zero before the normalisation; (clips, 1, 1)."""
        front_end = self.front_end.config
        return torch.full_like(picture[:, :1, :1], -front_end.offset / front_end.divisor)
