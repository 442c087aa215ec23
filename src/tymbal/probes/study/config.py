"""The settings of a study: which probes are compared, on which label and split, and how they are judged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from tymbal.config import check_fields
from tymbal.errors import UsageError
from tymbal.evaluation import METRICS, get_metric
from tymbal.probes.config import ProbeConfig
from tymbal.probes.heads import SolvedHead, get_head
from tymbal.training import TrainingConfig

BASELINE = "baseline"


@dataclass(frozen=True)
class StudyConfig:
    """Candidates are heads × layers, or `probes`; every choice among them is made inside the training folds.

    Parameters
    ----------
    label : column of the label.
    split : name of the split of the corpus; its folds are the test folds, one after the other.
    heads, layers : the candidates; layers are "last", "all", a name, or names joined by "+".
    seeds : how many times each trained head is fitted for the table (solved heads have no randomness).
    metric : what candidates are picked by, and the headline.
    unit : column of the highest independent unit, which intervals resample; None: the groups of the split.
    unit_name : what such a unit is called; None: the column's name.
    where : "COLUMN=VALUE", examples to keep (one bird, say); None keeps all.
    least_groups : labels found in fewer groups of the split than this cannot be both trained on and tested: left out.
    keep_validation : where folds are named train, validation and test: fit to the training fold alone, and let
        validation be what early stopping watches and the choice is made on, as benchmarks do; else validation joins
        training once the choice is made.
    inner_folds : grouped folds inside the training folds that candidates are compared on.
    window_s, hop_s : with a multilabel probe, examples are windows over what the corpus covers, and carry the labels
        of the events in them (`corpus.label_windows`); hop_s None: one window after the other. window_s None: an
        example is a span of time with the labels of all events of just this span.
    frames : time bins that examples are pooled to before any head sees them; None keeps every frame.
    baseline_layer : the baseline is logistic regression on mean and standard deviation of this layer; None or a
        layer that is not stored: no baseline.
    probe : everything else about the candidates; its head, layers and seed are replaced.
    probes : candidates by name in place of heads × layers; `probe` then gives the baseline its class weights alone.
    """

    label: str = "label"
    split: str = "folds"
    heads: tuple[str, ...] = ("linear", "attention", "ridge", "logistic")
    layers: tuple[str, ...] = ("last", "all")
    seeds: int = 3
    metric: str = "balanced_accuracy"
    unit: str | None = None
    unit_name: str | None = None
    where: str | None = None
    least_groups: int = 2
    keep_validation: bool = False
    inner_folds: int = 5
    window_s: float | None = None
    hop_s: float | None = None
    frames: int | None = 32
    baseline_layer: str | None = "mfcc"
    probe: ProbeConfig = field(default_factory=ProbeConfig)
    probes: dict[str, ProbeConfig] = field(default_factory=dict)

    def check(self) -> None:
        """Raise UsageError naming the first field of another kind or outside its range."""
        check_fields(self, self._ranges())
        metric = get_metric(self.metric)
        if self.probe.multilabel and metric.takes != "scores":
            allowed = ", ".join(name for name, each in METRICS.items() if each.takes == "scores")
            where = "StudyConfig of several labels"
            raise UsageError(f"metric is {self.metric!r}", where=where, parameter="metric", allowed=allowed)
        for head in self.heads:
            get_head(head)
        for probe in (self.probe, *self.probes.values()):
            get_head(probe.head)
            probe.check()

    def _ranges(self) -> Iterator[tuple[str, bool, str]]:
        yield "heads", len(self.heads) > 0, "one head or more"
        yield "layers", len(self.layers) > 0, "one choice of layers or more"
        yield "seeds", self.seeds >= 1, "1 or more"
        yield "least_groups", self.least_groups >= 1, "1 or more"
        yield "inner_folds", self.inner_folds >= 2, "2 or more"
        yield "frames", self.frames is None or self.frames >= 1, "1 or more, or none"
        yield "where", self.where is None or "=" in self.where, "COLUMN=VALUE"
        yield "window_s", self.window_s is None or self.window_s > 0, "seconds above 0, or none"
        yield "hop_s", self.hop_s is None or self.hop_s > 0, "seconds above 0, or none"
        yield "window_s", self.window_s is None or self.probe.multilabel, "none, or a multilabel probe"

    def candidates(self) -> dict[str, ProbeConfig]:
        """The probes that compete, by name "HEAD-LAYERS" where they have no own."""
        if self.probes:
            return dict(self.probes)
        return {
            f"{head}-{layers}": replace(
                self.probe, head=head, layers=layers, options=self.probe.options if head == self.probe.head else {}
            )
            for head in self.heads
            for layers in self.layers
        }

    def baseline(self, layers: tuple[str, ...]) -> ProbeConfig | None:
        """The baseline probe where its layer is among `layers`; it never competes."""
        if self.baseline_layer is None or self.baseline_layer not in layers:
            return None
        return ProbeConfig(
            head="logistic",
            layers=(self.baseline_layer,),
            statistics=("mean", "std"),
            class_weight=self.probe.class_weight,
            multilabel=self.probe.multilabel,
        )


def seeds_of(config: ProbeConfig, seeds: int) -> tuple[int, ...]:
    """Seeds that a probe is fitted with: one where nothing is random."""
    return (0,) if isinstance(get_head(config.head), SolvedHead) else tuple(range(seeds))


def with_seed(config: ProbeConfig, seed: int) -> ProbeConfig:
    """The same probe with another seed."""
    training: TrainingConfig = replace(config.training, seed=seed)
    return replace(config, training=training)
