"""Probes by a benchmark's own protocol: fitted to its training fold, picked on its validation fold, tested once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

import tymbal
from tymbal.benchmarks.dataset import TEST, TRAIN, VALIDATION, BenchmarkSet
from tymbal.config import digest, to_plain
from tymbal.errors import DataError, UsageError
from tymbal.evaluation import Estimate, PairedMean, estimate, get_metric, measure, paired_mean
from tymbal.features import Examples, FeatureStore
from tymbal.features import examples as gather
from tymbal.jobs import write_json
from tymbal.probes import CachedExamples, Probe, ProbeConfig
from tymbal.probes.config import choose_layers
from tymbal.probes.grouping import validation_rows
from tymbal.training import read_tensors, write_tensors

PICKED = "picked"
_MEND = "Delete this file and run the same command again."


@dataclass(frozen=True)
class BenchConfig:
    """What is probed. Candidates are heads × layers × learning rates; the choice is made on validation alone.

    Parameters
    ----------
    heads, layers : as in a study; learning_rates are for trained heads, None keeps the rate of `probe`.
    seeds : fits of every candidate on the training fold, from the seed of `probe` on; their test scores are averaged.
    frames : time bins that an example is pooled to; None keeps every frame.
    options : settings of a head by its name, in place of those of `probe`.
    compare : pairs of candidates (A, B) whose difference A - B of the headline metric is kept with its error.
    probe : everything else about the candidates.
    """

    heads: tuple[str, ...] = ("linear", "attention")
    layers: tuple[str, ...] = ("last", "all")
    learning_rates: tuple[float, ...] = ()
    seeds: int = 1
    frames: int | None = 16
    options: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    compare: tuple[tuple[str, str], ...] = ()
    probe: ProbeConfig = field(default_factory=ProbeConfig)

    def candidates(self, multilabel: bool, layers: Sequence[str]) -> dict[str, ProbeConfig]:
        """The probes that compete, by name "HEAD-LAYERS" or "HEAD-LAYERS-RATE"; equal ones once."""
        if not self.heads or not self.layers or self.seeds < 1:
            raise UsageError(
                f"{len(self.heads)} heads, {len(self.layers)} choices of layers, {self.seeds} seeds",
                where="BenchConfig",
                allowed="one or more of each",
            )
        found: dict[str, ProbeConfig] = {}
        for head in self.heads:
            for choice in self.layers:
                chosen = choose_layers(choice, layers)
                own = self.options.get(head, self.probe.options)
                config = replace(self.probe, head=head, layers=chosen, options=own, multilabel=multilabel)
                for rate in self.learning_rates or (None,):
                    name = f"{head}-{choice}" + (f"-{rate:g}" if rate is not None else "")
                    rated = config if rate is None else _with(config, learning_rate=rate)
                    if rated not in found.values():
                        found[name] = rated
        return found


def _with(config: ProbeConfig, **training: Any) -> ProbeConfig:
    return replace(config, training=replace(config.training, **training))


@dataclass(frozen=True)
class Part:
    """The examples of one fold: features, label names, units, and the names of the labels they are judged on.

    `names` differ between parts where training comes from another set: answers are cut down to each part's own.
    """

    examples: Examples
    labels: tuple[tuple[str, ...], ...]
    units: tuple[str, ...]
    names: tuple[str, ...]

    def take(self, rows: NDArray[np.int64]) -> Part:
        """Some of the examples."""
        pick = rows.tolist()
        labels, units = tuple(self.labels[row] for row in pick), tuple(self.units[row] for row in pick)
        return Part(self.examples.take(rows), labels, units, self.names)

    def membership(self) -> NDArray[np.bool_]:
        """(n, names) booleans; labels that are none of `names` are not judged."""
        number = {name: index for index, name in enumerate(self.names)}
        out = np.zeros((len(self.labels), len(self.names)), dtype=np.bool_)
        for row, found in enumerate(self.labels):
            out[row, [number[name] for name in found if name in number]] = True
        return out


def load_part(
    store: FeatureStore, table: pl.DataFrame, fold: str, names: tuple[str, ...], frames: int | None
) -> Part | None:
    """The examples of `table` (EXAMPLES) in one fold, with their features; None where the fold has none."""
    chosen = table.filter(pl.col("fold") == fold)
    if chosen.is_empty():
        return None
    events = chosen.with_columns(pl.lit(None, dtype=pl.Int32).alias("channel"))
    found = gather(store, events, frames=frames)
    labels = tuple(tuple(names) for names in found.table["labels"].to_list())
    return Part(found, labels, tuple(found.table["unit"].to_list()), names)


def with_validation(train: Part, validation: Part | None) -> tuple[Part, Part]:
    """(training part, validation part); without one, whole units, about a fifth, are taken from training (seed 0).

    Raises DataError where no unit can be spared.
    """
    if validation is not None:
        return train, validation
    targets = train.membership().astype(np.float32)
    held = validation_rows(list(train.units), targets, 0.2, seed=0)
    if not held.any():
        groups = [str(row) for row in range(len(train.labels))]
        held = validation_rows(groups, targets, 0.2, seed=0)
    if not held.any() or held.all():
        raise DataError("no example can be held out of training for the choice", where="bench")
    return train.take(np.flatnonzero(~held)), train.take(np.flatnonzero(held))


def run_probes(parts: Mapping[str, Part], described: BenchmarkSet, config: BenchConfig, out: Path) -> dict[str, Any]:
    """Fit every candidate, pick on validation, write OUT/choice.json, then score the test part; see `results` keys.

    Fits are kept in OUT/fits by content: running again fits only what is not there. `parts`: train, test and perhaps
    validation. Returns {"probes": {name: {metric: Estimate}}, "picked": name, "validation": {name: value},
    "gains": {"A - B": PairedMean}, "configs"}; the picked one stands under its own name. Raises DataError where parts
    hold too little.
    """
    train, validation = with_validation(parts[TRAIN], parts.get(VALIDATION))
    test = parts[TEST]
    metrics = [name for name in described.metrics if name in METRIC_NAMES]
    candidates = config.candidates(described.multilabel, train.examples.layers)
    fits = _Fits(out / "fits", train, validation, described.multilabel, config.seeds)
    scores = {name: fits.validation(candidate) for name, candidate in candidates.items()}
    judged = {name: _measured(metrics[0], validation, each, described) for name, each in scores.items()}
    picked = max(judged, key=lambda name: judged[name])
    write_json(out / "choice.json", {"picked": picked, "metric": metrics[0], "validation": judged})
    given = {name: fits.test(candidate, test) for name, candidate in candidates.items()}
    estimates = {
        name: {each: estimated(each, test, scores, described) for each in metrics} for name, scores in given.items()
    }
    pairs = [pair for pair in config.compare if set(pair) <= set(given)]
    gains = {f"{a} - {b}": _gain(metrics[0], test, (given[a], given[b]), described) for a, b in pairs}
    return {
        "gains": {name: gain for name, gain in gains.items() if gain},
        "probes": {name: {each: row for each, row in found.items() if row} for name, found in estimates.items()},
        "picked": picked,
        "validation": judged,
        "configs": {name: to_plain(candidate) for name, candidate in candidates.items()},
    }


METRIC_NAMES = ("accuracy", "balanced_accuracy", "map", "cmap", "auroc", "top1")


def _arguments(metric: str, part: Part, scores: NDArray[np.float32], multilabel: bool) -> tuple[Any, Any]:
    truth = part.membership()
    if multilabel:
        return truth, scores
    numbers = truth.argmax(axis=1)
    return numbers, scores if get_metric(metric).takes == "scores" else scores.argmax(axis=1)


def _measured(metric: str, part: Part, scores: NDArray[np.float32], described: BenchmarkSet) -> float:
    return measure(metric, *_arguments(metric, part, scores, described.multilabel))


def estimated(metric: str, part: Part, scores: NDArray[np.float32], described: BenchmarkSet) -> Estimate | None:
    """None where these examples do not define the metric."""
    truth, given = _arguments(metric, part, scores, described.multilabel)
    try:
        return estimate(metric, truth, given, groups=list(part.units), unit_name=described.unit_name)
    except DataError:
        return None


def _gain(
    metric: str, part: Part, given: tuple[NDArray[np.float32], NDArray[np.float32]], described: BenchmarkSet
) -> PairedMean | None:
    """None where these examples do not define the metric."""
    (truth, first), (_, second) = (_arguments(metric, part, scores, described.multilabel) for scores in given)
    try:
        return paired_mean(metric, truth, [(first, second)], groups=list(part.units))
    except DataError:
        return None


class _Fits:
    """Fits of candidates, each kept in one file by what it was fitted to."""

    def __init__(self, folder: Path, train: Part, validation: Part, multilabel: bool, seeds: int) -> None:
        self._folder, self._multilabel, self._seeds = folder, multilabel, seeds
        self._train, self._validation = train, validation
        self._cached = CachedExamples(train.examples)
        known = {name for names in train.labels for name in names}
        kept = [row for row, names in enumerate(validation.labels) if multilabel or set(names) <= known]
        if not kept:
            raise DataError("no validation example has a label that is trained on", where="bench")
        watched = validation.take(np.asarray(kept, dtype=np.int64))
        names = [tuple(name for name in names if name in known) for names in watched.labels]
        self._watched = CachedExamples(watched.examples), self._targets(names)
        self._identity = [
            [part.examples.table["event_id"].to_list(), part.labels, part.units, part.names]
            for part in (train, validation)
        ]
        self._stores = [part.examples.store_digest for part in (train, validation)]

    def _targets(self, names: Sequence[tuple[str, ...]]) -> Any:
        return [list(each) for each in names] if self._multilabel else [each[0] for each in names]

    def _files(self, config: ProbeConfig, seed: int) -> tuple[ProbeConfig, Path, Path]:
        seeded = _with(config, seed=config.training.seed + seed)
        key = digest([self._identity, self._stores, to_plain(seeded), tymbal.__version__])
        return seeded, self._folder / f"{key}.probe.safetensors", self._folder / f"{key}.safetensors"

    def _probe(self, config: ProbeConfig, seed: int) -> Probe:
        seeded, probe_file, _ = self._files(config, seed)
        if probe_file.is_file():
            return Probe.load(probe_file)
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # one thread sums in one order everywhere
        try:
            groups = list(self._train.units)
            probe = Probe(seeded).fit(
                self._cached, self._targets(self._train.labels), validation=self._watched, groups=groups
            )
        finally:
            torch.set_num_threads(threads)
        probe.save(probe_file)
        return probe

    def validation(self, config: ProbeConfig) -> NDArray[np.float32]:
        """Scores (n, labels) of the validation part, the mean over seeds."""
        found = []
        for seed in range(self._seeds):
            _, _, file = self._files(config, seed)
            if not file.is_file():
                scores = self._scores(self._probe(config, seed), self._validation)
                write_tensors(file, {"validation": torch.from_numpy(scores)}, {})
            found.append(read_tensors(file, mend=_MEND)[0]["validation"].numpy())
        return np.asarray(np.mean(found, axis=0), dtype=np.float32)

    def test(self, config: ProbeConfig, part: Part) -> NDArray[np.float32]:
        """Scores (n, labels) of the test part, the mean over seeds."""
        found = [self._scores(self._probe(config, seed), part) for seed in range(self._seeds)]
        return np.asarray(np.mean(found, axis=0), dtype=np.float32)

    def _scores(self, probe: Probe, part: Part) -> NDArray[np.float32]:
        """In the order of the part's names: answers for others are cut away, a label never trained on scores 0."""
        return cut_down(probe.predict_proba(part.examples), probe.labels_, part.names)


def cut_down(scores: NDArray[np.float32], have: Sequence[str], want: Sequence[str]) -> NDArray[np.float32]:
    """Columns `want` of scores (n, have): answers for other labels are cut away, labels not among `have` score 0."""
    number = {name: index for index, name in enumerate(have)}
    out = np.zeros((len(scores), len(want)), dtype=np.float32)
    kept = [index for index, name in enumerate(want) if name in number]
    out[:, kept] = scores[:, [number[want[index]] for index in kept]]
    return out
