"""What the convolutional encoders share: arithmetic of strided convolutions, their start, their power spectra."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from tymbal.encoders.tokens import row_lengths


def conv_window(stack: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """Samples that one frame sees and samples between frames, after convolutions of (kernel, stride) in turn."""
    window, hop = 1, 1
    for kernel, stride in stack:
        window += (kernel - 1) * hop
        hop *= stride
    return window, hop


def conv_counts(samples: int, stack: Sequence[tuple[int, int]]) -> list[int]:
    """Frames after every one of the convolutions of (kernel, stride), for a waveform of `samples`."""
    counts = []
    for kernel, stride in stack:
        samples = max(0, (samples - kernel) // stride + 1)
        counts.append(samples)
    return counts


def initialise_convolutions(module: nn.Module) -> None:
    """He's start (1502.01852) by the outputs of each group, so that signals do not vanish before any training.

    Torch's own start leaves 1e-17 of them after EfficientNet's sixteen blocks, and nothing can be measured on such
    features.
    """
    for part in module.modules():
        if isinstance(part, nn.Conv1d | nn.Conv2d):
            fan_out = part.out_channels // part.groups * math.prod(part.kernel_size)
            nn.init.normal_(part.weight, std=math.sqrt(2.0 / fan_out))
            if part.bias is not None:
                nn.init.zeros_(part.bias)


def real_frames_mask(mask: Tensor, frames: int, frames_of: Callable[[int], int]) -> Tensor:
    """Which of `frames` frames are real, (batch, frames), in a batch of rows of one length; the first always is.

    mask : bool (batch, samples); `frames_of` gives the frames of so many samples. Sound may be shorter than the least
    an encoder takes, and padded to it.
    """
    samples = row_lengths(mask)[0]
    count = max(1, frames_of(samples)) if samples else 0
    return torch.arange(frames, device=mask.device).expand(len(mask), -1) < count


def power_spectra(waveform: Tensor, window: Tensor, hop_samples: int, *, reflect: bool) -> Tensor:
    """|DFT(window · frame)|² (batch, frames, bins) of waveforms (batch, samples), as `torch.stft` frames them.

    `reflect`: frames are centred, on sound mirrored at both ends; else whole frames only. Exported, this becomes a
    product with a matrix (`encoders.export`); `torch.stft` becomes a slower, less exact operator.
    """
    length = len(window)
    if reflect:
        waveform = functional.pad(waveform[:, None], (length // 2, length // 2), mode="reflect")[:, 0]
    spectrum = torch.fft.rfft(waveform.unfold(1, length, hop_samples) * window)
    power: Tensor = spectrum.real.square() + spectrum.imag.square()
    return power
