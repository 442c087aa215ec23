"""What a head is: a small network that is trained, or a map that is solved for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from torch import nn

Float = NDArray[np.float64]


@dataclass(frozen=True)
class TrainedHead:
    """A network from fused features to logits, trained by the one loop.

    Attributes
    ----------
    takes : "statistics": (batch, width), layers pooled over time before they are fused; "frames": (batch, frames,
        width) and a mask (batch, frames), padded frames holding anything finite.
    options : frozen dataclass of the head's settings, every field with a default.
    build : (width, classes, options) -> module; called as module(z) or module(z, mask), gives (batch, classes). Its
        state holds `classifier.bias` (classes,), by which a saved probe knows how many there are.
    """

    name: str
    takes: Literal["statistics", "frames"]
    options: type[Any]
    build: Callable[[int, int, Any], nn.Module]


@dataclass(frozen=True)
class Problem:
    """A classification problem for heads that are solved.

    values (n, p) standardised, targets (n, classes) 0/1 membership, weights (n,) of mean 1, groups (n,) of examples
    that depend on each other.
    """

    values: Float
    targets: Float
    weights: Float
    groups: NDArray[np.str_]
    multilabel: bool
    balanced: bool
    seed: int


@dataclass(frozen=True)
class LeftOut:
    """Logits (n, classes) of the training examples by fits that had not seen their groups.

    counted (n,) : False where those fits did not know the example's labels, so that its logits say nothing.
    """

    logits: Float
    counted: NDArray[np.bool_]


@dataclass(frozen=True)
class Solution:
    """What a head solved for: the tensors its logits are made of, notes, and how it did on what it had not seen.

    left_out : None where the training examples are too few to leave any out.
    """

    tensors: Mapping[str, NDArray[Any]]
    notes: dict[str, Any] = field(default_factory=dict)
    left_out: LeftOut | None = None


def linear_logits(tensors: Mapping[str, NDArray[Any]], values: Float) -> Float:
    """values (n, p) @ weight (p, classes) + bias (classes,)."""
    return np.asarray(values @ tensors["weight"] + tensors["bias"])


@dataclass(frozen=True)
class SolvedHead:
    """A head in closed form or by a convex solver: no randomness, no epochs.

    It sees the standardised statistics of all chosen layers side by side, penalty and all else chosen inside
    `solve` from the training examples alone.

    Attributes
    ----------
    logits : (tensors of the solution, standardised values (n, p)) -> (n, classes); scores are their softmax, or the
        sigmoid for several labels.
    """

    name: str
    options: type[Any]
    solve: Callable[[Problem, Any], Solution]
    logits: Callable[[Mapping[str, NDArray[Any]], Float], Float] = linear_logits


def softmax(logits: Float) -> Float:
    """Rows to probabilities, (n, classes)."""
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))


def sigmoid(logits: Float) -> Float:
    """Elementwise logistic function without overflow."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * logits)))


def log_loss(logits: Float, targets: Float, weights: Float, multilabel: bool, positive: Float | float = 1.0) -> float:
    """Weighted mean over examples of cross-entropy, or of summed binary cross-entropies for several labels.

    positive (classes,) : how much the positives of each of several labels weigh.
    """
    if multilabel:
        softplus = np.logaddexp(0.0, logits)
        each = (positive * targets * (softplus - logits) + (1.0 - targets) * softplus).sum(axis=1)
    else:
        top = logits.max(axis=1)
        each = top + np.log(np.exp(logits - top[:, None]).sum(axis=1)) - (logits * targets).sum(axis=1)
    return float((weights * each).sum() / weights.sum())
