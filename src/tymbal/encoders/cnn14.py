"""CNN14 of the pretrained audio neural networks (PANNs).

Kong et al. 2020, "PANNs: Large-Scale Pretrained Audio Neural Networks for Audio Pattern Recognition", table 1. Module
names follow the published checkpoints; their spectrogram weights (`spectrogram_extractor.*`, `logmel_extractor.*`) are
constants that are computed here instead. Front end: 32 kHz, 1,024-sample Hann windows every 320 samples, 64 Slaney mel
bands 50–14,000 Hz, decibels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from tymbal.audio.frontends.mel import BandedFilters, MelConfig, mel_filters
from tymbal.encoders.contract import Encoder, LayerOutput, LayerSpec
from tymbal.encoders.convolutions import initialise_convolutions, power_spectra, real_frames_mask
from tymbal.units import FrameGrid

BLOCKS = 6


@dataclass(frozen=True)
class Cnn14Config:
    """Sizes and front end. `classes` > 0 adds the published embedding and classifier layers (no layers of ours)."""

    classes: int = 0
    channels: int = 64  # of the first block; each next block has twice as many
    sample_rate_hz: int = 32000
    window_samples: int = 1024
    hop_samples: int = 320
    bands: int = 64
    low_hz: float = 50.0
    high_hz: float = 14000.0
    power_floor: float = 1e-10


def mel_config(config: Cnn14Config) -> MelConfig:
    """The filter bank's settings."""
    return MelConfig(
        config.window_samples,
        config.hop_samples,
        bands=config.bands,
        low_hz=config.low_hz,
        high_hz=config.high_hz,
        scale="slaney",
        norm="slaney",
    )


class ConvBlock(nn.Module):
    """Two 3×3 convolutions with batch norm and ReLU, then average pooling."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.bn2 = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor, pool: int) -> Tensor:
        x = torch.relu(self.bn1(self.conv1(x)))
        x = torch.relu(self.bn2(self.conv2(x)))
        return nn.functional.avg_pool2d(x, pool) if pool > 1 else x


class Cnn14(Encoder):
    """Layers `block1` … `block6`: values (batch, frames, bands, channels), read after each block's pooling.

    Batches must hold clips of one length: the published front end reflects the sound at its ends, so a padded clip
    has other last frames.
    """

    name: ClassVar[str] = "cnn14"
    batching: ClassVar[Literal["masked", "equal_length"]] = "equal_length"

    def __init__(self, config: Cnn14Config | None = None) -> None:
        super().__init__()
        self.config = config = config or Cnn14Config()
        self.sample_rate: int = config.sample_rate_hz
        self.bn0 = nn.BatchNorm2d(config.bands)
        widths = [config.channels * 2**number for number in range(BLOCKS)]
        for number, (inputs, outputs) in enumerate(zip([1, *widths[:-1]], widths, strict=True), 1):
            setattr(self, f"conv_block{number}", ConvBlock(inputs, outputs))
        if config.classes:
            self.fc1 = nn.Linear(widths[-1], widths[-1])
            self.fc_audioset = nn.Linear(widths[-1], config.classes)
        initialise_convolutions(self)
        self.filters = BandedFilters(mel_filters(config.sample_rate_hz, mel_config(config)))
        self.window: Tensor
        self.register_buffer("window", torch.hann_window(config.window_samples), persistent=False)

    @classmethod
    def tiny(cls) -> Cnn14:
        """Two channels in the first block and a small front end at 8 kHz, for tests."""
        small = Cnn14Config(
            channels=2, sample_rate_hz=8000, window_samples=128, hop_samples=40, bands=32, high_hz=3500.0
        )
        return cls(small)

    @property
    def min_samples(self) -> int:
        """Five poolings by two need 32 frames; reflection needs half a window."""
        hop, window = int(self.config.hop_samples), int(self.config.window_samples)
        return max(hop * ((1 << (BLOCKS - 1)) - 1), window // 2 + 1)

    @property
    def layers(self) -> tuple[LayerSpec, ...]:
        """Layers in order, from input to output, on their grids."""
        config = self.config
        # In samples: where frame 0 is centred and how far it sees, through convolutions and poolings in turn.
        hop, center, receptive = config.hop_samples, 0.0, config.window_samples
        specs = []
        for number in range(1, BLOCKS + 1):
            receptive += 4 * hop
            if number < BLOCKS:
                center += hop / 2
                receptive += hop
                hop *= 2
            grid = FrameGrid.from_samples(self.sample_rate, hop=hop, first_center=center, receptive=receptive)
            bands = config.bands // 2 ** min(number, BLOCKS - 1)
            specs.append(LayerSpec(f"block{number}", config.channels * 2 ** (number - 1), bands, grid, local=True))
        return tuple(specs)

    def frames(self, samples: int) -> dict[str, int]:
        """Frames of each layer for `samples` samples."""
        frames = samples // self.config.hop_samples + 1
        return {f"block{number}": frames // 2 ** min(number, BLOCKS - 1) for number in range(1, BLOCKS + 1)}

    def log_mel(self, waveform: Tensor) -> Tensor:
        """Decibels (batch, 1, frames, bands)."""
        config = self.config
        power = power_spectra(waveform, self.window, config.hop_samples, reflect=True)
        mel = self.filters(power).clamp_min(config.power_floor)
        return 10.0 * torch.log10(mel).unsqueeze(1)

    def encode(self, waveform: Tensor, mask: Tensor) -> dict[str, LayerOutput]:
        """All layers, (batch, frames, bands, dim) each, from one pass."""
        x = self.log_mel(waveform)
        x = self.bn0(x.transpose(1, 3)).transpose(1, 3)
        out: dict[str, LayerOutput] = {}
        for number in range(1, BLOCKS + 1):
            x = getattr(self, f"conv_block{number}")(x, 2 if number < BLOCKS else 1)
            name = f"block{number}"
            real = real_frames_mask(mask, x.shape[2], lambda samples, name=name: self.frames(samples)[name])  # type: ignore[misc]
            out[name] = LayerOutput(x.permute(0, 2, 3, 1), real)
        return out
