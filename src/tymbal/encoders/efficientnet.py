"""EfficientNet-B0 and B1 on log-mel pictures.

Architecture: Tan & Le 2019, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks" (table 1 and
the compound scaling of B1). Module names follow torchvision's, so that its checkpoints, and those of encoders built on
it, load key by key. Front end: 16 kHz, 50 ms Hann windows every 10 ms, 128 HTK mel bands, natural log, scaled to 0–1
over the clip, as the published bioacoustic checkpoints were trained (arXiv 2508.11845).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from tymbal.audio.frontends.mel import BandedFilters, MelConfig, mel_filters
from tymbal.encoders.contract import Encoder, LayerOutput, LayerSpec
from tymbal.encoders.convolutions import initialise_convolutions, power_spectra, real_frames_mask
from tymbal.errors import ConfigError
from tymbal.units import FrameGrid


@dataclass(frozen=True)
class Stage:
    """One row of the paper's table 1: `repeats` inverted residual blocks, the first of them with `stride`."""

    expansion: int
    kernel: int
    stride: int
    out_channels: int
    repeats: int


B0_STAGES = (
    Stage(1, 3, 1, 16, 1),
    Stage(6, 3, 2, 24, 2),
    Stage(6, 5, 2, 40, 2),
    Stage(6, 3, 2, 80, 3),
    Stage(6, 5, 1, 112, 3),
    Stage(6, 5, 2, 192, 4),
    Stage(6, 3, 1, 320, 1),
)
DEPTH = {"b0": 1.0, "b1": 1.1}
STEM_CHANNELS, HEAD_CHANNELS = 32, 1280


@dataclass(frozen=True)
class EfficientNetConfig:
    """Sizes and front end.

    `classes` > 0 adds the published classifier head (it is counted among the parameters but is no layer).
    `width` scales the channels: 1.1 with the depth of B1 is B2, less is for tests.
    """

    variant: Literal["b0", "b1"] = "b0"
    classes: int = 0
    sample_rate_hz: int = 16000
    window_samples: int = 800
    hop_samples: int = 160
    bands: int = 128
    log_floor: float = 1e-6
    width: float = 1.0


