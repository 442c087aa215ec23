"""A realistic RUN directory with its corpus: synthetic calls, predictions and the results that follow from them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import soundfile

from tymbal.annotations.tables import make_events
from tymbal.config import dumps
from tymbal.corpus.corpus import TABLES, write_head, write_table
from tymbal.evaluation import encode, estimate, paired_difference

PROBES = {
    "ridge-last": {"head": "ridge", "layers": "last"},
    "linear-last": {"head": "linear", "layers": "last"},
    "linear-all": {
        "head": "linear",
        "layers": ["mel", "pcen", "mfcc", "modulation"],
        "training": {"epochs": 60, "seed": 0},
    },
    "attention-all": {"head": "attention", "layers": ["mel", "pcen", "mfcc", "modulation"]},
}
SKILL = {"ridge-last": 0.9, "linear-last": 1.2, "linear-all": 1.9, "attention-all": 2.1}
LAYERS = ("mel", "pcen", "mfcc", "modulation")
TAKES = {"accuracy": "labels", "balanced_accuracy": "labels", "map": "scores", "auroc": "scores"}


def make_corpus(folder: Path, files: Sequence[tuple[str, int]], seed: int = 0) -> Path:
    """A corpus of short synthetic calls: (name, sample rate) each; corpus.toml as the real one has it."""
    random = np.random.default_rng(seed)
    root = folder / "recordings"
    for number, (name, rate) in enumerate(files):
        time_s = np.arange(int((0.5 if rate < 96_001 else 0.1) * rate)) / rate
        pitch = rate * (0.08 + 0.03 * (number % 5))
        call = np.sin(2 * np.pi * pitch * time_s * (1 + 0.4 * time_s)) * np.hanning(len(time_s))
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, 0.3 * call + 0.01 * random.normal(size=len(time_s)), rate, subtype="PCM_16")
    return write_corpus(folder / "corpus", root, [name for name, _ in files])


def write_corpus(out: Path, root: Path, names: Sequence[str]) -> Path:
    """The tables and the head of a corpus whose recordings lie under `root`."""
    out.mkdir(parents=True, exist_ok=True)
    tables = {name: pl.DataFrame(schema=schema) for name, schema in TABLES.items()}
    recordings = pl.DataFrame({"recording": list(names)})
    blank = [pl.lit(None, dtype=kind).alias(name) for name, kind in TABLES["recordings"].items() if name != "recording"]
    tables["recordings"] = recordings.with_columns(blank).select(list(TABLES["recordings"]))
    tables["events"] = make_events({"recording": list(names)})
    tables["failures"] = pl.DataFrame(
        {"item": ["bad/<b>torn</b>.wav"], "error": ["AudioError"], "message": ["no sound in it"], "trace": [""]}
    )
    for name, table in tables.items():
        write_table(out / f"{name}.parquet", table)
    write_head(out, root, {})
    return out


def make_predictions(rows: pl.DataFrame, labels: Sequence[str], seeds: Sequence[int] = (0, 1)) -> pl.DataFrame:
    """Predictions of every probe and seed for `rows` (event_id, recording, reference, group, fold, ...)."""
    truth = encode(rows["reference"].to_list(), labels)
    groups, group = np.unique(rows["group"].to_numpy(), return_inverse=True)
    tables = []
    for position, (probe, skill) in enumerate(SKILL.items()):
        for seed in seeds:
            random = np.random.default_rng([7, position, seed])
            logits = random.normal(size=(rows.height, len(labels)))
            logits += np.random.default_rng(5).normal(size=(len(groups), len(labels)))[group] * 0.9
            logits[np.arange(rows.height), truth] += skill
            scores = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
            said = [labels[number] for number in scores.argmax(axis=1)]
            extra = pl.DataFrame({"predicted": said, "scores": scores.tolist()})
            tables.append(
                pl.concat([rows, extra], how="horizontal").with_columns(
                    pl.lit(probe).alias("probe"), pl.lit(seed).alias("seed"), pl.col("group").alias("unit")
                )
            )
    return pl.concat(tables)


def measured(rows: pl.DataFrame, labels: Sequence[str], unit_name: str) -> dict[str, Any]:
    """Every metric of one set of predictions, as results.json holds them."""
    found = {}
    for metric, takes in TAKES.items():
        truth = rows["reference"].to_list() if takes == "labels" else encode(rows["reference"].to_list(), labels)
        given = rows["predicted"].to_list() if takes == "labels" else np.array(rows["scores"].to_list())
        found[metric] = asdict(
            estimate(metric, truth, given, groups=rows["group"].to_list(), unit_name=unit_name, resamples=200)
        )
    return found


def make_run(out: Path, rows: pl.DataFrame, labels: Sequence[str], *, corpus: Path | str, task: dict[str, Any]) -> Path:
    """Write a RUN directory as `tymbal probe` does: run.toml, results.json, predictions.parquet."""
    out.mkdir(parents=True, exist_ok=True)
    predictions = make_predictions(rows, labels)
    unit_name = task["unit_name"]
    first = predictions.filter(pl.col("seed") == 0)
    probes: dict[str, Any] = {}
    for name, config in PROBES.items():
        mine = predictions.filter(pl.col("probe") == name)
        shares = np.random.default_rng(len(name)).dirichlet(np.ones(len(LAYERS)))
        weights = {layer: [float(s), float(s * 0.8), float(s * 1.1)] for layer, s in zip(LAYERS, shares, strict=True)}
        probes[name] = {
            "config": config,
            "metrics": measured(mine.filter(pl.col("seed") == 0), labels, unit_name),
            "seeds": {
                "accuracy": [
                    float((part["reference"] == part["predicted"]).mean())
                    for _, part in sorted(mine.group_by("seed"), key=lambda pair: pair[0])
                ]
            },
            "layer_weights": weights if name.endswith("-all") else None,
            "chosen_folds": [],
        }
    folds = sorted(rows["fold"].unique())
    choices = {fold: "linear-all" if number % 3 == 2 else "attention-all" for number, fold in enumerate(folds)}
    chosen = pl.DataFrame({"fold": list(choices), "probe": list(choices.values())})
    selected = first.join(chosen, on=["fold", "probe"], how="semi").sort("event_id")
    baseline = first.filter(pl.col("probe") == "ridge-last").sort("event_id")
    pair = paired_difference(
        "accuracy",
        selected["reference"].to_list(),
        selected["predicted"].to_list(),
        baseline["predicted"].to_list(),
        groups=selected["group"].to_list(),
        unit_name=unit_name,
        resamples=200,
    )
    results = {
        "task": {
            "labels": list(labels),
            "examples": rows.height,
            "metrics": list(TAKES),
            "primary": "accuracy",
            **task,
        },
        "probes": probes,
        "selected": {
            "metrics": measured(selected, labels, unit_name),
            "choices": choices,
            "inner_scores": {fold: dict.fromkeys(PROBES, 0.4321) for fold in choices},
        },
        "baseline": "ridge-last",
        "differences": [{"a": "selected", "b": "ridge-last", "metric": "accuracy", **asdict(pair)}],
        "provenance": {
            "encoder": "spectral",
            "encoder_checksum": "b1946ac92492d2347c6235b4d2611184",
            "encoder_config": {"mels": 64},
            "store_digest": "591785b794601e212b260e25925636fd",
            "corpus_digest": "9a0364b9e99bb480dd25e1f0284c8555",
            "layers": [{"name": name, "dim": 64, "bands": 1, "grid": {"hop_s": 0.01}} for name in LAYERS],
            "tymbal_version": "0.1.0",
            "torch_version": "2.13.0+cpu",
        },
        "audit": [
            {"code": "leaky_split", "severity": "warning", "message": "A random split would share sessions <i>."},
            {"code": "duration", "severity": "note", "message": "Durations differ little between labels."},
        ],
        "test_reads": [{"fold": fold, "picked_before_reading": p, "earlier_studies": 2} for fold, p in choices.items()],
    }
    (out / "results.json").write_text(json.dumps(results, allow_nan=False), encoding="utf-8")
    (out / "run.toml").write_text(dumps({"probe": {"corpus": str(corpus), "seeds": [0, 1]}}), encoding="utf-8")
    predictions.write_parquet(out / "predictions.parquet")
    return out


def small_rows(
    labels: Sequence[str], recording: Callable[[int], str], *, count: int, units: int, timed: bool = True
) -> pl.DataFrame:
    """`count` examples over `units` units and 3 folds; the last label is never the reference when there are > 2."""
    used = list(labels)[: max(2, len(labels) - 1)]
    return pl.DataFrame(
        {
            "event_id": [f"e{number:03d}" for number in range(count)],
            "recording": [recording(number) for number in range(count)],
            "channel": pl.Series([None] * count, dtype=pl.Int32),
            "onset_s": [0.1 if timed else None] * count,
            "offset_s": [0.35 if timed else None] * count,
            "reference": [used[number % len(used)] for number in range(count)],
            "group": [f"s{number % units}" for number in range(count)],
            "fold": [str((number % units) % 3) for number in range(count)],
        },
        schema_overrides={"onset_s": pl.Float64, "offset_s": pl.Float64},
    )
