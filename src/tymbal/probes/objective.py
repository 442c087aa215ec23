"""What trained heads are asked to do: the loss, what validation tells, and the temperature that is left at the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tymbal.probes.calibrating import fit_temperature
from tymbal.probes.config import ProbeConfig
from tymbal.probes.heads.attending import negative_entropy
from tymbal.probes.labels import class_weights
from tymbal.probes.pooling import Array


@dataclass(frozen=True)
class Objective:
    """The loss of logits (batch, classes) against targets (batch, classes) 0/1.

    weight (classes,) : of classes, or for several labels of the positives of each. entropy : of the head's attention
    in the loss.
    """

    weight: Tensor
    multilabel: bool
    entropy: float = 0.0

    @classmethod
    def of(cls, targets: Array, config: ProbeConfig, head: nn.Module, device: torch.device | None = None) -> Objective:
        """For the training examples' targets (n, classes)."""
        weight = torch.from_numpy(loss_weights(targets, config)).to(device or "cpu")
        return cls(weight, config.multilabel, float(getattr(head, "entropy", 0.0)))

    def loss(self, logits: Tensor, targets: Tensor, attention: Tensor | None = None) -> Tensor:
        """Mean over the batch; `attention` (batch, maps, frames) of heads that attend."""
        value = classification_loss(logits, targets, self.weight, self.multilabel)
        return value if attention is None or not self.entropy else value + self.entropy * negative_entropy(attention)

    def judged(self, logits: Tensor, targets: Tensor) -> dict[str, float]:
        """Loss and accuracy on watched examples; "score" is the accuracy, equal ones told apart by the loss.

        With several labels the accuracy is the share of all yes/no decisions that are right: of rare labels nearly
        all are, long before anything is learned, so that "score" goes by the loss alone there.
        """
        best = (logits > 0) == (targets > 0) if self.multilabel else logits.argmax(dim=1) == targets.argmax(dim=1)
        value = float(classification_loss(logits, targets, self.weight, self.multilabel))
        accuracy = float(best.float().mean())
        # Half an example at most: a few watched examples are soon all right, long before training is done.
        near = 1.0 / (1.0 + value)
        score = near if self.multilabel else accuracy - 0.5 / best.numel() * (1.0 - near)
        return {"loss": value, "accuracy": accuracy, "score": score}

    def temperature(
        self, config: ProbeConfig, watched: Array | None, logits: Callable[[], Tensor]
    ) -> tuple[float, dict[str, Any]]:
        """The temperature, 1 where none is asked for or nothing was watched, and notes.

        watched : targets of the watched examples; `logits` gives theirs.
        """
        if not config.calibrated:
            return 1.0, {}
        if watched is None:
            return 1.0, {"temperature": 1.0, "calibrated_on": 0}
        with torch.no_grad():
            found = fit_temperature(logits().cpu(), watched, self.weight.cpu().numpy(), self.multilabel)
        return found, {"temperature": found, "calibrated_on": len(watched)}


def loss_weights(targets: Array, config: ProbeConfig) -> Array:
    """Weight of each class, or for several labels of the positives of each class."""
    if not config.multilabel or config.class_weight == "none":
        return class_weights(targets, config.class_weight)
    positive = targets.sum(axis=0)
    return np.asarray((len(targets) - positive) / np.maximum(positive, 1), dtype=np.float32)


def classification_loss(logits: Tensor, targets: Tensor, weight: Tensor, multilabel: bool) -> Tensor:
    """Mean over the batch of weighted cross-entropy, or of binary cross-entropies summed over labels."""
    if multilabel:
        each = nn.functional.binary_cross_entropy_with_logits(logits, targets, pos_weight=weight, reduction="none")
        return each.sum(dim=1).mean()
    each = nn.functional.cross_entropy(logits, targets, reduction="none")
    return (each * (targets @ weight)).mean()
