"""The settings of fine-tuning: those of a probe, and how the encoder below it is trained."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from tymbal.errors import UsageError
from tymbal.probes.config import PROBE_TRAINING, ProbeConfig
from tymbal.probes.heads import TrainedHead, get_head
from tymbal.training import TrainingConfig

FINETUNE_TRAINING = TrainingConfig(
    epochs=30, batch_size=16, warmup_epochs=1.0, patience=5, monitor="score", direction="max"
)
# Of the encoder. Whole: as published (arXiv 2605.10494, appendix); few parameters bear more.
ENCODER_RATES = {"full": 1e-5, "layernorm": 5e-4, "lora": 5e-4}


@dataclass(frozen=True)
class FinetuneConfig(ProbeConfig):
    """A probe whose encoder is trained with it.

    Parameters
    ----------
    mode : which of the encoder's weights are trained: "full" all that the tapped layers depend on; "layernorm" the
        affine parameters of its norms (layer, group and batch norms); "lora" low-rank adapters on its linear maps,
        which can be merged into them afterwards. Running statistics of batch norms and dropout rest in all.
    head_first : train the head alone on frozen features first (linear probing, then fine-tuning: Kumar et al. 2022,
        arXiv 2202.10054): a head that knows nothing would pull good features apart. Else the head starts at random.
    rank, alpha : of the adapters; their change is scaled by alpha / rank.
    targets : which linear maps get adapters: names, or their last parts, with wildcards; (): all.
    encoder_learning_rate : of the encoder; None: `ENCODER_RATES` of the mode. `training.learning_rate` is the head's.
    layer_decay : the rate of an encoder's parameters is multiplied by it once for every layer that lies between them
        and the highest tapped one; 1 is one rate for all.
    segment_s, margin_s : segments that the encoder is given, as `tymbal embed` cuts them. Of an event longer than a
        segment training takes one segment at random each time, prediction all of them.
    frames : time bins that every event is pooled to before the head sees it; None keeps every frame.
    head_training : how the head is trained first. `training` is that of encoder and head together.
    """

    layers: str | tuple[str, ...] = "last"
    training: TrainingConfig = FINETUNE_TRAINING
    mode: Literal["full", "layernorm", "lora"] = "full"
    head_first: bool = True
    rank: int = 8
    alpha: float = 16.0
    targets: tuple[str, ...] = ()
    encoder_learning_rate: float | None = None
    layer_decay: float = 1.0
    segment_s: float = 10.0
    margin_s: float | None = None
    frames: int | None = 32
    head_training: TrainingConfig = PROBE_TRAINING

    @property
    def encoder_rate(self) -> float:
        """The learning rate of the encoder."""
        own = self.encoder_learning_rate
        return ENCODER_RATES[self.mode] if own is None else own

    def check(self) -> None:
        """Raise UsageError naming the first field outside its range, or a head that no gradient reaches."""
        super().check()
        self.head_training.check()
        if not isinstance(get_head(self.head), TrainedHead):
            raise UsageError(
                f"the head {self.head} is solved for, not trained: no gradient comes from it",
                parameter="head",
                allowed="linear, attention and others that are trained",
            )

    def _ranges(self) -> Iterator[tuple[str, bool, str]]:
        yield from super()._ranges()
        yield "rank", self.rank >= 1, "1 or more"
        yield "alpha", self.alpha > 0, "a number above 0"
        rate = self.encoder_learning_rate
        yield "encoder_learning_rate", rate is None or 0 < rate < float("inf"), "a number above 0, or none"
        yield "layer_decay", 0 < self.layer_decay <= 1, "above 0, at most 1"
        yield "segment_s", 0 < self.segment_s < float("inf"), "seconds above 0"
        yield "margin_s", self.margin_s is None or 0 <= self.margin_s < float("inf"), "seconds of 0 or more, or none"
        yield "frames", self.frames is None or self.frames >= 1, "1 or more, or none"
