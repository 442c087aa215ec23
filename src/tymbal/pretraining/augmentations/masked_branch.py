"""Masked sub-branch: what is said of a clip with parts hidden must agree with what is said of the whole.

MaskSub (Heo et al. 2023, 2306.11339): ½ [loss(clip) + cross-entropy(masked clip, stop-gradient of the clip's own
prediction)], here binary, label by label, so that clips of several labels take part.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.nn import functional

from tymbal.errors import ConfigError, UsageError
from tymbal.pretraining.augmentations.contract import Augmentation
from tymbal.pretraining.masking import hidden_spans
from tymbal.pretraining.objectives.contract import Objective, PictureBatch
from tymbal.training import Loss


@runtime_checkable
class Predicts(Protocol):
    """An objective that says which labels a clip has."""

    def logits(self, pictures: Tensor, real: Tensor) -> Tensor: ...


@dataclass(frozen=True)
class MaskedBranchConfig:
    """`share` of the frames hidden, in spans of `span_frames`; in their place stands the clip's mean in each band."""

    share: float = 0.5
    span_frames: int = 10

    def __post_init__(self) -> None:
        if not (0 < self.share < 1 and self.span_frames >= 1):
            raise ConfigError(
                f"{self}", where="masked_branch", allowed="share between 0 and 1, span_frames of 1 or more"
            )


class MaskedBranch(Augmentation):
    """Leaves batches as they are and adds the branch to the loss; of a batch, clips take part with `probability`."""

    name: ClassVar[str] = "masked_branch"
    settings: ClassVar[type[MaskedBranchConfig]] = MaskedBranchConfig
    config: MaskedBranchConfig

    def __call__(self, batch: PictureBatch) -> PictureBatch:
        """The batch itself."""
        return batch

    def masked(self, pictures: Tensor, real: Tensor) -> Tensor:
        """Pictures (batch, frames, bands) with spans hidden."""
        keep = real.unsqueeze(-1)
        mean = (pictures * keep).sum(1, keepdim=True) / keep.sum(1, keepdim=True).clamp_min(1)
        hidden = hidden_spans(real, share=self.config.share, span=self.config.span_frames)
        return torch.where(hidden.unsqueeze(-1), mean, pictures)

    def wrap(self, loss: Loss, objective: Objective) -> Loss:
        """See `Augmentation.wrap`."""
        if not isinstance(objective, Predicts):
            raise UsageError(
                f"objective {objective.name!r} predicts no labels that a masked branch could agree with",
                where="masked_branch",
                parameter="augmentations",
                allowed="multilabel",
                mend="Leave it out: autoencoding, random_projection and frames_and_utterance hide frames themselves.",
            )

        def both(module: nn.Module, batch: PictureBatch) -> Tensor:
            assert isinstance(module, Predicts)
            whole = loss(module, batch)
            pictures, real, _ = batch
            with torch.no_grad():
                chosen = torch.rand(len(pictures), device=pictures.device) < self.probability
                wanted = torch.sigmoid(module.logits(pictures, real).float())
                masked = self.masked(pictures, real)
            found = module.logits(masked, real).float()
            each = functional.binary_cross_entropy_with_logits(found, wanted, reduction="none").mean(1)
            branch = (each * chosen).sum() / chosen.sum().clamp_min(1)
            return torch.where(chosen.any(), (whole + branch) / 2, whole)

        return both
