"""Losses of a head of edges. All take logits, so that a network that is sure gives numbers and not NaN."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from tymbal.config import check_fields


@dataclass(frozen=True)
class LossConfig:
    """What counts how much.

    Parameters
    ----------
    sharpness, penalty : alpha and beta of the penalty-reduced focal loss (CornerNet: 2 and 4).
    shift, duration, iou, classes, bounds, activity : weights of the other losses; that of the heatmap is 1.
    class_weights : classes count inversely to how frequent they are among the training events, mean 1.
    """

    sharpness: float = 2.0
    penalty: float = 4.0
    shift: float = 1.0
    duration: float = 1.0
    iou: float = 1.0
    classes: float = 1.0
    bounds: float = 1.0
    activity: float = 1.0
    class_weights: bool = False

    def check(self) -> None:
        """Raise UsageError naming the first field outside its range."""
        check_fields(self, self._ranges())

    def _ranges(self) -> Iterator[tuple[str, bool, str]]:
        for name in ("sharpness", "penalty", "shift", "duration", "iou", "classes", "bounds", "activity"):
            yield name, 0 <= getattr(self, name) < float("inf"), "0 or more"


def heat_loss(
    logits: Tensor, heat: Tensor, positive: Tensor, weight: Tensor, *, sharpness: float = 2.0, penalty: float = 4.0
) -> Tensor:
    """Penalty-reduced focal loss (Law & Deng 2018, 1808.01244, eq. 1) per edge.

    -(1/N) sum of w (1-p)^a log p at edges and of w (1-H)^b p^a log(1-p) elsewhere, N edges (at least 1).

    logits, heat, positive, weight : one shape; heat H is 0–1, positive marks the edges, weight 0 leaves a frame out.
    """
    p = torch.sigmoid(logits)
    found = (1 - p) ** sharpness * functional.logsigmoid(logits)
    missed = (1 - heat) ** penalty * p**sharpness * functional.logsigmoid(-logits)
    edges = (positive * weight).sum().clamp_min(1.0)
    return -(torch.where(positive, found, missed) * weight).sum() / edges


def interval_iou(shift: Tensor, log_duration: Tensor, true_shift: Tensor, true_log_duration: Tensor) -> Tensor:
    """IoU of [shift, shift + duration) and the true interval, one shape; frames and log frames.

    For offsets the picture is mirrored, which changes nothing but the sign of the shifts.
    """
    duration, true = torch.exp(log_duration), torch.exp(true_log_duration)
    shared = torch.minimum(shift + duration, true_shift + true) - torch.maximum(shift, true_shift)
    shared = shared.clamp_min(0.0)
    return shared / (duration + true - shared)


def mean_over(values: Tensor, chosen: Tensor) -> Tensor:
    """Mean of the chosen values; 0 where none is."""
    return (torch.where(chosen, values, 0.0)).sum() / chosen.sum().clamp_min(1)


def bounds_loss(found: Tensor, wanted: Tensor) -> Tensor:
    """Mean absolute error of bounds (edges, 2), low and high as shares of half the sample rate, and 1 - IoU of bands.

    The error alone would call a band of 23 to 27 kHz well found at twice its height; NaN where an event has none.
    """
    known = torch.isfinite(wanted)
    truth = torch.where(known, wanted, 0.0)
    whole = known.all(dim=1)
    shared = torch.minimum(found[:, 1], truth[:, 1]) - torch.maximum(found[:, 0], truth[:, 0])
    shared = shared.clamp_min(0.0)
    union = (found[:, 1] - found[:, 0]).clamp_min(0.0) + truth[:, 1] - truth[:, 0] - shared
    iou = shared / torch.where(whole, union, 1.0).clamp_min(1e-6)
    return mean_over((found - truth).abs(), known) + mean_over(1 - iou, whole)


def class_loss(logits: Tensor, label: Tensor, weights: Tensor) -> Tensor:
    """Cross-entropy of (edges, classes), weighted by class; edges of unknown class (below 0) are left out."""
    known = label >= 0
    each = functional.cross_entropy(logits, label.clamp_min(0), reduction="none")
    weight = weights[label.clamp_min(0)] * known
    return (each * weight).sum() / weight.sum().clamp_min(1e-6)


def activity_loss(logits: Tensor, active: Tensor, weight: Tensor) -> Tensor:
    """Binary cross-entropy per frame and class: the segmentation baseline. All of one shape."""
    each = functional.binary_cross_entropy_with_logits(logits, active, reduction="none")
    return (each * weight).sum() / weight.sum().clamp_min(1.0)
