"""Per-channel energy normalisation: a spectrogram divided by its own recent past."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from tymbal.audio.frontends.fir import MaskedMean
from tymbal.audio.frontends.stft import Frames
from tymbal.errors import UsageError


@dataclass(frozen=True)
class PcenConfig:
    """Constants of PCEN (Wang et al. 2017, 1607.05666; names after Lostanlen et al. 2019).

    Parameters
    ----------
    smoothing : s of M[t] = (1 - s) M[t-1] + s E[t]; the smoother forgets over about 1/s frames.
    gain, bias, power, floor : of (E / (floor + M)^gain + bias)^power - bias^power.
    memory_frames : the frames, the present one included, that the smoother sees; None means 4 / s, where the
        recursion has forgotten 98%.
    """

    smoothing: float = 0.025
    gain: float = 0.98
    bias: float = 2.0
    power: float = 0.5
    floor: float = 1e-6
    memory_frames: int | None = None

    def __post_init__(self) -> None:
        if not (0 < self.smoothing <= 1 and self.gain >= 0 and self.bias > 0 and self.power > 0 and self.floor > 0):
            raise UsageError(
                f"{self}",
                where="PCEN",
                allowed="0 < smoothing <= 1, gain >= 0, bias, power and floor above 0",
            )

    @property
    def memory(self) -> int:
        """Frames that the smoother sees."""
        return math.ceil(4 / self.smoothing) if self.memory_frames is None else self.memory_frames


class PCEN(nn.Module):
    """PCEN of mel power, with a smoother that is local and knows the mask.

    M is the recursion's exponential average cut off after `memory` frames and divided by the weights of the frames
    that are real: at the first frame M = E (the recursion's usual warm start), padding before or after a row changes
    nothing, and a frame depends on a stated stretch of sound, so that a stream equals one long pass. Away from the
    start it differs from the endless recursion by (1 - s)^memory.

    `trainable` makes gain, bias and power parameters, one per band (bands then required).
    """

    gain: Tensor
    bias: Tensor
    power: Tensor

    def __init__(self, config: PcenConfig | None = None, *, bands: int = 1, trainable: bool = False) -> None:
        super().__init__()
        self.config = config = PcenConfig() if config is None else config
        weights = config.smoothing * (1 - config.smoothing) ** np.arange(config.memory, dtype=np.float64)[::-1]
        self.smoother = MaskedMean(weights, origin=config.memory - 1)
        for name in ("gain", "bias", "power"):
            value = torch.full((bands,), float(getattr(config, name)))
            if trainable:
                self.register_parameter(name, nn.Parameter(value))
            else:
                self.register_buffer(name, value, persistent=False)

    def forward(self, energy: Tensor, mask: Tensor | None = None) -> Frames:
        """PCEN (batch, frames, bands) of non-negative energies of that shape; mask (batch, frames)."""
        if energy.ndim != 3:
            raise UsageError(f"energies of shape {tuple(energy.shape)}", where="PCEN", allowed="(batch, frames, bands)")
        if mask is None:
            mask = torch.ones(energy.shape[:2], dtype=torch.bool, device=energy.device)
        floor = self.config.floor
        mean = self.smoother(energy, mask)  # M (batch, frames, bands)
        # (floor + M)^-gain = exp(-gain (ln floor + ln(1 + M/floor))): no underflow for quiet sound.
        scale = torch.exp(-self.gain * (math.log(floor) + torch.log1p(mean / floor)))
        # bias^power · expm1(power · ln(1 + E·scale/bias)) is (E·scale + bias)^power - bias^power without cancelling.
        value: Tensor = self.bias**self.power * torch.expm1(self.power * torch.log1p(energy * scale / self.bias))
        return Frames(value, mask)
