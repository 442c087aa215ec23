"""Every fusion with every head, small enough for tests."""

from __future__ import annotations

import torch
from torch import Tensor

from tymbal.probes import HEADS, ProbeConfig
from tymbal.probes.fitting import ProbeModule
from tymbal.probes.fusions import FUSIONS
from tymbal.probes.heads import TrainedHead
from tymbal.training import TrainingConfig

SMALL = {"moment": {"size": 28}, "mlp": {"hidden": [12]}, "lstm": {"hidden": 6}, "transformer": {"hidden": 12}}
TRAINED = sorted(name for name, head in HEADS.items() if isinstance(head, TrainedHead))
FRAMES_HEADS = [name for name in TRAINED if HEADS[name].takes == "frames"]  # type: ignore[union-attr]
EVEN, UNEVEN = (6, 6, 6, 6), (5, 8, 3, 6)


def config(fusion: str, head: str, **fields: object) -> ProbeConfig:
    """Width 16, two epochs."""
    training = TrainingConfig(epochs=2, warmup_epochs=1, batch_size=16, learning_rate=5e-3)
    given = {"options": SMALL.get(head, {}), "dim": 16, "training": training} | fields
    return ProbeConfig(head=head, fusion=fusion, **given)  # type: ignore[arg-type]


def module_of(fusion: str, head: str, dims: tuple[int, ...], classes: int = 3, seed: int = 0) -> ProbeModule:
    """A probe whose parameters are all random, layer weights too, and that has seen a center and a scale."""
    own = HEADS[head]
    assert isinstance(own, TrainedHead)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        chosen = FUSIONS[fusion].taps(tuple(str(index) for index in range(len(dims))))
        module = ProbeModule([dims[int(index)] for index in chosen], classes, own, config(fusion, head))
        for parameter in module.parameters():
            if parameter.ndim < 2 or "logits" in str(parameter):
                torch.nn.init.normal_(parameter, std=0.5)
        if module.fusion.standardises:
            module.fusion.center.copy_(torch.randn_like(module.fusion.center))
            module.fusion.scale.copy_(torch.rand_like(module.fusion.scale) + 0.5)
    return module


def batch_of(module: ProbeModule, n: int = 5, frames: int = 7, seed: int = 1) -> tuple[Tensor, Tensor]:
    """Values (n, frames, sum of dims) and a mask whose padding is not only at the end."""
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(n, frames, sum(module.fusion.dims), generator=generator)
    mask = torch.arange(frames)[None] < torch.randint(2, frames + 1, (n, 1), generator=generator)
    mask[0, 1] = False
    return values, mask
