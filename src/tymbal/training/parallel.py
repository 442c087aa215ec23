"""What the loop asks of data parallelism: a rank, a size, gradients averaged, one number averaged."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor


class Parallel(Protocol):
    """Replicas of one module that each take a part of every batch and step together.

    The loop weights each replica's loss by its share of the batch, so the average of the gradients is the gradient
    of the whole batch. Only rank 0 writes checkpoints and logs.
    """

    rank: int
    size: int

    def average(self, tensors: list[Tensor]) -> None:
        """Replace each tensor, in place, by its mean over the replicas."""
        ...


class SingleProcess:
    """No parallelism: one replica."""

    rank = 0
    size = 1

    def average(self, tensors: list[Tensor]) -> None:
        """Nothing to do with one replica."""