def scaled(channels: int, width: float) -> int:
    """Channels times `width`, rounded to a multiple of 8 as the paper's code does, never below 90 % of it."""
    target = channels * width
    rounded = max(8, int(target + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * target else rounded


def conv_norm(
    inputs: int, outputs: int, kernel: int, *, stride: int = 1, groups: int = 1, active: bool = True
) -> nn.Module:
    """Convolution without bias, batch norm and, where `active`, SiLU."""
    parts: list[nn.Module] = [
        nn.Conv2d(inputs, outputs, kernel, stride, (kernel - 1) // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
    ]
    return nn.Sequential(*parts, nn.SiLU(inplace=True)) if active else nn.Sequential(*parts)


class SqueezeExcitation(nn.Module):
    """Channel gates from the mean of the whole picture (Hu et al. 2018): what makes every frame see the clip."""

    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(channels, squeezed, 1)
        self.fc2 = nn.Conv2d(squeezed, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        gate = torch.sigmoid(self.fc2(nn.functional.silu(self.fc1(x.mean((2, 3), keepdim=True)))))
        return x * gate


class InvertedResidual(nn.Module):
    """Expand, convolve by channel, squeeze and excite, project; the input is added where shapes agree."""

    def __init__(self, inputs: int, stage: Stage, outputs: int, stride: int) -> None:
        super().__init__()
        wide = scaled(inputs * stage.expansion, 1.0)
        parts: list[nn.Module] = [] if stage.expansion == 1 else [conv_norm(inputs, wide, 1)]
        parts += [
            conv_norm(wide, wide, stage.kernel, stride=stride, groups=wide),
            SqueezeExcitation(wide, max(1, inputs // 4)),
            conv_norm(wide, outputs, 1, active=False),
        ]
        self.block = nn.Sequential(*parts)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.block(x)
        return x + y if self.residual else y


class EfficientNet(Encoder):
    """Layers: `stem`, one per inverted residual block (`block0` …), `head`: values (batch, frames, bands, channels).

    The residual stream is read after each block. Squeeze-and-excitation and the 0–1 scaling look at the whole clip,
    so no layer is local and batches must hold clips of one length.
    """

    name: ClassVar[str] = "efficientnet"
    batching: ClassVar[Literal["masked", "equal_length"]] = "equal_length"

    def __init__(self, config: EfficientNetConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or EfficientNetConfig()
        if config.variant not in DEPTH:
            raise ConfigError(f"variant {config.variant!r}", where="efficientnet", allowed=", ".join(DEPTH))
        self.sample_rate: int = config.sample_rate_hz
        self.features = build_features(config)
        initialise_convolutions(self.features)
        top = scaled(HEAD_CHANNELS, config.width)
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(top, config.classes)) if config.classes else None
        mel = MelConfig(config.window_samples, config.hop_samples, bands=config.bands, scale="htk")
        self.filters = BandedFilters(mel_filters(config.sample_rate_hz, mel))
        self.window: Tensor
        self.register_buffer("window", torch.hann_window(config.window_samples), persistent=False)

    @classmethod
    def tiny(cls) -> EfficientNet:
        """A quarter of the width on 32 bands, for tests."""
        return cls(EfficientNetConfig(width=0.25, bands=32))

    @property
    def min_samples(self) -> int:
        return int(self.config.window_samples) // 2 + 1  # reflection at both ends needs as much

    @property
    def layers(self) -> tuple[LayerSpec, ...]:
        """Layers in order, from input to output, on their grids."""
        specs = []
        stride, bands = 1, self.config.bands
        for name, module_stride, channels in self._taps():
            stride *= module_stride
            bands = -(-bands // module_stride)
            grid = FrameGrid.from_samples(
                self.sample_rate, hop=self.config.hop_samples * stride, first_center=0, receptive=math.inf
            )
            specs.append(LayerSpec(name, channels, bands, grid))
        return tuple(specs)

    def _taps(self) -> Iterator[tuple[str, int, int]]:
        """Name, time stride and channels of every layer."""
        yield "stem", 2, scaled(STEM_CHANNELS, self.config.width)
        number = 0
        for stage in B0_STAGES:
            for repeat in range(repeats(stage, self.config.variant)):
                yield (
                    f"block{number}",
                    stage.stride if repeat == 0 else 1,
                    scaled(stage.out_channels, self.config.width),
                )
                number += 1
        yield "head", 1, scaled(HEAD_CHANNELS, self.config.width)

    def frames(self, samples: int) -> dict[str, int]:
        """Frames of each layer for `samples` samples."""
        counts, frames = {}, samples // self.config.hop_samples + 1
        for name, stride, _ in self._taps():
            frames = -(-frames // stride)
            counts[name] = frames
        return counts

    def log_mel(self, waveform: Tensor) -> Tensor:
        """The picture (batch, 1, bands, frames), each clip scaled to 0–1."""
        power = power_spectra(waveform, self.window, self.config.hop_samples, reflect=True)
        log = torch.log(self.filters(power).transpose(1, 2) + self.config.log_floor)
        low = log.amin((1, 2), keepdim=True)
        span = log.amax((1, 2), keepdim=True) - low
        return ((log - low) / span.clamp_min(1e-8)).unsqueeze(1)

    def encode(self, waveform: Tensor, mask: Tensor) -> dict[str, LayerOutput]:
        """All layers, (batch, frames, bands, dim) each, from one pass."""
        x = self.log_mel(waveform).expand(-1, 3, -1, -1)
        names = iter(self._taps())
        out: dict[str, LayerOutput] = {}
        for part in self.features.children():
            blocks = list(part.children())
            # The stem and the head are one layer each; a stage holds a layer per block.
            for module in blocks if isinstance(blocks[0], InvertedResidual) else (part,):
                x = module(x)
                name = next(names)[0]
                real = real_frames_mask(mask, x.shape[3], lambda samples, name=name: self.frames(samples)[name])  # type: ignore[misc]
                out[name] = LayerOutput(x.permute(0, 3, 2, 1), real)
        return out


def repeats(stage: Stage, variant: str) -> int:
    """Blocks of a stage after depth scaling."""
    return math.ceil(stage.repeats * DEPTH[variant])


def build_features(config: EfficientNetConfig) -> nn.Sequential:
    """Stem, seven stages and head, named and nested as torchvision does."""
    inputs = scaled(STEM_CHANNELS, config.width)
    parts: list[nn.Module] = [conv_norm(3, inputs, 3, stride=2)]
    for stage in B0_STAGES:
        outputs = scaled(stage.out_channels, config.width)
        blocks: list[nn.Module] = []
        for repeat in range(repeats(stage, config.variant)):
            blocks.append(InvertedResidual(inputs, stage, outputs, stage.stride if repeat == 0 else 1))
            inputs = outputs
        parts.append(nn.Sequential(*blocks))
    parts.append(conv_norm(inputs, scaled(HEAD_CHANNELS, config.width), 1))
    return nn.Sequential(*parts)
