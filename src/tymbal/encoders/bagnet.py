"""A family of small CNNs whose receptive field in time is set exactly.

After Brendel & Bethge 2019, "Approximating CNNs with Bag-of-Local-Features Models Works Surprisingly Well on ImageNet":
bottleneck blocks whose middle convolution is 3 frames wide in the first `wide_blocks` of them and 1 frame wide in the
rest, so that depth and width stay the same while each frame sees 1 + 2·wide_blocks frames of the log-mel picture and no
more. The explanation tools compare members of the family: what needs a long context, and what does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from tymbal.audio.frontends.mel import BandedFilters, MelConfig, mel_filters
from tymbal.encoders.contract import Encoder, LayerOutput, LayerSpec
from tymbal.encoders.convolutions import initialise_convolutions, power_spectra
from tymbal.errors import ConfigError
from tymbal.units import FrameGrid


@dataclass(frozen=True)
class BagNetConfig:
    """Sizes and front end; `wide_blocks` of `blocks` see three frames, the others one."""

    blocks: int = 8
    wide_blocks: int = 8
    channels: int = 128
    sample_rate_hz: int = 16000
    window_samples: int = 400
    hop_samples: int = 160
    bands: int = 64
    power_floor: float = 1e-6


class BottleneckBlock(nn.Module):
    """1×1, `width`×1 in time, 1×1, added to the input. The middle sees zeros where the sound has ended."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        narrow = channels // 2
        self.reduce = nn.Conv1d(channels, narrow, 1, bias=False)
        self.norm1 = nn.BatchNorm1d(narrow)
        self.middle = nn.Conv1d(narrow, narrow, width, padding=width // 2, bias=False)
        self.norm2 = nn.BatchNorm1d(narrow)
        self.expand = nn.Conv1d(narrow, channels, 1, bias=False)
        self.norm3 = nn.BatchNorm1d(channels)

    def forward(self, x: Tensor, real: Tensor) -> Tensor:
        y = torch.relu(self.norm1(self.reduce(x))) * real
        y = torch.relu(self.norm2(self.middle(y)))
        return torch.relu(x + self.norm3(self.expand(y))) * real


class BagNet(Encoder):
    """Layers `stem`, `block0` …: values (batch, frames, 1, channels) at the front end's hop; every layer is local.

    Frame i sees samples [i·hop, i·hop + window) of the sound, widened by one hop on both sides per wide block; there
    is no padding of the sound, so only whole windows make frames.
    """

    name: ClassVar[str] = "bagnet"

    def __init__(self, config: BagNetConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or BagNetConfig()
        if not 0 <= config.wide_blocks <= config.blocks:
            raise ConfigError(
                f"wide_blocks is {config.wide_blocks}", where="bagnet", allowed=f"0 to blocks = {config.blocks}"
            )
        self.sample_rate: int = config.sample_rate_hz
        self.stem = nn.Conv1d(config.bands, config.channels, 1, bias=False)
        self.stem_norm = nn.BatchNorm1d(config.channels)
        self.blocks = nn.ModuleList(
            BottleneckBlock(config.channels, 3 if number < config.wide_blocks else 1) for number in range(config.blocks)
        )
        initialise_convolutions(self)
        mel = MelConfig(config.window_samples, config.hop_samples, bands=config.bands, scale="htk")
        self.filters = BandedFilters(mel_filters(config.sample_rate_hz, mel))
        self.window: Tensor
        self.register_buffer("window", torch.hann_window(config.window_samples), persistent=False)

    @classmethod
    def tiny(cls) -> BagNet:
        """Three blocks of eight channels, two of them wide, for tests."""
        return cls(BagNetConfig(blocks=3, wide_blocks=2, channels=8, bands=16))

    @property
    def min_samples(self) -> int:
        return int(self.config.window_samples)

    @property
    def layers(self) -> tuple[LayerSpec, ...]:
        """Layers in order, from input to output, on their grids."""
        config = self.config
        specs = []
        for number in range(-1, config.blocks):
            wide = min(number + 1, config.wide_blocks)
            grid = FrameGrid.from_samples(
                self.sample_rate,
                hop=config.hop_samples,
                first_center=(config.window_samples - 1) / 2,
                receptive=config.window_samples + 2 * wide * config.hop_samples,
            )
            name = "stem" if number < 0 else f"block{number}"
            specs.append(LayerSpec(name, config.channels, 1, grid, local=True))
        return tuple(specs)

    def frames(self, samples: int) -> dict[str, int]:
        """Frames of each layer for `samples` samples."""
        count = max(0, (samples - self.config.window_samples) // self.config.hop_samples + 1)
        return {spec.name: count for spec in self.layers}

    def encode(self, waveform: Tensor, mask: Tensor) -> dict[str, LayerOutput]:
        """All layers, (batch, frames, bands, dim) each, from one pass."""
        config = self.config
        power = power_spectra(waveform, self.window, config.hop_samples, reflect=False)
        log = torch.log(self.filters(power).transpose(1, 2) + config.power_floor)
        # A frame is real where its whole window is.
        real = mask.unfold(1, config.window_samples, config.hop_samples)[..., -1]
        keep = real.unsqueeze(1).to(log)
        x = torch.relu(self.stem_norm(self.stem(log))) * keep
        out = {"stem": LayerOutput(x.transpose(1, 2).unsqueeze(2), real)}
        for number, block in enumerate(self.blocks):
            x = block(x, keep)
            out[f"block{number}"] = LayerOutput(x.transpose(1, 2).unsqueeze(2), real)
        return out
