"""Filters along the frames of a spectrogram: smoothing, differences and modulations by one matrix product a block."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from tymbal.errors import UsageError


class FrameFilter(nn.Module):
    """Finite impulse responses along time: y[j, f] = Σ_k taps[f, k] · x[j·stride + k - origin], zeros outside.

    Blocks of output frames are one product with a Toeplitz matrix, which for tens to hundreds of taps is many times
    faster than a convolution over each band by itself.

    Parameters
    ----------
    taps : (filters, length).
    origin : the tap that meets the frame itself: 0 looks ahead only, length - 1 looks back only.
    stride : input frames from one output frame to the next; there are ceil(frames / stride) output frames.
    """

    matrix: Tensor

    def __init__(self, taps: NDArray[np.float64], *, origin: int, stride: int = 1) -> None:
        super().__init__()
        if taps.ndim != 2 or taps.size == 0 or not 0 <= origin < taps.shape[1] or stride < 1:
            raise UsageError(
                f"taps of shape {taps.shape}, origin {origin}, stride {stride}",
                where="FrameFilter",
                allowed="taps (filters, length), an origin within the length, a stride of 1 or more",
            )
        self.filters, self.length = taps.shape
        self.origin, self.stride = origin, stride
        # About as many output frames a block as the taps are long: half of the matrix is then non-zero.
        self.block = max(8, -(-self.length // stride))
        self.span = (self.block - 1) * stride + self.length
        matrix = np.zeros((self.block, self.filters, self.span))
        for output in range(self.block):
            matrix[output, :, output * stride : output * stride + self.length] = taps
        self.register_buffer("matrix", torch.from_numpy(matrix.reshape(-1, self.span)).float(), persistent=False)

    def frames(self, frames: int) -> int:
        """Number of output frames for `frames` input frames."""
        return -(-frames // self.stride)

    def forward(self, values: Tensor) -> Tensor:
        """(batch, frames, channels) → (batch, output frames, filters, channels)."""
        batch, count, channels = values.shape
        outputs = self.frames(count)
        blocks = -(-outputs // self.block)
        right = (blocks - 1) * self.block * self.stride + self.span - self.origin - count
        padded = functional.pad(values, (0, 0, self.origin, max(0, right)))
        spans = padded.unfold(1, self.span, self.block * self.stride)[:, :blocks]
        filtered = torch.matmul(self.matrix, spans.transpose(2, 3))
        return filtered.reshape(batch, blocks * self.block, self.filters, channels)[:, :outputs]


class MaskedMean(nn.Module):
    """Weighted means along time over the frames that are real.

    y[j] = Σ_k w[k] m x / Σ_k w[k] m at input frame j·stride + k - origin: where the mask m ends, or the waveform does,
    the weights that are left share the whole. Zero where no real frame is in reach.

    Parameters
    ----------
    weights : (length,), not negative.
    origin, stride : see `FrameFilter`.
    """

    def __init__(self, weights: NDArray[np.float64], *, origin: int, stride: int = 1) -> None:
        super().__init__()
        self.filter = FrameFilter(weights[None], origin=origin, stride=stride)

    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        """(batch, frames, channels) and mask (batch, frames) → (batch, output frames, channels)."""
        weight = mask.unsqueeze(-1).to(values.dtype)
        total = self.filter(torch.cat([values * weight, weight], dim=-1))[:, :, 0]
        mean: Tensor = total[..., :-1] / total[..., -1:].clamp(min=1e-12)
        return mean


class Modulation(nn.Module):
    """Strength of the changes in time at given rates, around each frame, over the frames that are real.

    With a Hann window w and the masked mean x̄ around the frame,
    y[r] = 2 |Σ_k w m (x - x̄) exp(-2πi·rate_r·k)| / Σ_k w m: a band that swings as A·cos at rate r gives about A.

    Parameters
    ----------
    rates : in cycles per frame, above 0, at most 0.5.
    length : frames of the window; odd, so that it is centred.
    stride : see `FrameFilter`.
    """

    def __init__(self, rates: tuple[float, ...], *, length: int, stride: int = 1) -> None:
        super().__init__()
        if not rates or not all(0 < rate <= 0.5 for rate in rates) or length < 3 or length % 2 == 0:
            raise UsageError(
                f"rates {rates} over {length} frames",
                where="Modulation",
                allowed="rates above 0 and up to 0.5 cycles per frame; an odd length of 3 or more",
            )
        reach = length // 2
        offset = np.arange(-reach, reach + 1)
        hann = 0.5 + 0.5 * np.cos(np.pi * offset / (reach + 1))
        waves = [hann * wave(2 * np.pi * rate * offset) for rate in rates for wave in (np.cos, np.sin)]
        self.rates, self.stride = rates, stride
        self.filter = FrameFilter(np.stack([hann, *waves]), origin=reach, stride=stride)

    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        """(batch, frames, channels) and mask (batch, frames) → (batch, output frames, channels, rates)."""
        weight = mask.unsqueeze(-1).to(values.dtype)
        filtered = self.filter(torch.cat([values * weight, weight], dim=-1))
        signal, gate = filtered[..., :-1], filtered[..., -1:]
        real = gate[:, :, :1].clamp(min=1e-12)
        # Σ w m (x - x̄) e = Σ w m x e - x̄ Σ w m e: the mean need not be taken out frame by frame.
        mean = signal[:, :, :1] / real
        waves = (signal[:, :, 1:] - mean * gate[:, :, 1:]) / real
        cosine, sine = waves[:, :, 0::2], waves[:, :, 1::2]
        # The tiny constant keeps the root's gradient finite where nothing swings.
        return 2 * torch.sqrt(cosine.square() + sine.square() + 1e-14).transpose(2, 3)
