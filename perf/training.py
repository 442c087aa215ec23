"""Training samples per CPU second: the one loop against a plain torch loop of the same steps.

Run from the repository's root: .venv/bin/python perf/training.py
The plain loop is what one writes first: AdamW as torch makes it, clip_grad_norm_, a cosine by LambdaLR. Both train the
same module on the same batches in one thread; ours also logs, counts, checks every step for numbers that are none and
writes a checkpoint.
"""

from __future__ import annotations

import math
import tempfile
from pathlib import Path

import torch
from torch import Tensor, nn

from machine import cpu_time, probe_line
from tymbal.training import TrainingConfig, train

EXAMPLES, BATCH, EPOCHS = 1024, 32, 2


class InMemory:
    """Random examples and classes."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.x, self.y = torch.randn(EXAMPLES, *shape), torch.randint(0, 10, (EXAMPLES,))

    def __len__(self) -> int:
        return EXAMPLES

    def batch(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        """Examples by number."""
        return self.x[indices], self.y[indices]


def loss(module: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    """Cross-entropy."""
    return nn.functional.cross_entropy(module(batch[0]), batch[1])


def plain(module: nn.Module, batches: InMemory) -> None:
    """The loop one writes first."""
    optimizer = torch.optim.AdamW(module.parameters(), lr=1e-3)
    steps = EPOCHS * EXAMPLES // BATCH
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.5 + 0.5 * math.cos(math.pi * step / steps))
    module.train()
    for _ in range(EPOCHS):
        for indices in torch.randperm(EXAMPLES).split(BATCH):
            optimizer.zero_grad()
            loss(module, batches.batch(indices)).backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(module.parameters(), 1.0)
            optimizer.step()
            schedule.step()


def ours(module: nn.Module, batches: InMemory) -> None:
    """The loop of every trainer here."""
    with tempfile.TemporaryDirectory() as folder:
        train(module, batches, loss, TrainingConfig(epochs=EPOCHS, batch_size=BATCH), directory=Path(folder))


def small_head() -> tuple[nn.Module, tuple[int, ...]]:
    """A probe's size."""
    return nn.Sequential(nn.Linear(768, 128), nn.GELU(), nn.Linear(128, 10)), (768,)


def cnn() -> tuple[nn.Module, tuple[int, ...]]:
    """A small convolutional encoder on spectrograms of 64 bands x 96 frames."""
    blocks = [nn.Sequential(nn.Conv2d(a, b, 3, 2, 1), nn.BatchNorm2d(b), nn.ReLU()) for a, b in ((1, 16), (16, 32))]
    return nn.Sequential(*blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10)), (1, 64, 96)


def transformer() -> tuple[nn.Module, tuple[int, ...]]:
    """A small transformer on 48 tokens of 192 values."""
    layer = nn.TransformerEncoderLayer(192, 4, 768, batch_first=True, dropout=0.0)
    body = nn.TransformerEncoder(layer, 4, enable_nested_tensor=False)

    class Mean(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.out = body, nn.Linear(192, 10)

        def forward(self, x: Tensor) -> Tensor:
            return self.out(self.body(x).mean(1))

    return Mean(), (48, 192)


def main() -> None:
    torch.set_num_threads(1)
    print("$ .venv/bin/python perf/training.py")
    print(probe_line())
    print(f"{EPOCHS} epochs of {EXAMPLES} examples in batches of {BATCH}; examples per CPU second")
    print(f"{'module':14s}{'plain':>10s}{'ours':>10s}{'ours/plain':>12s}")
    for name, make in (("small head", small_head), ("CNN", cnn), ("transformer", transformer)):
        found = {}
        for which, run in (("plain", plain), ("ours", ours)):
            torch.manual_seed(0)
            module, shape = make()
            batches = InMemory(shape)
            found[which] = EPOCHS * EXAMPLES / cpu_time(lambda m=module, b=batches, run=run: run(m, b), repeat=3)
        print(f"{name:14s}{found['plain']:>10.0f}{found['ours']:>10.0f}{found['ours'] / found['plain']:>12.2f}")


if __name__ == "__main__":
    main()
