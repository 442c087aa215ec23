"""The plan of a sweep: tasks × encoders × probes, one dataclass in Python and in PLAN.toml."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tymbal.config import from_plain, load
from tymbal.encoders.runtime.options import Precision
from tymbal.errors import ConfigError
from tymbal.evaluation import get_metric
from tymbal.features.settings import EmbedConfig
from tymbal.probes.config import ProbeConfig
from tymbal.probes.heads import SolvedHead, get_head
from tymbal.probes.study import StudyConfig


@dataclass(frozen=True)
class SweepTask:
    """One question: which examples, which label, which split. All but `corpus` and `name` as in `StudyConfig`.

    corpus : folder of the corpus. name : what the task is called; None: the label.
    multilabel : examples may carry several labels, or none.
    """

    corpus: str
    label: str = "label"
    split: str = "folds"
    name: str | None = None
    unit: str | None = None
    unit_name: str | None = None
    where: str | None = None
    least_groups: int = 2
    multilabel: bool = False
    window_s: float | None = None
    hop_s: float | None = None

    @property
    def title(self) -> str:
        """The name, or the label where there is none."""
        return self.name or self.label


@dataclass(frozen=True)
class SweepEncoder:
    """One encoder, or one store that `tymbal embed` made.

    Parameters
    ----------
    encoder : what `tymbal embed --encoder` takes: a file of weights, a known checkpoint, a registered name.
    store : a finished feature store of the tasks' corpus in place of `encoder`.
    name : what it is called; None: `encoder`, or the folder of the store.
    random_weights : take a registered encoder with random weights (of a `store`: say that it was made so).
    precision : in which numbers the encoder computes.
    options : fields of the encoder's configuration.
    embed : fields of EmbedConfig: layers, frames, segment_s, margin_s, dtype, sample_rate_hz, channels.
    """

    encoder: str | None = None
    store: str | None = None
    name: str | None = None
    random_weights: bool = False
    precision: Precision = "float32"
    options: dict[str, Any] = field(default_factory=dict)
    embed: dict[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """The name, else what was asked for."""
        return self.name or self.encoder or Path(self.store or "").name


@dataclass(frozen=True)
class ProbeGrid:
    """Probes with one head: every choice of layers × fusion × learning rate.

    Parameters
    ----------
    head : a name from `probes.heads.HEADS`.
    name : what these probes are called in tables; None: the head. Two grids of one head need two names.
    layers : "last", "all", "each" (every single layer by itself), names, or names joined by "+".
    fusions : how several layers become one stream; (): that of the settings. Single layers take the first.
    learning_rates : of trained heads; (): that of the settings.
    options, fusion_options : settings of the head and of the fusions.
    settings : fields of ProbeConfig that differ from the plan's settings.
    encoders : names of the encoders that these probes are for; (): all.
    """

    head: str
    name: str | None = None
    layers: tuple[str, ...] = ("last", "all")
    fusions: tuple[str, ...] = ()
    learning_rates: tuple[float, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    fusion_options: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    encoders: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """The name, or the head where there is none."""
        return self.name or self.head


@dataclass(frozen=True)
class SweepPlan:
    """What is compared. For every task and encoder the probes compete in one study, chosen inside the training folds.

    Parameters
    ----------
    tasks, encoders, probes : one or more of each.
    metric : what probes are picked by, and the headline.
    seeds : fits of every trained probe for the table (solved heads have no randomness).
    inner_folds : grouped folds inside the training folds that probes are compared on.
    frames : time bins that examples are pooled to before any probe sees them; 0 keeps every frame.
    baseline : layer whose mean and standard deviation logistic regression reads as the baseline, of every encoder
        that has it; "" for none.
    settings : fields of ProbeConfig, for all probes; `training` is a table of its own.
    """

    tasks: tuple[SweepTask, ...]
    encoders: tuple[SweepEncoder, ...]
    probes: tuple[ProbeGrid, ...]
    metric: str = "balanced_accuracy"
    seeds: int = 3
    inner_folds: int = 5
    frames: int = 32
    baseline: str = "mfcc"
    settings: dict[str, Any] = field(default_factory=dict)

    def check(self) -> None:
        """Raise UsageError or ConfigError naming the first field that is wrong."""
        get_metric(self.metric)
        for name, good, allowed in (
            ("tasks", bool(self.tasks), "one [[tasks]] or more"),
            ("encoders", bool(self.encoders), "one [[encoders]] or more"),
            ("probes", bool(self.probes), "one [[probes]] or more"),
            ("frames", self.frames >= 0, "1 or more, or 0 for every frame"),
        ):
            if not good:
                raise ConfigError(f"{name} is {getattr(self, name)!r}", where="plan", allowed=allowed)
        for field_name in ("tasks", "encoders", "probes"):
            _distinct(field_name, [each.title for each in getattr(self, field_name)])
        for number, encoder in enumerate(self.encoders):
            _check_encoder(encoder, f"encoders[{number}]")
        for number, grid in enumerate(self.probes):
            self._check_grid(grid, f"probes[{number}]")
        for task in self.tasks:
            self.study(task, {}).check()

    def _check_grid(self, grid: ProbeGrid, where: str) -> None:
        titles = [encoder.title for encoder in self.encoders]
        unknown = [name for name in grid.encoders if name not in titles]
        solved = isinstance(get_head(grid.head), SolvedHead)
        for name, good, allowed in (
            ("layers", bool(grid.layers), "last, all, each, or names of layers"),
            ("encoders", not unknown, ", ".join(titles)),
            ("learning_rates", not (solved and grid.learning_rates), f"none: {grid.head} is solved, not trained"),
            ("learning_rates", all(0 < rate < 1e6 for rate in grid.learning_rates), "numbers above 0"),
        ):
            if not good:
                raise ConfigError(f"{name} is {getattr(grid, name)!r}", where=where, allowed=allowed)
        for fusion in grid.fusions or (None,):
            self.probe(grid, ("one",), fusion=fusion, where=where).check()

    def probe(
        self,
        grid: ProbeGrid,
        layers: tuple[str, ...],
        *,
        fusion: str | None = None,
        learning_rate: float | None = None,
        where: object = None,
    ) -> ProbeConfig:
        """One probe of a grid. Raises ConfigError naming a setting that there is not."""
        from tymbal.config import to_plain
        from tymbal.probes.heads import head_options

        plain = to_plain(ProbeConfig())
        for settings in (self.settings, grid.settings):
            _refuse_owned(settings, where or grid.title)
            plain |= {**settings, "training": {**plain["training"], **settings.get("training", {})}}
        plain |= {"head": grid.head, "layers": list(layers), "options": dict(grid.options)}
        plain["fusion"] = fusion or (grid.fusions[0] if grid.fusions else plain["fusion"])
        if grid.fusion_options:
            plain["fusion_options"] = dict(grid.fusion_options)
        if learning_rate is not None:
            plain["training"]["learning_rate"] = learning_rate
        head_options(get_head(grid.head), grid.options)
        return from_plain(ProbeConfig, plain, where=f"settings of {where or grid.title}")

    def study(self, task: SweepTask, probes: dict[str, ProbeConfig]) -> StudyConfig:
        """The settings of the study of one task; `probes` are its candidates."""
        shared = self.probe(ProbeGrid("linear"), ("one",), where="plan")
        return StudyConfig(
            label=task.label,
            split=task.split,
            seeds=self.seeds,
            metric=self.metric,
            unit=task.unit,
            unit_name=task.unit_name,
            where=task.where,
            least_groups=task.least_groups,
            inner_folds=self.inner_folds,
            window_s=task.window_s,
            hop_s=task.hop_s,
            frames=self.frames or None,
            baseline_layer=self.baseline or None,
            probe=ProbeConfig(multilabel=task.multilabel, class_weight=shared.class_weight),
            probes={name: replace(probe, multilabel=task.multilabel) for name, probe in probes.items()},
        )


def _refuse_owned(settings: dict[str, Any], where: object) -> None:
    """Settings that another field of the plan decides would be overruled without a word."""
    training = settings.get("training", {})
    if not isinstance(training, dict):
        raise ConfigError(f"training is {training!r}", where=f"settings of {where}", allowed="a table")
    owned = {**_OWNED, **({"training.seed": "seeds"} if "seed" in training else {})}
    for name, owner in owned.items():
        if name in settings or name == "training.seed":
            raise ConfigError(f"{name} is set", where=f"settings of {where}", mend=f"It is decided by `{owner}`.")


_OWNED = {
    "head": "head",
    "layers": "layers",
    "options": "options",
    "multilabel": "multilabel of the task",
}


def _distinct(field_name: str, titles: Sequence[str]) -> None:
    twice = [title for number, title in enumerate(titles) if title in titles[:number]]
    if twice:
        raise ConfigError(
            f"two of them are called {twice[0]!r}", where=field_name, mend="Give each a `name` of its own."
        )


def _check_encoder(encoder: SweepEncoder, where: str) -> None:
    if (encoder.encoder is None) == (encoder.store is None):
        raise ConfigError("neither or both of `encoder` and `store` are given", where=where, allowed="one of them")
    if encoder.store is not None and (encoder.options or encoder.embed):
        raise ConfigError("`options` and `embed` are for encoders; a store is taken as it is", where=where)
    from_plain(EmbedConfig, encoder.embed, where=f"{where}.embed")


def load_plan(path: str | Path) -> SweepPlan:
    """Read and check PLAN.toml; paths in it are relative to its folder. Raises ConfigError naming file and field."""
    path = Path(path)
    plan = load(SweepPlan, path)
    tasks = tuple(replace(task, corpus=_beside(path, task.corpus)) for task in plan.tasks)
    encoders = []
    for each in plan.encoders:
        named = (
            each.encoder if each.encoder is None or not _is_file(path, each.encoder) else _beside(path, each.encoder)
        )
        # The name stays what the plan says, wherever the plan lies.
        encoders.append(replace(each, name=each.title, encoder=named, store=each.store and _beside(path, each.store)))
    plan = replace(plan, tasks=tasks, encoders=tuple(encoders))
    plan.check()
    return plan


def _beside(plan: Path, name: str) -> str:
    return (plan.parent / name).as_posix()


def _is_file(plan: Path, name: str) -> bool:
    return (plan.parent / name).exists()
