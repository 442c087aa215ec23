"""What a sweep would do, before it does it: studies, probes, fits, and about how long all that takes."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import polars as pl
import torch

from tymbal.corpus import Corpus
from tymbal.encoders.contract import Encoder
from tymbal.errors import StoreError, TymbalError, UsageError
from tymbal.features import Examples, FeatureStore
from tymbal.features.settings import EmbedConfig, layout
from tymbal.jobs import make_executor
from tymbal.probes.config import ProbeConfig
from tymbal.probes.pooling import CachedExamples
from tymbal.probes.probe import Probe
from tymbal.probes.study import BASELINE
from tymbal.probes.study.fits import Fit
from tymbal.probes.study.nesting import inner_fits, test_fits
from tymbal.probes.study.task import Task, study_table, task_of
from tymbal.probes.sweep.config import SweepEncoder, SweepPlan, SweepTask
from tymbal.probes.sweep.grid import count, expand
from tymbal.probes.sweep.places import store_folder, study_folder
from tymbal.probes.sweep.stores import open_entry

_NOISE = 64  # examples that one fit is timed on
_SOUND_S = 10.0  # seconds of noise that an encoder is timed on


@dataclass(frozen=True)
class StudyOutline:
    """One study of a sweep.

    embedded : its store is finished. audio_s : sound to embed where it is not. probes : rows of the table.
    inner, tested : fits inside the training folds, and to all training folds. kept : fits finished in earlier runs.
    embed_cpu_s, fit_cpu_s : estimates, of all fits together.
    """

    task: str
    encoder: str
    embedded: bool
    audio_s: float
    layers: int
    examples: int
    labels: int
    folds: int
    units: int
    probes: int
    inner: int
    tested: int
    kept: int
    embed_cpu_s: float
    fit_cpu_s: float


@dataclass(frozen=True)
class SweepOutline:
    """All studies of a plan, and what could not be looked into: (task × encoder, reason)."""

    studies: tuple[StudyOutline, ...]
    workers: int
    failures: tuple[tuple[str, str], ...] = ()

    @property
    def seconds(self) -> float:
        """About how long everything takes that was not done before."""
        embed = sum(each.embed_cpu_s for each in self.studies)
        fits = sum(each.fit_cpu_s * (1 - min(1, each.kept / (each.inner + each.tested))) for each in self.studies)
        return (embed + fits) / self.workers


@dataclass(frozen=True)
class _Layers:
    """What probes will see: width and hop in seconds of each layer, and CPU seconds per second of sound."""

    widths: dict[str, int]
    hops_s: dict[str, float]
    embedded: bool
    cost: float


def outline_sweep(plan: SweepPlan, out: str | Path, *, workers: int | None = 1) -> SweepOutline:
    """Look at corpora, splits and encoders, count the fits, and time one of each kind on noise.

    Times are rough: probes stop when they stop. What cannot be looked into (weights that are not there) is listed.
    """
    plan.check()
    out, timed = Path(out), _Timer()
    studies: list[StudyOutline] = []
    failures: list[tuple[str, str]] = []
    costs: dict[tuple[str, str], _Layers] = {}
    for task in plan.tasks:
        for entry in plan.encoders:
            try:
                corpus = Corpus.open(task.corpus)
                place = (entry.title, task.corpus)
                fresh = place not in costs
                if fresh:
                    costs[place] = _look(entry, corpus, store_folder(out, entry, corpus))
                studies.append(_study(plan, task, entry, corpus, costs[place], study_folder(out, task, entry), timed))
                if not fresh:  # one pass serves all tasks of a corpus
                    studies[-1] = replace(studies[-1], embed_cpu_s=0.0)
            except UsageError:
                raise
            except TymbalError as error:
                failures.append((f"{task.title} × {entry.title}", str(error)))
    return SweepOutline(tuple(studies), make_executor(workers).workers, tuple(failures))


def _look(entry: SweepEncoder, corpus: Corpus, folder: Path) -> _Layers:
    try:
        store = FeatureStore.open(entry.store or folder)
    except StoreError:
        if entry.store is not None:
            raise
    else:
        layers = store.manifest.layers
        hops = {each.name: next(iter(each.grids.values())).hop_s for each in layers}
        return _Layers({each.name: each.width for each in layers}, hops, True, 0.0)
    encoder = open_entry(entry).encoder
    config = EmbedConfig(**entry.embed)
    rate = encoder.sample_rate or config.sample_rate_hz or int(corpus.recordings["sample_rate_hz"].drop_nulls()[0])
    specs = layout(encoder, config, rate).layers
    cost = _encoding_cost(encoder.at_rate(rate), rate, min(_SOUND_S, config.segment_s))
    hops = {spec.name: spec.grid.hop_s for spec in specs}
    return _Layers({spec.name: spec.dim * spec.bands for spec in specs}, hops, False, cost)


def _encoding_cost(encoder: Encoder, rate_hz: int, seconds: float) -> float:
    samples = max(encoder.min_samples, int(seconds * rate_hz))
    noise = torch.randn(1, samples, generator=torch.Generator().manual_seed(0)) * 0.1
    with torch.no_grad():
        encoder(noise[:, : max(encoder.min_samples, samples // 10)])  # the first call builds what later ones reuse
        began = time.process_time()
        encoder(noise)
    return (time.process_time() - began) / (samples / rate_hz)


def _study(
    plan: SweepPlan,
    task: SweepTask,
    entry: SweepEncoder,
    corpus: Corpus,
    layers: _Layers,
    folder: Path,
    timed: _Timer,
) -> StudyOutline:
    entries = expand(plan, entry.title, tuple(layers.widths))
    probes = {name: each.config for name, each in entries.items()}
    config = plan.study(task, probes)
    table, notes = study_table(corpus, config)
    found = task_of(_blank(table), config, notes)
    probes = {name: replace(probe, multilabel=task.multilabel) for name, probe in probes.items()}
    inner = inner_fits(found, probes, config.inner_folds, keep_validation=config.keep_validation)
    baseline = config.baseline(tuple(layers.widths))
    every = probes | ({} if baseline is None else {BASELINE: baseline})
    tested = test_fits(found, every, config.seeds, keep_validation=config.keep_validation)
    bins = _bins(corpus, table, layers, plan.frames)
    audio_s = float(corpus.recordings["duration_s"].sum() or 0.0)
    scores = [path for path in folder.glob("fits/*.safetensors") if not path.name.endswith(".probe.safetensors")]
    return StudyOutline(
        task=task.title,
        encoder=entry.title,
        embedded=layers.embedded,
        audio_s=audio_s,
        layers=len(layers.widths),
        examples=table.height,
        labels=len(found.labels),
        folds=len(found.test_folds),
        units=len(set(found.units.tolist())),
        probes=count(plan, entries) + (baseline is not None),
        inner=len(inner),
        tested=len(tested),
        kept=len(scores),
        embed_cpu_s=audio_s * layers.cost,
        fit_cpu_s=_fit_seconds(inner + tested, found, layers.widths, bins, timed),
    )


def _blank(table: pl.DataFrame) -> Examples:
    """Examples without values: enough to deal out folds."""
    n = table.height
    return Examples({"": np.zeros((n, 1, 0), np.float32)}, {"": np.ones((n, 1), np.bool_)}, table)


def _bins(corpus: Corpus, table: pl.DataFrame, layers: _Layers, frames: int) -> int:
    """Frames of an example as probes will see it: of the finest layer, pooled."""
    durations = table.join(corpus.recordings.select("recording", "duration_s"), on="recording", how="left", suffix="_")
    seconds = (pl.col("offset_s") - pl.col("onset_s")).fill_null(pl.col("duration_s")).max()
    longest = float(durations.select(seconds).item() or 1.0)
    whole = max(1, math.ceil(longest / min(layers.hops_s.values())))
    return min(frames, whole) if frames else whole


def _fit_seconds(fits: list[Fit], task: Task, widths: Mapping[str, int], bins: int, timed: _Timer) -> float:
    kinds = Counter((fit.probe, len(fit.train)) for fit in fits)
    configs = {fit.probe: fit.config for fit in fits}
    total = 0.0
    for (name, rows), times in kinds.items():
        dims = tuple(widths[layer] for layer in configs[name].layers)
        total += times * rows * timed.seconds(configs[name], dims, bins, len(task.labels))
    return total


@dataclass
class _Timer:
    """CPU seconds per training example of one fit, each kind of probe timed once."""

    known: dict[str, float] = field(default_factory=dict)

    def seconds(self, config: ProbeConfig, dims: tuple[int, ...], bins: int, labels: int) -> float:
        """Of a fit with all its epochs, twice the patience of them where it may stop early."""
        from tymbal.config import digest

        same = replace(config, layers="all", training=replace(config.training, learning_rate=1e-3, seed=0))
        key = digest([same, dims, bins, labels])
        if key not in self.known:
            self.known[key] = _time_fit(same, dims, bins, labels)
        return self.known[key]


def _time_fit(config: ProbeConfig, dims: tuple[int, ...], bins: int, labels: int) -> float:
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    n, random = max(_NOISE, 2 * labels), np.random.default_rng(0)
    features = {
        f"{number}": random.standard_normal((n, bins, dim)).astype(np.float32) for number, dim in enumerate(dims)
    }
    masks = {name: np.ones((n, bins), dtype=np.bool_) for name in features}
    table = pl.DataFrame({"event_id": [str(row) for row in range(n)]})
    cached = CachedExamples(Examples(features, masks, table))
    names = [str(row % labels) for row in range(n)]
    training = config.training
    epochs = training.epochs if training.patience is None else min(training.epochs, 2 * training.patience)
    short = replace(config, training=replace(training, epochs=2, patience=None))
    given = [[name] for name in names] if config.multilabel else names
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            Probe(replace(short, training=replace(short.training, epochs=1))).fit(cached, given)  # pools once
            began = time.process_time()
            fitted = Probe(short).fit(cached, given)
            spent = time.process_time() - began
    finally:
        torch.set_num_threads(threads)
    return spent / n * (epochs / 2 if "epochs" in fitted.notes_ else 1)
