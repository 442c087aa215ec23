"""A benchmark from its folder to a table: verify, make corpora, embed, probe, and published numbers beside ours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tymbal
from tymbal.benchmarks.boxes.layout import BoxSet
from tymbal.benchmarks.boxes.page import page as box_page
from tymbal.benchmarks.boxes.run import BoxesConfig, run_boxes
from tymbal.benchmarks.boxes.sets import FAMILY as BOXES
from tymbal.benchmarks.corpora import Prepared, to_corpus
from tymbal.benchmarks.dataset import FOLDS, TEST, TRAIN, VALIDATION, BenchmarkSet, Contents
from tymbal.benchmarks.embeddings import CLUSTERING_NAMES, embedding_scores
from tymbal.benchmarks.registry import benchmark_sets
from tymbal.benchmarks.results import write_results
from tymbal.benchmarks.runner import METRIC_NAMES, BenchConfig, Part, load_part, run_probes
from tymbal.benchmarks.verify import Verification, verify
from tymbal.config import to_plain
from tymbal.encoders import Encoder
from tymbal.errors import NothingDoneError, TymbalError, UsageError
from tymbal.evaluation import RETRIEVAL
from tymbal.features import FeatureStore, embed
from tymbal.jobs import Progress, write_json

RESULT = "result.json"


@dataclass(frozen=True)
class BenchOutcome:
    """What a run came to: what was found of every set, results of those that ran, and sets that failed and why."""

    benchmark: str
    verified: tuple[Verification, ...]
    results: dict[str, dict[str, Any]]
    failures: tuple[tuple[str, str], ...]


def run_benchmark(
    benchmark: str,
    data: Path,
    encoder: Encoder,
    out: Path,
    *,
    sets: Sequence[str] = (),
    config: BenchConfig | BoxesConfig | None = None,
    workers: int | None = 1,
    progress: Progress | None = None,
) -> BenchOutcome:
    """Run every set of a benchmark that is there, and write OUT/results.md, .parquet and .json.

    `config` is a BoxesConfig for the benchmark "boxes", whose sets are for detectors; else a BenchConfig.

    Everything is kept per set in OUT/SET (corpus, store, fits): the same command goes on where it stopped. A set that
    fails leaves its reason among the failures and the others go on. Raises NothingDoneError where no set is ready,
    with the mend of the first.
    """
    boxes = benchmark == BOXES
    kind = BoxesConfig if boxes else BenchConfig
    config = config or kind()
    if not isinstance(config, kind):
        raise UsageError(f"{type(config).__name__} for {benchmark}", parameter="config", allowed=kind.__name__)
    slowed = isinstance(config, BoxesConfig) and config.slowed
    if isinstance(config, BoxesConfig):
        config.check()
    chosen = benchmark_sets(benchmark, sets)
    verified = tuple(verify(data, asked(described, slowed=slowed)) for described in chosen)
    ready = [found for found in verified if found.ready]
    if not ready:
        first = verified[0].departures[0]
        raise NothingDoneError(
            f"none of {len(verified)} sets of {benchmark} can be run; the first: {first.message}",
            where=data,
            mend=first.mend,
        )
    if isinstance(config, BoxesConfig):
        results, failures = run_boxes(ready, encoder, out, config=config, workers=workers, progress=progress)
    else:
        results, failures = run_sets(ready, data, encoder, out, config=config, workers=workers, progress=progress)
    write_results(out, benchmark, verified, results, failures, page=box_page if boxes else None)
    return BenchOutcome(benchmark, verified, results, failures)


def asked(described: BenchmarkSet, *, slowed: bool) -> BenchmarkSet:
    """The set as it is to be looked for: in its folder of slowed copies first, where it has one and `slowed`."""
    return described.slowed_first() if slowed and isinstance(described, BoxSet) else described


def run_sets(
    ready: Sequence[Verification],
    data: Path,
    encoder: Encoder,
    out: Path,
    *,
    config: BenchConfig,
    corpora: Path | None = None,
    layers: str | tuple[str, ...] = "all",
    workers: int | None = 1,
    progress: Progress | None = None,
) -> tuple[dict[str, dict[str, Any]], tuple[tuple[str, str], ...]]:
    """Run sets that are ready: ({set: its result}, ((set, why it failed), ...)). Published numbers are not looked at.

    corpora : where the sets' corpora are kept, OUT if None; several encoders may share them. layers : that are stored.
    """
    results: dict[str, dict[str, Any]] = {}
    failures = []
    steps = _Steps(encoder, config, workers, progress, data, out, corpora or out, layers)
    for found in ready:
        described = found.described
        try:
            results[described.name] = _run_set(found, steps)
        except TymbalError as error:
            failures.append((described.name, str(error)))
    return results, tuple(failures)


def _run_set(found: Verification, steps: _Steps) -> dict[str, Any]:
    described = found.described
    out = steps.out / described.name
    prepared, store = steps.features(described, found.contents)
    parts = steps.parts(prepared, store, FOLDS)
    for other, fold, place in ((described.train_on, TRAIN, TRAIN), (described.pick_on, TEST, VALIDATION)):
        if other is not None:
            part = steps.parts(*steps.lean(other), (fold,))
            parts[place] = part[fold]
    row: dict[str, Any] = {
        "set": described.name,
        "metrics": list(described.metrics),
        "unit_name": described.unit_name,
        "counts": found.counts,
        "official": found.official,
        "departures": [to_plain(each) for each in found.departures],
        "certain": described.certain,
        "remark": described.remark,
        "labels": len(prepared.labels),
        "tymbal_version": tymbal.__version__,
        "encoder": store.manifest.parameters.get("encoder"),
        "encoder_checksum": store.manifest.encoder_checksum,
        "store_digest": store.manifest.store_digest,
        "layer": store.layers[-1],
        "embedding": {},
    }
    row |= _scores(parts, described, steps.config, out, store.layers[-1])
    write_json(out / RESULT, row)
    return row


@dataclass(frozen=True)
class _Steps:
    """From a set's folder to its features, and from these to parts; the same for a set and for those it leans on."""

    encoder: Encoder
    config: BenchConfig
    workers: int | None
    progress: Progress | None
    data: Path
    out: Path
    corpora: Path
    layers: str | tuple[str, ...]
    leant: dict[str, tuple[Prepared, FeatureStore]] = field(default_factory=dict)

    def lean(self, other: BenchmarkSet) -> tuple[Prepared, FeatureStore]:
        """The features of a set that others lean on, made once in a run."""
        if other.name not in self.leant:
            self.leant[other.name] = self.features(other, None)
        return self.leant[other.name]

    def features(self, described: BenchmarkSet, contents: Contents | None) -> tuple[Prepared, FeatureStore]:
        """Make, or take up again, corpus and store of one set."""
        place = self.corpora / described.name
        prepared = to_corpus(
            self.data, described, place, contents=contents, workers=self.workers, progress=self.progress
        )
        store = embed(
            prepared.used,
            self.encoder,
            self.out / described.name / "store",
            layers=self.layers,
            segment_s=segment_s(described),
            workers=self.workers,
            progress=self.progress,
        )
        return prepared, store

    def parts(self, prepared: Prepared, store: FeatureStore, folds: Sequence[str]) -> dict[str, Part]:
        """The folds that have examples."""
        loaded = {
            fold: load_part(store, prepared.examples, fold, prepared.labels, self.config.frames) for fold in folds
        }
        return {fold: part for fold, part in loaded.items() if part is not None}


def _scores(
    parts: dict[str, Part], described: BenchmarkSet, config: BenchConfig, out: Path, layer: str
) -> dict[str, Any]:
    row: dict[str, Any] = {"probes": {}, "picked": None, "gains": {}}
    if set(described.metrics) & set(METRIC_NAMES) and {TRAIN, TEST} <= set(parts):
        row = run_probes(parts, described, config, out)
        row["probes"] = {name: to_plain(each) for name, each in row["probes"].items()}
        row["gains"] = {name: to_plain(each) for name, each in row["gains"].items()}
    if set(described.metrics) & {*RETRIEVAL, *CLUSTERING_NAMES}:
        row["embedding"] = to_plain(embedding_scores(parts, described, layer))
    return row


def segment_s(described: BenchmarkSet) -> float:
    """Units to embed: whole short clips; for windows a multiple of the hop, so that windows fall on unit bounds."""
    if described.window_s and described.hop_s:
        return max(described.window_s, 10.0)
    if described.multilabel:
        return 5.0  # BirdSet
    return min(max(described.max_s or 10.0, 1.0), 10.0)
