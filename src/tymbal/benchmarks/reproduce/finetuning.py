"""The study's upper bound: the whole encoder trained with a linear head on its last layer, by a set's own protocol."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

import tymbal
from tymbal.benchmarks.bench import segment_s
from tymbal.benchmarks.corpora import Prepared
from tymbal.benchmarks.dataset import FOLDS, TEST, TRAIN, VALIDATION, BenchmarkSet
from tymbal.benchmarks.reproduce.models import stored_layers
from tymbal.benchmarks.reproduce.preset import FINE_TUNING_RATE
from tymbal.benchmarks.runner import BenchConfig, Part, cut_down, estimated
from tymbal.config import digest, to_plain
from tymbal.encoders.contract import Encoder
from tymbal.features import FeatureStore
from tymbal.features import examples as gather
from tymbal.jobs import Progress
from tymbal.probes.finetuning import FinetuneConfig, FineTuned
from tymbal.training import read_tensors, write_tensors

_MEND = "Delete this file and run the same command again."


def tuning_config(described: BenchmarkSet, encoder: Encoder, config: BenchConfig) -> FinetuneConfig:
    """The paper's training with its rate for fine-tuning, for encoder and head alike."""
    probe = config.probe
    return FinetuneConfig(
        head="linear",
        layers=stored_layers(encoder)[-1:],
        options=config.options["linear"],
        multilabel=described.multilabel,
        statistics=probe.statistics,
        fusion=probe.fusion,
        fusion_options=probe.fusion_options,
        training=replace(probe.training, learning_rate=FINE_TUNING_RATE),
        mode="full",
        head_first=False,
        encoder_learning_rate=FINE_TUNING_RATE,
        segment_s=segment_s(described),
        frames=config.frames,
    )


def fine_tune(
    prepared: Prepared, encoder: Encoder, config: BenchConfig, out: Path, *, progress: Progress | None = None
) -> dict[str, Any]:
    """Train on the training fold, keep the best epoch on validation, score test once: {metric: Estimate as plain}.

    OUT is the set's folder of this encoder, with its store. Scores are kept in OUT/tuned by what decides them; while
    training lasts, so are its checkpoints, and the same call takes them up. Raises what `FineTuned.fit` raises.
    """
    described = prepared.described
    model = FineTuned(tuning_config(described, encoder, config))
    chosen = prepared.examples.filter(pl.col("fold").is_in(FOLDS))
    events = chosen.with_columns(pl.lit(None, dtype=pl.Int32).alias("channel"))
    sounds = model.sounds(prepared.used, events, encoder)
    table = events[sounds.rows]
    store = FeatureStore.open(out / "store")
    frozen = gather(store, table, layers=stored_layers(encoder)[-1:], frames=config.frames)
    rows = {fold: np.flatnonzero((table["fold"] == fold).to_numpy()) for fold in FOLDS}
    labels, units = table["labels"].to_list(), table["unit"].to_list()
    key = digest([table.rows(), encoder.checksum, to_plain(model.config), tymbal.__version__])
    file, checkpoints = out / "tuned" / f"{key}.safetensors", out / "tuned" / key
    if not file.is_file():
        model.fit(
            encoder,
            sounds,
            labels if described.multilabel else [names[0] for names in labels],
            groups=units,
            rows=rows[TRAIN],
            watch=rows[VALIDATION] if len(rows[VALIDATION]) else None,
            frozen=frozen,
            directory=checkpoints,
            progress=progress,
        )
        scores = cut_down(model.predict_proba(sounds, rows=rows[TEST]), model.labels_, prepared.labels)
        write_tensors(file, {"test": torch.from_numpy(scores)}, {})
        shutil.rmtree(checkpoints, ignore_errors=True)
    given: NDArray[np.float32] = read_tensors(file, mend=_MEND)[0]["test"].numpy()
    of_test = tuple(tuple(labels[row]) for row in rows[TEST])
    part = Part(frozen.take(rows[TEST]), of_test, tuple(units[row] for row in rows[TEST]), prepared.labels)
    return {each: to_plain(estimated(each, part, given, described)) for each in described.metrics}
