"""HuBERT, and AVES and BirdAVES, which are HuBERT trained on animal sound.

Hsu et al. 2021 (2106.07447); Hagiwara 2022 (AVES, 2210.14493). Raw waveform, seven strided convolutions (20 ms hop,
25 ms window), projection, positional convolution, transformer blocks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from tymbal.encoders.contract import Encoder, LayerOutput, LayerSpec
from tymbal.encoders.tokens import (
    AttentionBlock,
    PositionalConv,
    attendable,
    attention,
    check_heads,
    initialise,
    row_lengths,
    zero_padding,
)
from tymbal.errors import ConfigError
from tymbal.units import FrameGrid

# Kernel and stride of the seven convolutions (wav2vec 2.0, Baevski et al. 2020): 400 samples seen, 320 of hop.
CONVOLUTIONS = ((10, 5), (3, 2), (3, 2), (3, 2), (3, 2), (2, 2), (2, 2))


@dataclass(frozen=True)
class HubertConfig:
    """Sizes and variants; the defaults are HuBERT base, AVES and BirdAVES-biox-base.

    Parameters
    ----------
    conv_norm : "group" normalises each channel of the first convolution over the clip; "layer" normalises every
        convolution's channels frame by frame (HuBERT large as published by its authors).
    norm_first : pre-norm blocks with one more norm after the last ("stable layer norm" of HuBERT large).
    normalize : give the waveform zero mean and unit variance over the clip first; AVES and BirdAVES do not.
    """

    sample_rate_hz: int = 16000
    conv_dim: int = 512
    conv_norm: Literal["group", "layer"] = "group"
    conv_bias: bool = False
    dim: int = 768
    ffn: int = 3072
    heads: int = 12
    blocks: int = 12
    conv_kernel: int = 128
    conv_groups: int = 16
    norm_first: bool = False
    normalize: bool = False


LARGE = HubertConfig(dim=1024, ffn=4096, heads=16, blocks=24)  # BirdAVES large: as base, wider and deeper


class ConvLayer(nn.Module):
    """Convolution without padding, norm where there is one, GELU."""

    def __init__(self, inputs: int, config: HubertConfig, index: int) -> None:
        super().__init__()
        kernel, stride = CONVOLUTIONS[index]
        self.conv = nn.Conv1d(inputs, config.conv_dim, kernel, stride, bias=config.conv_bias)
        self.norm: nn.Module | None = None
        if config.conv_norm == "layer":
            self.norm = nn.LayerNorm(config.conv_dim)
        elif index == 0:
            self.norm = nn.GroupNorm(config.conv_dim, config.conv_dim)

    def forward(self, x: Tensor, real: list[int] | None) -> Tensor:
        """(batch, channels, n) to (batch, channels', n'); `real` frames of each row, None where all are."""
        x = self.conv(x)
        if isinstance(self.norm, nn.GroupNorm):
            x = group_norm(x, self.norm, real)
        elif self.norm is not None:
            x = self.norm(x.transpose(1, 2)).transpose(1, 2)
        return functional.gelu(x)


def group_norm(x: Tensor, norm: nn.GroupNorm, real: list[int] | None) -> Tensor:
    """Group norm of (batch, channels, n) whose statistics are over each row's `real` frames; padding becomes zero."""
    if real is None:
        out: Tensor = norm(x)
        return out
    rows = []
    for row, count in zip(x.unsqueeze(1), real, strict=True):
        count = count or x.shape[-1]  # a row without sound has no statistics; its frames are masked later
        rows.append(functional.pad(norm(row[..., :count]), (0, x.shape[-1] - count)))
    return torch.cat(rows)


class HubertBlock(AttentionBlock):
    """Attention and feed-forward, each with residual and norm: after the sum, or before the branch (`norm_first`)."""

    def __init__(self, config: HubertConfig) -> None:
        super().__init__()
        dim, self.heads, self.norm_first = config.dim, config.heads, config.norm_first
        self.q_proj, self.k_proj, self.v_proj, self.out_proj = (nn.Linear(dim, dim) for _ in range(4))
        self.attention_norm = nn.LayerNorm(dim)
        self.fc1, self.fc2 = nn.Linear(dim, config.ffn), nn.Linear(config.ffn, dim)
        self.output_norm = nn.LayerNorm(dim)

    def attend(self, x: Tensor, seen: Tensor | None) -> Tensor:
        """Self-attention of (batch, n, dim) over the keys `seen`."""
        query, key, value = self.project(x)
        out: Tensor = self.out_proj(attention(query, key, value, seen=seen))
        return out

    def feed(self, x: Tensor) -> Tensor:
        """The feed-forward branch."""
        out: Tensor = self.fc2(functional.gelu(self.fc1(x)))
        return out

    def forward(self, x: Tensor, seen: Tensor | None) -> Tensor:
        """The residual stream (batch, n, dim) after this block."""
        if self.norm_first:
            x = x + self.attend(self.attention_norm(x), seen)
            return x + self.feed(self.output_norm(x))
        x = self.attention_norm(x + self.attend(x, seen))
        out: Tensor = self.output_norm(x + self.feed(x))
        return out


