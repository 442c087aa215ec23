"""The settings of a probe; the same dataclass in Python, on the command line and in the probe's file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from tymbal.config import check_fields
from tymbal.errors import DataError
from tymbal.probes.fusions import fusion_options, get_fusion
from tymbal.training import TrainingConfig

STATISTICS = ("mean", "std", "max")

# Rate, patience and what is watched were chosen on the 40 classes of esc50_subset that no study here reports.
PROBE_TRAINING = TrainingConfig(epochs=100, warmup_epochs=3, patience=20, monitor="score", direction="max")


@dataclass(frozen=True)
class ProbeConfig:
    """What a probe is.

    Parameters
    ----------
    head : a name from `probes.heads.HEADS`.
    layers : "last", "all", or the names of layers.
    options : settings of the head; the fields of its options dataclass.
    fusion : how several layers become one stream; a name from `probes.fusions.FUSIONS`. Solved heads learn no fusion:
        they see the layers that it takes, normalised as it asks, side by side.
    fusion_options : settings of the fusion; the fields of its options dataclass.
    multilabel : examples may carry several labels (binary cross-entropy), else exactly one (cross-entropy).
    class_weight : "balanced" weighs every class alike however rare, "none" every example.
    statistics : what heads that take no frames see of each layer: masked "mean", "std", "max" over time.
    norm : "standard" standardises every value by the training examples; "layer" normalises every frame of a layer
        over its values first (LayerNorm without parameters) and standardises then as well.
    dim : width that layers are projected to before they are fused (trained heads).
    validation_fraction : share of the training examples, whole groups, that early stopping watches where no
        validation examples are given (trained heads).
    training : how trained heads are trained; its `seed` is the probe's seed.
    calibrated : divide the logits by one temperature that makes the scores honest on examples that were not trained
        on: those that early stopping watches, or of solved heads the groups left out to choose their settings. The
        order of an example's labels stays; where nothing is held out so do the scores. Off by default: with one label
        per example it moves the order of examples (cmAP, AUROC) a little, and few held-out examples judge it badly.
    """

    head: str = "linear"
    layers: str | tuple[str, ...] = "all"
    options: dict[str, Any] = field(default_factory=dict)
    multilabel: bool = False
    class_weight: Literal["none", "balanced"] = "none"
    statistics: tuple[str, ...] = STATISTICS
    norm: Literal["standard", "layer"] = "standard"
    dim: int = 128
    validation_fraction: float = 0.2
    training: TrainingConfig = PROBE_TRAINING
    fusion: str = "weighted_sum"
    fusion_options: dict[str, Any] = field(default_factory=dict)
    calibrated: bool = False

    def check(self) -> None:
        """Raise UsageError naming the first field of another kind or outside its range.

        The head's options are checked by the head; ConfigError names an option that the fusion has not.
        """
        check_fields(self, self._ranges())
        fusion_options(get_fusion(self.fusion), self.fusion_options)
        self.training.check()

    def _ranges(self) -> Iterator[tuple[str, bool, str]]:
        yield "layers", bool(self.layers), "last, all, or names of layers"
        yield "statistics", bool(self.statistics) and set(self.statistics) <= set(STATISTICS), ", ".join(STATISTICS)
        yield "dim", self.dim >= 1, "1 or more"
        yield "validation_fraction", 0 < self.validation_fraction < 1, "above 0, below 1"


def choose_layers(wanted: str | Sequence[str], names: Sequence[str]) -> tuple[str, ...]:
    """The layers that "last", "all" or names ask for, in the order of `names` (input to output).

    A string may name one layer or several joined by "+". Raises DataError for a layer that is not there.
    """
    if wanted == "all":
        return tuple(names)
    if wanted == "last":
        return (names[-1],)
    asked = wanted.split("+") if isinstance(wanted, str) else list(wanted)
    missing = [name for name in asked if name not in names]
    if missing:
        raise DataError(
            f"no layer {missing[0]!r} among the features",
            parameter="layers",
            allowed="last, all, " + ", ".join(names),
            mend="Embed again with this layer, or ask for another.",
        )
    return tuple(name for name in names if name in asked)
