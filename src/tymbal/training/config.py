"""The settings of one training run; the same dataclass in Python, on the command line and in the file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from tymbal.config import check_fields


@dataclass(frozen=True)
class TrainingConfig:
    """How a module is trained.

    Parameters
    ----------
    epochs : passes over the examples at most.
    batch_size : examples in a batch; the last batch of an epoch may be smaller.
    learning_rate, weight_decay : of AdamW. Decay acts on matrices only, not on biases, norms or layer weights.
    warmup_epochs : the rate climbs linearly over so many epochs (fractions allowed) ...
    final_fraction : ... then falls along a cosine to this fraction of `learning_rate` at the last step.
    clip : the norm that the gradient is clipped to; None leaves it.
    patience : stop after so many epochs without a better `monitor`; None always runs all epochs.
    monitor, direction : which value returned by validation is watched, and which way is better.
    ema_decay : decay of an exponential moving average of the weights that validation and the result use; None: off.
    seed : of the order of examples, of dropout, and of whatever draws from torch's generator while batches are made.
    precision : "bfloat16" computes the forward pass under autocast; weights stay float32.
    checkpoint_steps : save a checkpoint every so many steps as well as after every epoch.
    """

    epochs: int = 50
    batch_size: int = 32
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    warmup_epochs: float = 5.0
    final_fraction: float = 0.01
    clip: float | None = 1.0
    patience: int | None = None
    monitor: str = "loss"
    direction: Literal["min", "max"] = "min"
    ema_decay: float | None = None
    seed: int = 0
    precision: Literal["float32", "bfloat16"] = "float32"
    checkpoint_steps: int | None = None

    def check(self) -> None:
        """Raise UsageError naming the first field that is of another kind or outside its range."""
        check_fields(self, self._ranges())

    def _ranges(self) -> Iterator[tuple[str, bool, str]]:
        yield "epochs", self.epochs >= 1, "1 or more"
        yield "batch_size", self.batch_size >= 1, "1 or more"
        yield "learning_rate", 0 < self.learning_rate < float("inf"), "a number above 0"
        yield "weight_decay", self.weight_decay >= 0, "0 or more"
        yield "warmup_epochs", self.warmup_epochs >= 0, "0 or more"
        yield "final_fraction", 0 <= self.final_fraction <= 1, "0 to 1"
        yield "clip", self.clip is None or self.clip > 0, "a number above 0, or none"
        yield "patience", self.patience is None or self.patience >= 1, "1 or more, or none"
        yield "ema_decay", self.ema_decay is None or 0 <= self.ema_decay < 1, "0 to below 1, or none"
        yield "checkpoint_steps", self.checkpoint_steps is None or self.checkpoint_steps >= 1, "1 or more, or none"
