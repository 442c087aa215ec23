"""Random-projection targets: hidden frames are to be named by the code of what they hold.

BEST-RQ (Chiu et al. 2022, 2202.01855): a frozen random projection and a frozen random codebook make the targets, so
nothing can collapse. NEST's addition (Huang et al. 2024, 2408.13106): another clip is mixed in, quietly, as noise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from tymbal.encoders.pictures import PictureEncoder
from tymbal.pretraining.masking import hidden_spans, stretch, token_pictures
from tymbal.pretraining.objectives.contract import Objective, PictureBatch
from tymbal.pretraining.views import mix_sounds, no_louder, silenced


@dataclass(frozen=True)
class RandomProjectionConfig:
    """Settings of the targets.

    Parameters
    ----------
    codes, code_dim : of the codebook.
    share, span_tokens : what is hidden; see `hidden_spans`.
    noise : deviation of the normal numbers that stand in hidden frames (the paper's 0.1).
    mixed : share of another clip's power in what the network sees, drawn from 0 to this; a louder one is
        brought down to the clip's power first. 0 for none.
    seed : of projection and codebook.
    """

    codes: int = 1024
    code_dim: int = 16
    share: float = 0.5
    span_tokens: int = 5
    noise: float = 0.1
    mixed: float = 0.2
    seed: int = 0


class RandomProjection(Objective):
    """Cross-entropy of the hidden tokens' codes."""

    name: ClassVar[str] = "random_projection"
    projection: Tensor
    codebook: Tensor

    def __init__(self, encoder: PictureEncoder, config: RandomProjectionConfig | None = None) -> None:
        super().__init__(encoder)
        self.config = config = config or RandomProjectionConfig()
        generator = torch.Generator().manual_seed(config.seed)
        values = encoder.stride * self.bands
        bound = (6 / (values + config.code_dim)) ** 0.5  # Xavier's uniform start, as in the paper
        projection = (2 * torch.rand(values, config.code_dim, generator=generator) - 1) * bound
        codebook = torch.randn(config.codes, config.code_dim, generator=generator)
        self.register_buffer("projection", projection)
        self.register_buffer("codebook", functional.normalize(codebook, dim=1))
        self.name_codes = nn.Linear(self.width, config.codes)

    def codes(self, pictures: Tensor, real: Tensor) -> Tensor:
        """The code of every token, int64 (batch, tokens).

        A clip's real tokens are standardised dimension by dimension first, else all of them would have the same code.
        """
        stride = self.encoder.stride
        mask = real[:, ::stride]
        tokens = token_pictures(torch.where(real.unsqueeze(-1), pictures, 0.0), stride, mask.shape[1])
        keep = mask.unsqueeze(-1).to(tokens)
        count = keep.sum(1, keepdim=True).clamp_min(1)
        centred = (tokens - (tokens * keep).sum(1, keepdim=True) / count) * keep
        deviation = (centred.square().sum(1, keepdim=True) / count).sqrt()
        projected = (centred / (deviation + 1e-5)) @ self.projection
        return (functional.normalize(projected, dim=-1) @ self.codebook.T).argmax(-1)

    def loss(self, batch: PictureBatch) -> Tensor:
        """See `Objective.loss`."""
        pictures, real, _ = batch
        stride, config = self.encoder.stride, self.config
        with torch.no_grad():
            codes = self.codes(pictures, real)
            hidden = hidden_spans(real[:, ::stride], share=config.share, span=config.span_tokens)
            seen = pictures
            if config.mixed > 0:
                portion = config.mixed * torch.rand(len(pictures), 1, 1, device=pictures.device)
                sounds = silenced(pictures, real)
                other = no_louder(sounds[torch.randperm(len(pictures))], sounds)
                seen = mix_sounds(sounds, other, portion)
            noise = config.noise * torch.randn_like(pictures)
            seen = torch.where(stretch(hidden, stride, pictures.shape[1]).unsqueeze(-1), noise, seen)
        values, _ = self.frames(seen, real)
        if not bool(hidden.any()):
            return values.sum() * 0.0
        return functional.cross_entropy(self.name_codes(values[hidden]), codes[hidden])
