"""What the network is trained for, and how well its frames are ordered."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from tymbal.evaluation.detection.ranking import average_precision
from tymbal.fewshot.network.batches import FARTHEST, Batch, levels
from tymbal.fewshot.network.config import STRIDE
from tymbal.fewshot.network.labels import POS, UNK
from tymbal.fewshot.network.model import Answer
from tymbal.fewshot.network.scenes import Example

DICE, ATTENDED, EDGES = 0.3, 0.3, 0.1  # weights beside the cross-entropy of frames
SMALLEST = 1e-4  # of a share that a logarithm is taken of


def loss(module: nn.Module, batch: Batch) -> Tensor:
    """Mean over the examples of a batch; frames that nobody could tell count nowhere."""
    answer = module(batch.support, batch.labels, batch.median, batch.query, batch.curves)
    return total_loss(answer, batch)


def total_loss(answer: Answer, batch: Batch) -> Tensor:
    """Cross-entropy of frames, soft Dice, cross-entropy of the attention on examples, distances to the edges."""
    known, target = batch.known, batch.target
    counts = known.sum(dim=1).clamp(min=1)
    frames = functional.binary_cross_entropy_with_logits(answer.logits, target, reduction="none")
    total = (frames * known).sum(dim=1) / counts
    chance = answer.logits.sigmoid() * known
    shared = (chance * target).sum(dim=1)
    total = total + DICE * (1 - (2 * shared + 1) / (chance.sum(dim=1) + (target * known).sum(dim=1) + 1))
    share = answer.attended.repeat_interleave(STRIDE, dim=1)[:, : target.shape[1]].clamp(SMALLEST, 1 - SMALLEST)
    asked = functional.binary_cross_entropy(share, target, reduction="none")
    total = total + ATTENDED * (asked * known).sum(dim=1) / counts
    away = (answer.distances.clamp(max=FARTHEST) - batch.distances).abs().sum(dim=2) * batch.inside
    total = total + EDGES * away.sum(dim=1) / batch.inside.sum(dim=1).clamp(min=1)
    return total.mean()


class Validation:
    """Average precision of frames in whole queries of held-out scenes, mean over those with a call; beside it that of
    the curves alone, which is the network's before training."""

    def __init__(self, examples: Sequence[Example], device: torch.device) -> None:
        self._examples, self._device = examples, device

    def __call__(self, module: nn.Module | None) -> dict[str, float]:
        before, own = self.by_scene(module)
        found = {"curves": float(np.mean(before))}
        return found | ({"average_precision": float(np.mean(own))} if len(own) else {})

    def by_scene(self, module: nn.Module | None) -> tuple[np.ndarray, np.ndarray]:
        """Average precision in each scene with a call, (scenes,): of the curves alone, of the network (0 for none)."""
        own, before = [], []
        for example in self._examples:
            told = example.target != UNK
            wanted = (example.target == POS)[told]
            if not wanted.any():
                continue
            curves = example.curves.astype(np.float32)
            before.append(_precision(wanted, curves.sum(axis=1)[told]))
            if module is not None:
                own.append(_precision(wanted, self._logits(module, example, curves)[told]))
        return np.array(before), np.array(own)

    def _logits(self, module: nn.Module, example: Example, curves: np.ndarray) -> np.ndarray:
        def tensor(array: np.ndarray) -> Tensor:
            return torch.from_numpy(array)[None].to(self._device)

        labels = tensor(example.labels).long()
        median = torch.tensor([example.median], dtype=torch.float32, device=self._device)
        with torch.no_grad():
            answer = module(
                tensor(levels(example.support)), labels, median, tensor(levels(example.query)), tensor(curves)
            )
        return np.asarray(answer.logits[0].float().cpu().numpy())


def _precision(wanted: np.ndarray, height: np.ndarray) -> float:
    return average_precision(wanted, height.astype(np.float64), float(wanted.sum()))
