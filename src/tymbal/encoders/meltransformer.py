"""A small transformer over 40 ms columns of mel pictures, for recordings of any rate.

Frames instead of patches, as in ATST-Frame (Li et al. 2023, 2306.04186); position by a convolution, so that no length
is special; pre-norm blocks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import ClassVar

from torch import Tensor, nn
from torch.nn import functional

from tymbal.encoders.contract import LayerOutput, LayerSpec
from tymbal.encoders.pictures import PictureConfig, PictureEncoder
from tymbal.encoders.tokens import (
    AttentionBlock,
    PositionalConv,
    attendable,
    attention,
    check_heads,
    initialise,
    zero_padding,
)
from tymbal.units import FrameGrid

COLUMNS = 4  # picture frames in a token


@dataclass(frozen=True)
class MelTransformerConfig:
    """Sizes, and the picture."""

    dim: int = 192
    ffn: int = 768
    heads: int = 6
    blocks: int = 5
    position_kernel: int = 32
    position_groups: int = 16
    picture: PictureConfig = field(default_factory=PictureConfig)


class PreNormBlock(AttentionBlock):
    """x + attention(LN(x)), then x + fc2(GELU(fc1(LN(x))))."""

    def __init__(self, config: MelTransformerConfig) -> None:
        super().__init__()
        dim, self.heads = config.dim, config.heads
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.qkv, self.proj = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.fc1, self.fc2 = nn.Linear(dim, config.ffn), nn.Linear(config.ffn, dim)

    def forward(self, x: Tensor, seen: Tensor | None) -> Tensor:
        """The residual stream (batch, frames, dim) after this block; `seen` as in `attention`."""
        x = x + self.proj(attention(*self.project(self.norm1(x)), seen=seen))
        y: Tensor = x + self.fc2(functional.gelu(self.fc1(self.norm2(x))))
        return y


class MelTransformer(PictureEncoder):
    """Layers `embedding` (before position), `block0` …: values (batch, frames, 1, dim), 40 ms apart.

    A frame is real where its first picture frame is; picture frames beyond the sound count as zeros.
    """

    name: ClassVar[str] = "meltransformer"
    stride: ClassVar[int] = COLUMNS

    def __init__(self, config: MelTransformerConfig | None = None) -> None:
        config = config or MelTransformerConfig()
        super().__init__(config.picture)
        check_heads(config.dim, config.heads, self.name)
        self.config: MelTransformerConfig = config
        self.embedding = nn.Linear(COLUMNS * config.picture.bands, config.dim)
        self.position = PositionalConv(config.dim, config.position_kernel, config.position_groups)
        self.blocks = nn.ModuleList(PreNormBlock(config) for _ in range(config.blocks))
        initialise(self)

    @classmethod
    def tiny(cls) -> MelTransformer:
        """Two narrow blocks on 16 bands, for tests."""
        picture = PictureConfig(bands=16, high_hz=4000.0)
        return cls(MelTransformerConfig(24, 32, 2, 2, position_kernel=8, position_groups=4, picture=picture))

    def specifications(self, grid: FrameGrid) -> tuple[LayerSpec, ...]:
        """Layers on the grid of tokens; the embedding sees its own picture frames only."""
        columns = grid.pooled(COLUMNS)
        everywhere = FrameGrid(columns.hop_s, columns.first_center_s, math.inf)
        blocks = (LayerSpec(f"block{i}", self.config.dim, 1, everywhere) for i in range(self.config.blocks))
        return (LayerSpec("embedding", self.config.dim, 1, columns, local=True), *blocks)

    def look(self, picture: Tensor, real: Tensor) -> dict[str, LayerOutput]:
        """See `PictureEncoder.look`."""
        short = -picture.shape[1] % COLUMNS
        columns = functional.pad(zero_padding(picture, real), (0, 0, 0, short))
        mask = real[:, ::COLUMNS]
        x = zero_padding(self.embedding(columns.reshape(len(columns), -1, COLUMNS * columns.shape[2])), mask)
        found = {"embedding": LayerOutput(x.unsqueeze(2), mask)}
        x, seen = x + self.position(x), attendable(mask)
        for number, block in enumerate(self.blocks):
            x = block(x, seen)
            found[f"block{number}"] = LayerOutput(zero_padding(x, mask).unsqueeze(2), mask)
        return found
