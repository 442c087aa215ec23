"""The settings of a diagnosis: on which task, of which probes, and how each diagnostic is made."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from tymbal.errors import UsageError
from tymbal.evaluation import get_metric
from tymbal.probes.config import ProbeConfig, choose_layers
from tymbal.probes.heads import get_head
from tymbal.probes.study.config import StudyConfig

EACH = "each"


@dataclass(frozen=True)
class DiagnoseConfig:
    """Which diagnostics are made of which probes on which task.

    Parameters
    ----------
    label, split, unit, unit_name, where, least_groups, frames, metric, inner_folds : as in `StudyConfig`.
    diagnostics : names in `DIAGNOSTICS`, made in that order.
    heads, layers : the probes that are diagnosed; layers are "each" (every stored layer by itself), "all", "last", a
        name, or names joined by "+".
    columns : columns that may leak (session, site, recorder; several joined by "+"), for the leakage audit; None:
        those that the metadata suggest, the groups of the split, and the recording where it holds several examples.
    neighbours : nearest neighbours of the same label that the leak ratio counts.
    permutations : of the leakage audit.
    shuffles : times that labels are shuffled for selectivity.
    within : the column inside whose values labels are shuffled as well; None: the first of the leaky columns.
    orders : random orders of the examples that the code length is averaged over.
    seed : of everything random here, training included.
    probe : everything else about the probes; head, layers and seed are replaced.
    """

    label: str = "label"
    split: str = "folds"
    unit: str | None = None
    unit_name: str | None = None
    where: str | None = None
    least_groups: int = 2
    frames: int | None = 32
    metric: str = "balanced_accuracy"
    inner_folds: int = 5
    diagnostics: tuple[str, ...] = ("risk", "leakage", "selectivity", "code_length", "calibration")
    heads: tuple[str, ...] = ("ridge",)
    layers: tuple[str, ...] = (EACH, "all")
    columns: tuple[str, ...] | None = None
    neighbours: int = 10
    permutations: int = 999
    shuffles: int = 20
    within: str | None = None
    orders: int = 3
    seed: int = 0
    probe: ProbeConfig = field(default_factory=ProbeConfig)

    def check(self) -> None:
        """Raise UsageError naming the first field outside its range."""
        ranges: tuple[tuple[str, bool, str], ...] = (
            ("diagnostics", len(self.diagnostics) > 0, "one diagnostic or more"),
            ("heads", len(self.heads) > 0, "one head or more"),
            ("layers", len(self.layers) > 0, "one choice of layers or more"),
            ("neighbours", self.neighbours >= 1, "1 or more"),
            ("permutations", self.permutations >= 19, "19 or more: fewer cannot reach p = 0.05"),
            ("shuffles", self.shuffles >= 1, "1 or more"),
            ("orders", self.orders >= 1, "1 or more"),
        )
        for name, good, allowed in ranges:
            if not good:
                raise UsageError(
                    f"{name} is {getattr(self, name)!r}", parameter=name, where="DiagnoseConfig", allowed=allowed
                )
        if self.probe.multilabel:
            raise UsageError(
                "examples with several labels cannot be diagnosed",
                where="probe.multilabel",
                allowed="one label per example",
                mend="Diagnose each label against its absence, as a label column of its own.",
            )
        get_metric(self.metric)
        for head in self.heads:
            get_head(head)
        self.study().check()

    @classmethod
    def of_study(cls, study: StudyConfig) -> DiagnoseConfig:
        """The task, metric and probe settings of a study; which heads and layers are diagnosed stays as by default."""
        probe = replace(study.probe, head=cls.heads[0], options={})
        return cls(
            label=study.label,
            split=study.split,
            unit=study.unit,
            unit_name=study.unit_name,
            where=study.where,
            least_groups=study.least_groups,
            frames=study.frames,
            metric=study.metric,
            inner_folds=study.inner_folds,
            probe=probe,
        )

    def study(self) -> StudyConfig:
        """The study whose task this is."""
        return StudyConfig(
            label=self.label,
            split=self.split,
            unit=self.unit,
            unit_name=self.unit_name,
            where=self.where,
            least_groups=self.least_groups,
            frames=self.frames,
            metric=self.metric,
            inner_folds=self.inner_folds,
            probe=self.probe,
        )

    def probes(self, stored: tuple[str, ...]) -> dict[str, ProbeConfig]:
        """The probes to diagnose, by name "HEAD-LAYERS"; `stored` layers from input to output.

        Raises DataError for a layer that is not stored. Two names for the same layers count once.
        """
        wanted = [name for choice in self.layers for name in (stored if choice == EACH else (choice,))]
        training = replace(self.probe.training, seed=self.seed)
        found: dict[str, ProbeConfig] = {}
        for head in self.heads:
            options = self.probe.options if head == self.probe.head else {}
            seen: set[tuple[str, ...]] = set()
            for layers in wanted:
                chosen = choose_layers(layers, stored)
                if chosen not in seen:
                    seen.add(chosen)
                    found[f"{head}-{layers}"] = replace(
                        self.probe, head=head, layers=chosen, options=options, training=training
                    )
        return found
