"""Supervised contrastive learning with a coding rate: clips that share a label come together, and the whole spreads.

Khosla et al. 2020 (2004.11362), the loss whose sum lies outside the logarithm; the coding rate of all clips (Yu et al.
2020, 2006.08558, equation 7) is added so that directions beyond the labels' number do not collapse.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from tymbal.encoders.pictures import PictureEncoder
from tymbal.errors import ConfigError
from tymbal.pretraining.objectives.contract import Objective, PictureBatch, masked_max, masked_mean, need_labels
from tymbal.pretraining.objectives.perceptron import perceptron
from tymbal.pretraining.views import ViewsConfig, view


@dataclass(frozen=True)
class ContrastiveConfig:
    """Settings.

    Parameters
    ----------
    hidden, projected : widths of the projector.
    temperature : of the similarities (the paper's 0.1).
    coding_rate : weight of the coding rate; 0 for none. `precision` is its ε² (0.5 in that paper).
    views : how the two pictures of each clip differ. `mixed` counts as noise: labels do not follow.
    """

    hidden: int = 512
    projected: int = 128
    temperature: float = 0.1
    coding_rate: float = 0.05
    precision: float = 0.5
    views: ViewsConfig = field(default_factory=lambda: ViewsConfig(mixed=0.2))

    def __post_init__(self) -> None:
        if self.temperature <= 0 or self.coding_rate < 0 or self.precision <= 0:
            raise ConfigError(
                f"{self}", where="ContrastiveConfig", allowed="temperature and precision above 0, coding_rate 0 or more"
            )


def contrastive_loss(points: Tensor, alike: Tensor, temperature: float) -> Tensor:
    """-1/|P(i)| Σ_{p in P(i)} log( exp(z_i·z_p/τ) / Σ_{a≠i} exp(z_i·z_a/τ) ), the mean over i that have positives.

    points : unit vectors (n, dim). alike : bool (n, n), True where two points are positives; the diagonal is ignored.
    Zero where no point has a positive.
    """
    itself = torch.eye(len(points), dtype=torch.bool, device=points.device)
    logits = (points @ points.T / temperature).masked_fill(itself, -torch.inf)
    log_share = (logits - torch.logsumexp(logits, 1, keepdim=True)).masked_fill(itself, 0.0)
    positives = (alike & ~itself).to(points)
    count = positives.sum(1)
    each = -(positives * log_share).sum(1) / count.clamp_min(1)
    return each[count > 0].mean() if bool((count > 0).any()) else points.sum() * 0.0


def coding_rate(points: Tensor, precision: float) -> Tensor:
    """½ log det(I + dim / (n ε²) Zᵀ Z) of points (n, dim): nats to code them up to ε."""
    n, dim = points.shape
    gram = points.T @ points if dim <= n else points @ points.T  # equal determinants
    identity = torch.eye(len(gram), dtype=points.dtype, device=points.device)
    return 0.5 * torch.logdet(identity + dim / (n * precision) * gram)


class Contrastive(Objective):
    """The contrastive loss of two views of every clip, less `coding_rate` times the rate."""

    name: ClassVar[str] = "contrastive"
    needs_labels: ClassVar[bool] = True

    def __init__(self, encoder: PictureEncoder, config: ContrastiveConfig | None = None) -> None:
        super().__init__(encoder)
        self.config = config = config or ContrastiveConfig()
        self.projector = perceptron(self.width, config.hidden, config.projected)

    def points(self, pictures: Tensor, real: Tensor) -> Tensor:
        """Unit vectors (batch, projected)."""
        values, mask = self.frames(pictures, real)
        return functional.normalize(self.projector(masked_mean(values, mask) + masked_max(values, mask)), dim=-1)

    def loss(self, batch: PictureBatch) -> Tensor:
        """See `Objective.loss`. Clips are alike where they share a label; views of one clip always are."""
        pictures, real, _ = batch
        labels = need_labels(batch, self.name)
        with torch.no_grad():
            views = torch.cat([view(pictures, self.config.views, real) for _ in range(2)])
            shared = (labels @ labels.T) > 0
            shared |= torch.eye(len(labels), dtype=torch.bool, device=labels.device)
        points = self.points(views, real.repeat(2, 1))
        loss = contrastive_loss(points, shared.repeat(2, 2), self.config.temperature)
        if self.config.coding_rate > 0:
            loss = loss - self.config.coding_rate * coding_rate(points, self.config.precision)
        return loss
