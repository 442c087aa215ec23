"""A small residual CNN on mel pictures, for recordings of any rate; every layer is local, so it streams exactly.

After He et al. 2015 (1512.03385), with strides that keep 40 ms frames and halve the bands five times.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor, nn

from tymbal.encoders.contract import LayerOutput, LayerSpec
from tymbal.encoders.convolutions import initialise_convolutions
from tymbal.encoders.pictures import PictureConfig, PictureEncoder
from tymbal.errors import ConfigError
from tymbal.units import FrameGrid

# Time and band strides of the stem and of the first block of every stage.
STEM_STRIDE, STAGE_STRIDES = (2, 2), ((1, 2), (2, 2), (1, 2), (1, 2))
# Channels last, the convolutions after the stem are up to a quarter faster. But the gradient of a strided 1×1
# convolution of fewer input channels than this writes beyond its memory then (torch 2.13 on the CPU: the process dies).
LAST_FROM = 16


@dataclass(frozen=True)
class MelCnnConfig:
    """Channels of the four stages, blocks in each, and the picture."""

    channels: tuple[int, ...] = (32, 64, 128, 192)
    blocks: int = 2
    picture: PictureConfig = field(default_factory=PictureConfig)

    def __post_init__(self) -> None:
        if len(self.channels) != len(STAGE_STRIDES) or min(self.channels) < 1 or self.blocks < 1:
            raise ConfigError(
                f"channels {self.channels}, {self.blocks} blocks",
                where="MelCnnConfig",
                allowed="four stages of 1 channel or more, 1 block or more",
            )


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions and the input, projected where shapes differ. Sees zeros where the sound has ended."""

    def __init__(self, inputs: int, outputs: int, stride: tuple[int, int]) -> None:
        super().__init__()
        self.stride = stride
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        same = inputs == outputs and stride == (1, 1)
        self.shortcut = None if same else nn.Conv2d(inputs, outputs, 1, stride, bias=False)

    def forward(self, x: Tensor, keep: Tensor) -> Tensor:
        """(batch, channels, frames, bands) and the mask (batch, 1, frames', 1) of the output."""
        y = torch.relu(self.norm1(self.conv1(x))) * keep
        y = self.norm2(self.conv2(y))
        return torch.relu((x if self.shortcut is None else self.shortcut(x)) + y) * keep


class MelCnn(PictureEncoder):
    """Layers `stem`, `block0` …: values (batch, frames, bands, channels), the bands from low to high."""

    name: ClassVar[str] = "melcnn"
    stride: ClassVar[int] = 4

    def __init__(self, config: MelCnnConfig | None = None) -> None:
        config = config or MelCnnConfig()
        super().__init__(config.picture)
        self.config: MelCnnConfig = config
        self.stem = nn.Conv2d(1, config.channels[0], 3, STEM_STRIDE, 1, bias=False)
        self.stem_norm = nn.BatchNorm2d(config.channels[0])
        blocks, inputs = [], config.channels[0]
        for outputs, stride in zip(config.channels, STAGE_STRIDES, strict=True):
            for number in range(config.blocks):
                blocks.append(ResidualBlock(inputs, outputs, stride if number == 0 else (1, 1)))
                inputs = outputs
        self.blocks = nn.ModuleList(blocks)
        initialise_convolutions(self)

    @classmethod
    def tiny(cls) -> MelCnn:
        """Four blocks of few channels on 16 bands, for tests."""
        picture = PictureConfig(bands=16, high_hz=4000.0)
        return cls(MelCnnConfig(channels=(6, 6, 6, 8), blocks=1, picture=picture))

    def specifications(self, grid: FrameGrid) -> tuple[LayerSpec, ...]:
        """Layers on their grids; a 3×3 convolution adds two of its input's hops to what a frame sees."""
        hops, bands = STEM_STRIDE[0], -(-self.config.picture.bands // STEM_STRIDE[1])
        seen_s = grid.receptive_s + 2 * grid.hop_s

        def spec(name: str, channels: int) -> LayerSpec:
            at = FrameGrid(grid.hop_s * hops, grid.first_center_s, seen_s)
            return LayerSpec(name, channels, bands, at, local=True)

        specs = [spec("stem", self.config.channels[0])]
        for number, block in enumerate(self.blocks):
            assert isinstance(block, ResidualBlock)
            seen_s += 2 * hops * grid.hop_s
            hops, bands = hops * block.stride[0], -(-bands // block.stride[1])
            seen_s += 2 * hops * grid.hop_s
            specs.append(spec(f"block{number}", block.norm2.num_features))
        return tuple(specs)

    def look(self, picture: Tensor, real: Tensor) -> dict[str, LayerOutput]:
        """See `PictureEncoder.look`."""
        x = torch.where(real.unsqueeze(-1), picture, 0.0).unsqueeze(1)
        real = real[:, :: STEM_STRIDE[0]]
        keep = real[:, None, :, None].to(x)
        x = torch.relu(self.stem_norm(self.stem(x))) * keep
        if min(self.config.channels) >= LAST_FROM:
            x = x.contiguous(memory_format=torch.channels_last)
        found = {"stem": LayerOutput(x.permute(0, 2, 3, 1), real)}
        for number, block in enumerate(self.blocks):
            assert isinstance(block, ResidualBlock)
            real, keep = real[:, :: block.stride[0]], keep[:, :, :: block.stride[0]]
            x = block(x, keep)
            found[f"block{number}"] = LayerOutput(x.permute(0, 2, 3, 1), real)
        return found
