"""What every objective is: a module around an encoder that turns a batch of pictures into a loss."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from tymbal.encoders.contract import LayerOutput
from tymbal.encoders.pictures import PictureEncoder
from tymbal.errors import DataError


class PictureBatch(NamedTuple):
    """Pictures (batch, frames, bands), their mask (batch, frames), and labels (batch, classes) in 0–1 or None."""

    pictures: Tensor
    real: Tensor
    labels: Tensor | None = None


class Objective(nn.Module, ABC):
    """An encoder and what else is trained with it; only the encoder is kept.

    Class attributes
    ----------------
    name : the registered name.
    needs_labels : whether `loss` reads the batch's labels.
    least_examples : fewer than these in a batch cannot be learned from.

    Attributes
    ----------
    encoder : what is trained.
    """

    name: ClassVar[str]
    needs_labels: ClassVar[bool] = False
    least_examples: ClassVar[int] = 1
    encoder: PictureEncoder

    def __init__(self, encoder: PictureEncoder) -> None:
        super().__init__()
        self.encoder = encoder
        layers = encoder.at_rate(32_000).layers
        self.top = layers[-1]

    @property
    def bands(self) -> int:
        """Bands of the encoder's picture."""
        return int(self.encoder.config.picture.bands)

    @property
    def width(self) -> int:
        """Values of one frame of the last layer, bands and channels together."""
        return self.top.bands * self.top.dim

    def frames(self, pictures: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
        """The last layer as (batch, frames, width), and its mask (batch, frames)."""
        return flat(self.encoder.look(pictures, real)[self.top.name])

    @abstractmethod
    def loss(self, batch: PictureBatch) -> Tensor:
        """The mean loss of a batch, a scalar. Random numbers come from torch's default generator."""

    def after_step(self, step: int, steps: int) -> None:
        """Called after step `step` of `steps`: for teachers that follow the student."""


def flat(output: LayerOutput) -> tuple[Tensor, Tensor]:
    """Values (batch, frames, bands · dim) and mask of a layer."""
    return output.values.flatten(2), output.mask


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean over real frames: (batch, frames, width) and (batch, frames) to (batch, width); zeros where none is."""
    keep = mask.unsqueeze(-1).to(values)
    return (values * keep).sum(1) / keep.sum(1).clamp_min(1)


def masked_max(values: Tensor, mask: Tensor) -> Tensor:
    """Maximum over real frames, (batch, width); zeros where none is."""
    lowest = torch.finfo(values.dtype).min
    found = values.masked_fill(~mask.unsqueeze(-1), lowest).amax(1)
    return torch.where(mask.any(1, keepdim=True), found, 0.0)


def need_labels(batch: PictureBatch, where: str) -> Tensor:
    """The labels of a batch, or DataError."""
    if batch.labels is None:
        raise DataError("the batch has no labels", where=where, mend="Name a label column in the recipe.")
    return batch.labels
