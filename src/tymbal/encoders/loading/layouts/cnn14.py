"""CNN14 of PANNs, at 32, 16 and 8 kHz: the authors' names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from tymbal.audio.frontends.mel import mel_filters
from tymbal.encoders.cnn14 import Cnn14Config, mel_config
from tymbal.encoders.loading.layout import Constant, Layout, Rule, known, shape

# Window -> the front end of the three published networks.
FRONT_ENDS = {
    1024: {"sample_rate_hz": 32000, "hop_samples": 320, "high_hz": 14000.0},
    512: {"sample_rate_hz": 16000, "hop_samples": 160, "high_hz": 8000.0},
    256: {"sample_rate_hz": 8000, "hop_samples": 80, "high_hz": 4000.0},
}
MEL, REAL, IMAGINARY = (
    "logmel_extractor.melW",
    *(f"spectrogram_extractor.stft.conv_{part}.weight" for part in ("real", "imag")),
)


def mel_matrix(config: Cnn14Config) -> Tensor:
    """The file's `melW`: filters (window / 2 + 1, bands)."""
    return torch.from_numpy(mel_filters(config.sample_rate_hz, mel_config(config))).float()


def fourier_kernels(config: Cnn14Config, *, imaginary: bool) -> Tensor:
    """The file's windowed Fourier transform as a convolution's kernels (window / 2 + 1, 1, window)."""
    size = config.window_samples
    # Whole turns are taken out before the angle is: float64 loses none of it then.
    turns = torch.outer(torch.arange(size // 2 + 1), torch.arange(size)) % size
    angle = -2 * torch.pi * turns.double() / size
    wave = torch.sin(angle) if imaginary else torch.cos(angle)
    return (wave * torch.hann_window(size, dtype=torch.float64)).unsqueeze(1).float()


def sizes(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """Channels and bands; the front end by the length of the file's Fourier transform, if it is a published one."""
    bins = shape(state, MEL, 0)
    window = 2 * (bins - 1) if bins else None
    return known(
        channels=shape(state, "conv_block1.conv1.weight", 0),
        bands=shape(state, "bn0.weight", 0),
        window_samples=window,
        **FRONT_ENDS.get(window or 0, {}),
    )


CNN14 = Layout(
    name="PANNs CNN14",
    encoder="cnn14",
    anchors=("conv_block1.conv1.weight", "conv_block1.conv2.weight"),
    rules=(
        Rule("bn0.**", "bn0.**"),
        Rule("conv_block{i}.conv{j}.weight", "conv_block{i}.conv{j}.weight"),
        Rule("conv_block{i}.bn{j}.**", "conv_block{i}.bn{j}.**"),
    ),
    sizes=sizes,
    settings={
        "sample_rate_hz": ("sample_rate",),
        "window_samples": ("window_size",),
        "hop_samples": ("hop_size",),
        "bands": ("mel_bins",),
        "low_hz": ("fmin",),
        "high_hz": ("fmax",),
    },
    constants=(
        Constant(MEL, mel_matrix),
        Constant(REAL, lambda config: fourier_kernels(config, imaginary=False)),
        Constant(IMAGINARY, lambda config: fourier_kernels(config, imaginary=True)),
    ),
    classifiers=("fc_audioset",),
    hidden="fc1",
    optional=(r".*\.num_batches_tracked",),
    ignored=(r"spec_augmenter\..*", r"att_block\..*"),
    # Wavegram networks share the names of the blocks.
    foreign=(r"(.*\.)?pre_(conv0|bn0|block\d)\..*",),
    inferred=("sample_rate_hz", "hop_samples", "low_hz", "high_hz"),
)
