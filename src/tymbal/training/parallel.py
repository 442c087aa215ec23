"""What the loop asks of data parallelism: a rank, a size, gradients averaged."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Protocol

import torch
from torch import Tensor

from tymbal.errors import UsageError


class Parallel(Protocol):
    """Replicas of one module that each take a part of every batch and step together.

    The loop weights each replica's loss by its share of the batch, so the average of the gradients is the gradient
    of the whole batch. Only rank 0 writes checkpoints and logs. Generators start alike everywhere, so random numbers
    drawn per example should come from the example's number (`derive_seed`), not from its place in the batch.
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


class Distributed:
    """The processes that `torchrun` started, averaging through torch.distributed: gloo on CPU, nccl on CUDA.

    Tensors of one type travel in one message: with hundreds of small gradients the messages would cost more than
    what is in them.
    """

    def __init__(self) -> None:
        from torch import distributed

        self._distributed = distributed
        self.rank, self.size = distributed.get_rank(), distributed.get_world_size()

    def average(self, tensors: list[Tensor]) -> None:
        """One all-reduce per type of tensor."""
        for kind in sorted({tensor.dtype for tensor in tensors}, key=str):
            same = [tensor for tensor in tensors if tensor.dtype == kind]
            flat = torch.cat([tensor.reshape(-1) for tensor in same])
            self._distributed.all_reduce(flat)
            flat /= self.size
            for tensor, part in zip(same, torch.split(flat, [tensor.numel() for tensor in same]), strict=True):
                tensor.copy_(part.view_as(tensor))


@contextlib.contextmanager
def from_torchrun() -> Iterator[Parallel]:
    """The replicas of `torchrun --nproc-per-node N`; one process where a program was started without it.

    Every process keeps to its own CUDA device where there is one for each, and to the CPU elsewhere. Raises
    UsageError where this torch is built without torch.distributed.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) <= 1:
        yield SingleProcess()
        return
    from torch import distributed

    if not distributed.is_available():
        raise UsageError("this torch is built without torch.distributed", where="torchrun", mend="Run in one process.")
    local, on_node = int(os.environ.get("LOCAL_RANK", "0")), int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    cuda = torch.cuda.is_available() and torch.cuda.device_count() >= on_node
    if cuda:
        torch.cuda.set_device(local)
    distributed.init_process_group("nccl" if cuda else "gloo")
    try:
        yield Distributed()
    finally:
        distributed.destroy_process_group()