class Hubert(Encoder):
    """Layers: `embedding` (projected features before the positional convolution), `block0` …, and with `norm_first`
    also `norm`, the normalised output of the last block.

    The published code lets zero padding change the features of real sound: through the group norm over time, the
    positional convolution and attention. Here a row's statistics are over its own frames, padded frames are zeroed
    before the positional convolution and are no keys, so real frames are those of the sound alone. A row shorter
    than one window keeps its first frame. The group norm sees the whole clip: no layer is local, except `embedding`
    where `conv_norm` is "layer" and the waveform is not normalised.
    """

    name: ClassVar[str] = "hubert"
    batching: ClassVar[Literal["masked", "equal_length"]] = "masked"

    def __init__(self, config: HubertConfig | None = None) -> None:
        super().__init__()
        self.config: HubertConfig = config or HubertConfig()
        config = self.config
        if config.conv_norm not in ("group", "layer"):
            raise ConfigError(f"conv_norm {config.conv_norm!r}", where=self.name, allowed="group, layer")
        check_heads(config.dim, config.heads, self.name)
        self.sample_rate: int = config.sample_rate_hz
        self.convolutions = nn.ModuleList(
            ConvLayer(1 if i == 0 else config.conv_dim, config, i) for i in range(len(CONVOLUTIONS))
        )
        self.feature_norm = nn.LayerNorm(config.conv_dim)
        self.projection = nn.Linear(config.conv_dim, config.dim)
        self.position = PositionalConv(config.dim, config.conv_kernel, config.conv_groups)
        self.encoder_norm = nn.LayerNorm(config.dim)
        self.blocks = nn.ModuleList(HubertBlock(config) for _ in range(config.blocks))
        initialise(self)
        for part in self.modules():
            if isinstance(part, nn.Conv1d):
                nn.init.kaiming_normal_(part.weight)

    @classmethod
    def tiny(cls) -> Hubert:
        """Two narrow blocks, for tests."""
        return cls(HubertConfig(conv_dim=16, dim=32, ffn=48, heads=4, blocks=2, conv_kernel=16))

    @property
    def layers(self) -> tuple[LayerSpec, ...]:
        """Every 20 ms; see the class for their names."""
        config = self.config
        hop = math.prod(stride for _, stride in CONVOLUTIONS)
        first_center = (self.min_samples - 1) / 2
        everywhere = FrameGrid.from_samples(self.sample_rate, hop=hop, first_center=first_center, receptive=math.inf)
        local = config.conv_norm == "layer" and not config.normalize
        window = FrameGrid.from_samples(
            self.sample_rate, hop=hop, first_center=first_center, receptive=self.min_samples
        )
        specs = [LayerSpec("embedding", config.dim, 1, window if local else everywhere, local=local)]
        specs += [LayerSpec(f"block{i}", config.dim, 1, everywhere) for i in range(config.blocks)]
        return (*specs, LayerSpec("norm", config.dim, 1, everywhere)) if config.norm_first else tuple(specs)

    @property
    def min_samples(self) -> int:
        """The samples that one frame sees: 400."""
        samples, hop = 1, 1
        for kernel, stride in CONVOLUTIONS:
            samples += (kernel - 1) * hop
            hop *= stride
        return samples

    def frames(self, samples: int) -> dict[str, int]:
        count = self._counts(samples)[-1]
        return {spec.name: count for spec in self.layers}

    @staticmethod
    def _counts(samples: int) -> list[int]:
        """Frames after every convolution for a waveform of `samples`."""
        counts = []
        for kernel, stride in CONVOLUTIONS:
            samples = max(0, (samples - kernel) // stride + 1)
            counts.append(samples)
        return counts

    def features(self, waveform: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Projected features (batch, frames, dim) and their mask, for waveforms and masks (batch, samples)."""
        if self.config.normalize:
            waveform = standardised(waveform, mask)
        full = self._counts(waveform.shape[1])
        rows = [self._counts(max(n, self.min_samples) if n else 0) for n in row_lengths(mask)]
        x = waveform.unsqueeze(1)
        for index, layer in enumerate(self.convolutions):
            real = [counts[index] for counts in rows]
            x = layer(x, None if all(count == full[index] for count in real) else real)
        x = self.projection(self.feature_norm(x.transpose(1, 2)))
        counts = torch.tensor([row[-1] for row in rows], device=x.device)
        return x, torch.arange(x.shape[1], device=x.device) < counts[:, None]

    def encode(self, waveform: Tensor, mask: Tensor) -> dict[str, LayerOutput]:
        """All layers; see `Encoder.encode`. Frames that are not real are zero."""
        x, real = self.features(waveform, mask)
        x = zero_padding(x, real)
        outputs = [x]
        x, seen = x + self.position(x), attendable(real)
        if not self.config.norm_first:
            x = self.encoder_norm(x)
        for block in self.blocks:
            x = block(x, seen)
            outputs.append(x)
        if self.config.norm_first:
            outputs.append(self.encoder_norm(x))
        return {
            spec.name: LayerOutput(zero_padding(values, real).unsqueeze(2), real)
            for spec, values in zip(self.layers, outputs, strict=True)
        }


def standardised(waveform: Tensor, mask: Tensor) -> Tensor:
    """Zero mean and unit variance over each row's real samples, (x - mean) / sqrt(variance + 1e-7); padding stays 0."""
    count = mask.sum(1, keepdim=True).clamp_min(1)
    centred = (waveform - waveform.sum(1, keepdim=True) / count) * mask
    return centred / torch.sqrt(centred.square().sum(1, keepdim=True) / count + 1e-7)
