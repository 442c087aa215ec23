"""What a layer's frames really see, measured by gradients: the slow proof of a LayerSpec's grid."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from tymbal.encoders import Encoder


@dataclass(frozen=True)
class Field:
    """Of one frame: the energy-weighted centre and the outermost samples of |d frame / d waveform|, in seconds."""

    center_s: float
    start_s: float
    end_s: float


def field_of(encoder: Encoder, layer: str, frame: int, *, samples: int, draws: int = 6) -> Field:
    """The field of `frame`, over several noises and random mixtures of the frame's values."""
    generator = torch.Generator().manual_seed(frame)
    energy = torch.zeros(samples, dtype=torch.float64)
    waveform = (0.1 * torch.randn(draws, samples, generator=generator)).requires_grad_()
    values = encoder(waveform)[layer].values[:, frame]
    mixture = torch.randn(values.shape, generator=generator)
    (gradient,) = torch.autograd.grad((values * mixture).sum(), waveform)
    energy = gradient.double().square().mean(0)
    if not bool((energy > 0).any()):
        return Field(math.nan, math.nan, math.nan)
    at = torch.arange(samples, dtype=torch.float64)
    # Rounding leaves 1e-14 of the energy outside the filters of a Fourier transform; a real leak is far above.
    touched = torch.nonzero(energy > 1e-12 * energy.max()).flatten()
    rate = float(encoder.sample_rate or 1)
    return Field(float((energy * at).sum() / energy.sum()) / rate, float(touched[0]) / rate, float(touched[-1]) / rate)
