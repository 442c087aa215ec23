"""What a study leaves behind: run.toml, results.json, predictions.parquet, the picked probes, the log of test reads."""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import tymbal
from tymbal.config import digest, dumps, to_plain
from tymbal.corpus import Corpus, Finding
from tymbal.errors import DataError, UsageError
from tymbal.features import FeatureStore
from tymbal.jobs import only_writer, write_bytes, write_json, write_text, write_through
from tymbal.probes.config import ProbeConfig
from tymbal.probes.study.config import BASELINE, StudyConfig
from tymbal.probes.study.fits import Fit, FitFolder, FitResult
from tymbal.probes.study.nesting import Choice
from tymbal.probes.study.results import (
    METRICS,
    SET_METRICS,
    Scored,
    difference,
    gather,
    layer_weights,
    metrics_of,
    predictions,
)
from tymbal.probes.study.task import Task

RUN, RESULTS, PREDICTIONS, READINGS = "run.toml", "results.json", "predictions.parquet", "test_reads.jsonl"
SELECTED = "selected"


@dataclass(frozen=True)
class Outcome:
    """A study that has been fitted: its task, settings, probes with the baseline, inner and test fits, and choices.

    `earlier` : how many other studies read these test folds before.
    """

    task: Task
    config: StudyConfig
    probes: Mapping[str, ProbeConfig]
    inner: Mapping[Fit, FitResult]
    tested: Mapping[Fit, FitResult]
    choices: Mapping[str, Choice]
    earlier: int = 0

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metric that choices are made by, then the others."""
        others = SET_METRICS if self.task.multilabel else METRICS
        # the best of one label is that label, so top-1 says nothing there
        single = self.task.multilabel and len(self.task.labels) == 1
        return tuple(dict.fromkeys((self.config.metric, *(name for name in others if not (single and name == "top1")))))

    def scored(self, probe: str) -> Scored:
        """Test scores of one probe, or with SELECTED of the probe picked for each fold."""
        chosen = {fold: choice.probe if probe == SELECTED else probe for fold, choice in self.choices.items()}
        return gather(self.task, self.tested, chosen)


def claim(out: Path, config: StudyConfig, identity: str, corpus: Corpus, store: FeatureStore) -> None:
    """Write run.toml, or check that the one in `out` belongs to this study. Raises UsageError where it does not."""
    path = out / RUN
    if path.exists():
        try:
            found = tomllib.loads(path.read_text(encoding="utf-8")).get("identity")
        except (tomllib.TOMLDecodeError, UnicodeDecodeError):
            found = None
        if found != identity:
            raise UsageError(
                "this folder holds a study with other settings, examples or features",
                where=out,
                mend="Give another folder with -o, or delete this one.",
            )
        return
    content = {
        "identity": identity,
        "tymbal_version": tymbal.__version__,
        "corpus": corpus.path.resolve().as_posix(),
        "store": store.path.resolve().as_posix(),
        "study": config,
    }
    write_text(path, dumps(content))


def log_reading(corpus: Path, config: StudyConfig, task: Task, identity: str) -> int:
    """Note in the corpus that this study reads these test folds; returns how many other studies read them before.

    One line per study, however often it is resumed. Studies of other labels or splits of the corpus do not count.
    Raises DataError for a line that is no such note.
    """
    with only_writer(corpus, wait_s=60.0):  # studies of one corpus may run side by side, and each adds its line
        return _log_reading(corpus / READINGS, config, task, identity)


def _log_reading(path: Path, config: StudyConfig, task: Task, identity: str) -> int:
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    readings = [_reading(line, number, path) for number, line in enumerate(lines, 1) if line.strip()]
    same = [r["study"] for r in readings if (r["label"], r["split"], r["where"]) == _tested(config)]
    if identity in same:
        return same.index(identity)
    label, split, where = _tested(config)
    row = {"label": label, "split": split, "where": where, "study": identity, "examples": len(task.reference)}
    write_text(path, "".join(f"{json.dumps(each, sort_keys=True)}\n" for each in [*readings, row]))
    return len(same)


def _reading(line: str, number: int, path: Path) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except json.JSONDecodeError:
        row = None
    if not isinstance(row, dict) or not {"label", "split", "where", "study"} <= row.keys():
        raise DataError(
            f"line {number} is not a note of a study",
            where=path,
            allowed="one JSON object a line with label, split, where, study",
            mend="Mend or delete this line; how often test folds were read is counted from the others.",
        )
    return dict(row)


def _tested(config: StudyConfig) -> tuple[str, str, str | None]:
    return config.label, config.split, config.where


def results_of(outcome: Outcome, corpus: Corpus, store: FeatureStore, findings: Sequence[Finding]) -> dict[str, Any]:
    """What results.json holds; plain values only."""
    task, config = outcome.task, outcome.config
    probes = {name: _probe_row(outcome, name, store.layers) for name in outcome.probes}
    selected, _ = metrics_of(task, outcome.scored(SELECTED), outcome.metrics)
    return {
        "task": {
            "label": config.label,
            "scheme": config.split,
            "where": config.where,
            "unit_name": task.unit_name,
            "labels": list(task.labels),
            "multilabel": task.multilabel,
            "examples": len(task.reference),
            "groups": len(set(task.groups.tolist())),
            "metrics": list(selected),
            "primary": config.metric,
        },
        "probes": probes,
        SELECTED: {
            "metrics": selected,
            "choices": {fold: choice.probe for fold, choice in outcome.choices.items()},
            "inner_scores": {fold: choice.scores for fold, choice in outcome.choices.items()},
        },
        "baseline": BASELINE if BASELINE in outcome.probes else None,
        "differences": _differences(outcome, store.layers),
        "provenance": _provenance(corpus, store),
        "audit": _audit_rows(task, findings),
        "test_reads": _reads(outcome),
    }


def _probe_row(outcome: Outcome, name: str, stored: tuple[str, ...]) -> dict[str, Any]:
    estimates, seeds = metrics_of(outcome.task, outcome.scored(name), outcome.metrics)
    config = outcome.probes[name]
    return {
        "config": to_plain(config),
        "metrics": estimates,
        "seeds": seeds,
        "layer_weights": layer_weights(outcome.tested, name, config, stored),
        "chosen_folds": [fold for fold, choice in outcome.choices.items() if choice.probe == name],
        "notes": {
            fit.fold: fitted.notes for fit, fitted in outcome.tested.items() if fit.probe == name and not fit.seed
        },
    }


def _differences(outcome: Outcome, layers: tuple[str, ...]) -> list[dict[str, Any]]:
    """Selected and every candidate against the baseline; all layers against the last of probes otherwise alike."""
    scored = {name: outcome.scored(name) for name in (SELECTED, *outcome.probes)}
    pairs = []
    if BASELINE in scored:
        pairs += [(name, BASELINE) for name in scored if name != BASELINE]
    bare = {name: digest(replace(config, layers=())) for name, config in outcome.probes.items()}
    every = [name for name, config in outcome.probes.items() if config.layers == layers and len(layers) > 1]
    last = {bare[name]: name for name, config in outcome.probes.items() if config.layers == layers[-1:]}
    pairs += [(name, last[bare[name]]) for name in every if bare[name] in last]
    metrics = dict.fromkeys((outcome.config.metric, "cmap" if outcome.task.multilabel else "accuracy"))
    return [difference(outcome.task, (a, scored[a]), (b, scored[b]), metric) for a, b in pairs for metric in metrics]


def _provenance(corpus: Corpus, store: FeatureStore) -> dict[str, Any]:
    import torch

    manifest = store.manifest
    layers = [
        {
            "name": layer.name,
            "dim": layer.dim,
            "bands": layer.bands,
            "grid": {str(rate): _finite(grid.to_dict()) for rate, grid in layer.grids.items()},
        }
        for layer in manifest.layers
    ]
    return {
        "encoder": manifest.parameters.get("encoder"),
        "encoder_checksum": manifest.encoder_checksum,
        "encoder_config": to_plain(manifest.encoder_config),
        "features": to_plain(manifest.parameters),
        "store_digest": manifest.store_digest,
        "corpus_digest": corpus.digest,
        "layers": layers,
        "tymbal_version": tymbal.__version__,
        "torch_version": torch.__version__,
    }


def _finite(grid: dict[str, float]) -> dict[str, float | None]:
    return {name: value if abs(value) < float("inf") else None for name, value in grid.items()}


def _audit_rows(task: Task, findings: Sequence[Finding]) -> list[dict[str, str]]:
    rows = [{"code": finding.code, "severity": finding.severity, "message": finding.message} for finding in findings]
    return rows + [{"code": code, "severity": severity, "message": message} for code, severity, message in task.notes]


def _reads(outcome: Outcome) -> list[dict[str, Any]]:
    """One row per test fold: when it was read (after the choice), for which probes, how often before by others."""
    return [
        {
            "fold": fold,
            "examples": len(outcome.task.rows(fold)[1]),
            "picked_before_reading": choice.probe,
            "probes_scored": list(outcome.probes),
            "earlier_studies": outcome.earlier,
        }
        for fold, choice in outcome.choices.items()
    ]


def write_run(out: Path, outcome: Outcome, results: Mapping[str, Any], folder: FitFolder) -> None:
    """predictions.parquet, probe_FOLD.safetensors (the picked probe, seed 0) and, last of all, results.json."""
    table = predictions(outcome.task, outcome.tested)
    write_through(out / PREDICTIONS, lambda file: table.write_parquet(file, compression="zstd", statistics=False))
    files = probe_files(list(outcome.choices))
    for fit in outcome.tested:
        if fit.seed == 0 and outcome.choices[fit.fold].probe == fit.probe:
            kept = folder.probe_file(folder.plan("", [fit]).shards[0])
            write_bytes(out / files[fit.fold], kept.read_bytes())
    write_json(out / RESULTS, results)


def probe_files(folds: Sequence[str]) -> dict[str, str]:
    """The file of each fold's probe, probe_FOLD.safetensors; no two folds share one, however they are spelled.

    A fold whose name holds letters that file names cannot, or differs from another in case alone, has a digest added.
    """
    shared = Counter(fold.casefold() for fold in folds)
    files = {}
    for fold in folds:
        name = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in fold)
        if name != fold or shared[fold.casefold()] > 1:
            name = f"{name}-{digest(fold, length=8)}"
        files[fold] = f"probe_{name}.safetensors"
    return files
