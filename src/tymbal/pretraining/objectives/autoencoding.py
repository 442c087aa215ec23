"""Masked spectrogram autoencoding: hidden frames are painted over and must be given back.

After SimMIM (Xie et al. 2021, 2111.09886): the whole picture goes through the encoder, hidden parts replaced by a
learned value, and one linear map paints them; so it serves CNNs and transformers alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from tymbal.encoders.pictures import PictureEncoder
from tymbal.pretraining.masking import hidden_spans, stretch, token_pictures
from tymbal.pretraining.objectives.contract import Objective, PictureBatch


@dataclass(frozen=True)
class AutoencodingConfig:
    """`share` of the frames hidden, in spans of `span_tokens` frames of the last layer; `normalise` paints each token
    less its own mean, divided by its own deviation (He et al. 2021, 2111.06377, section 3)."""

    share: float = 0.5
    span_tokens: int = 5
    normalise: bool = True


class Autoencoding(Objective):
    """Mean squared error over the hidden tokens."""

    name: ClassVar[str] = "autoencoding"

    def __init__(self, encoder: PictureEncoder, config: AutoencodingConfig | None = None) -> None:
        super().__init__(encoder)
        self.config = config or AutoencodingConfig()
        self.paint = nn.Linear(self.width, encoder.stride * self.bands)
        self.filling = nn.Parameter(torch.zeros(self.bands))

    def target(self, pictures: Tensor, tokens: int) -> Tensor:
        """What is to be painted, (batch, tokens, stride · bands)."""
        wanted = token_pictures(pictures, self.encoder.stride, tokens)
        if self.config.normalise:
            wanted = wanted - wanted.mean(-1, keepdim=True)
            wanted = wanted / (wanted.square().mean(-1, keepdim=True) + 1e-6).sqrt()
        return wanted

    def loss(self, batch: PictureBatch) -> Tensor:
        """See `Objective.loss`."""
        pictures, real, _ = batch
        stride = self.encoder.stride
        hidden = hidden_spans(real[:, ::stride], share=self.config.share, span=self.config.span_tokens)
        seen = torch.where(stretch(hidden, stride, pictures.shape[1]).unsqueeze(-1), self.filling, pictures)
        values, _ = self.frames(seen, real)
        wanted = self.target(torch.where(real.unsqueeze(-1), pictures, 0.0), values.shape[1])
        error: Tensor = (self.paint(values) - wanted).square().mean(-1)
        return error[hidden].sum() / hidden.sum().clamp_min(1)
