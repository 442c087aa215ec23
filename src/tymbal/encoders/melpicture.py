"""The mel picture itself as an encoder: what trainable encoders see, kept in a store to train them from."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from tymbal.encoders.contract import LayerOutput, LayerSpec
from tymbal.encoders.pictures import PictureConfig, PictureEncoder
from tymbal.encoders.tokens import zero_padding
from tymbal.units import FrameGrid


class MelPicture(PictureEncoder):
    """One layer, `picture`: values (batch, frames, bands, 1) of `Picture`. It has no parameters and is local."""

    name: ClassVar[str] = "picture"
    stride: ClassVar[int] = 1
    lowers: ClassVar[bool] = False

    def __init__(self, config: PictureConfig | None = None) -> None:
        config = config or PictureConfig()
        super().__init__(config)
        self.config: PictureConfig = config

    @classmethod
    def tiny(cls) -> MelPicture:
        """16 bands, for tests."""
        return cls(PictureConfig(bands=16, high_hz=4000.0))

    def specifications(self, grid: FrameGrid) -> tuple[LayerSpec, ...]:
        """The picture on its own grid."""
        return (LayerSpec("picture", 1, self.config.bands, grid, local=True),)

    def look(self, picture: Tensor, real: Tensor) -> dict[str, LayerOutput]:
        """See `PictureEncoder.look`."""
        return {"picture": LayerOutput(zero_padding(picture, real).unsqueeze(-1), real)}
