"""What objectives with a teacher share: a copy of the encoder that follows it by a moving average."""

from __future__ import annotations

import copy

import torch
from torch import nn


class Teacher(nn.Module):
    """A copy of `student` whose parameters follow it; running statistics are copied. Never trained itself."""

    def __init__(self, student: nn.Module) -> None:
        super().__init__()
        self.network = copy.deepcopy(student)
        self.network.requires_grad_(False)

    def train(self, mode: bool = True) -> Teacher:
        """Stays in evaluation mode."""
        return super().train(False)

    @torch.no_grad()
    def follow(self, student: nn.Module, decay: float) -> None:
        """θ' = decay θ' + (1 - decay) θ."""
        for mine, theirs in zip(self.network.parameters(), student.parameters(), strict=True):
            mine.lerp_(theirs, 1 - decay)
        for kept, running in zip(self.network.buffers(), student.buffers(), strict=True):
            kept.copy_(running)


def annealed(start: float, end: float, step: int, over: int) -> float:
    """From `start` to `end` in a straight line over so many steps, then `end`."""
    return end if step >= over else start + (end - start) * step / over
