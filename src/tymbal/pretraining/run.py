"""Running a recipe: pictures in, an encoder's file out, resumable at any step."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tymbal.config import digest, from_plain, to_plain
from tymbal.encoders import load_encoder, save_encoder
from tymbal.encoders.pictures import PictureConfig, PictureEncoder
from tymbal.encoders.registry import config_type, encoder_class
from tymbal.errors import UsageError
from tymbal.jobs import Progress, only_writer
from tymbal.jobs.atomic import write_json
from tymbal.pretraining.augmentations import Augmented, create_augmentations
from tymbal.pretraining.crops import Crops
from tymbal.pretraining.objectives import Objective, create_objective
from tymbal.pretraining.objectives.contract import PictureBatch
from tymbal.pretraining.objectives.registry import objective_class
from tymbal.pretraining.recipe import Recipe
from tymbal.pretraining.sources import Source, labels_of, open_source
from tymbal.training import Batches, Loss, Parallel, TrainingReport, seeded, train

BEGUN, ENCODER, SUMMARY = "begun.json", "encoder.safetensors", "pretraining.json"


@dataclass(frozen=True)
class Pretrained:
    """What a run gave: the encoder's file, the reports of its stages, and the summary as it was written."""

    path: Path | None
    reports: tuple[TrainingReport, ...]
    summary: dict[str, Any]


def pretrain(
    recipe: Recipe,
    out: Path,
    *,
    base: Path = Path(),
    device: str = "cpu",
    stop: Callable[[int], bool] | None = None,
    parallel: Parallel | None = None,
    progress: Progress | None = None,
) -> Pretrained:
    """Train by a recipe into folder `out`; the same call goes on where one was stopped.

    Parameters
    ----------
    base : the folder that paths in the recipe are relative to.
    device : where the network is.
    stop, parallel, progress : as in `tymbal.training.train`.

    Returns
    -------
    Pretrained; its `path` is None where `stop` interrupted.

    Raises
    ------
    UsageError, ConfigError for a recipe that cannot be; DataError for sources that do not fit; TrainingError.
    """
    recipe.check()
    supervised = objective_class(recipe.objective).needs_labels
    sources = [open_source(each, base, labelled=supervised) for each in recipe.sources]
    labels = labels_of(sources) if supervised else ()
    objective = _objective(recipe, base, labels).to(device)
    picture: PictureConfig = objective.encoder.config.picture
    for source in sources:
        source.look(picture)
    crops = Crops(
        sources,
        frames=max(1, round(recipe.crop_s / picture.hop_s)),  # seconds as looked at: the same number for every rate
        examples=recipe.crops,
        labels=labels,
        device=device,
        replica=(0, 1) if parallel is None else (parallel.rank, parallel.size),
    )
    augmentations = create_augmentations(recipe.augmentations, picture)
    loss: Loss = _loss
    for each in augmentations:
        loss = each.wrap(loss, objective)
    batches = Augmented(crops, augmentations)
    _large_enough(recipe, objective, 1 if parallel is None else parallel.size)
    with only_writer(out) if parallel is None or parallel.rank == 0 else nullcontext():
        return _trained(
            recipe, sources, labels, objective, batches, loss, out, stop=stop, parallel=parallel, progress=progress
        )


def _trained(
    recipe: Recipe,
    sources: list[Source],
    labels: tuple[str, ...],
    objective: Objective,
    batches: Batches,
    loss: Loss,
    out: Path,
    *,
    stop: Callable[[int], bool] | None,
    parallel: Parallel | None,
    progress: Progress | None,
) -> Pretrained:
    """The stages one after the other, and what they leave in `out`."""
    _begin(recipe, sources, out)
    reports = []
    for name, trained, config in _stages(recipe, objective):
        for parameter in objective.parameters():
            parameter.requires_grad_(id(parameter) in trained)
        report = train(
            objective,
            batches,
            loss,
            config,
            directory=out / name,
            after_step=objective.after_step,
            stop=stop,
            parallel=parallel,
            progress=progress,
        )
        reports.append(report)
        if report.ended == "interrupted":
            return Pretrained(None, tuple(reports), {})
    summary = _summary(recipe, objective, sources, labels, reports)
    if parallel is None or parallel.rank == 0:
        save_encoder(objective.encoder, out / ENCODER)
        write_json(out / SUMMARY, summary)
    return Pretrained(out / ENCODER, tuple(reports), summary)


def _large_enough(recipe: Recipe, objective: Objective, replicas: int) -> None:
    """Refuse batches, the last of an epoch among them, of which a process gets too few examples."""
    size, least = min(recipe.training.batch_size, recipe.crops), objective.least_examples
    fewest = min(max(1, count // replicas) for count in (size, recipe.crops % size or size))
    if fewest < least:
        raise UsageError(
            f"{recipe.crops} crops in batches of {recipe.training.batch_size} leave a batch of {fewest}",
            where=f"objective {objective.name}",
            parameter="crops",
            allowed=f"{least} or more in every batch, and in every process",
            mend="Make batch_size larger, or crops a multiple of it.",
        )


def _begin(recipe: Recipe, sources: list[Source], out: Path) -> None:
    """Keep what this run is made of, and refuse a folder that holds another run."""
    plain = to_plain(recipe)
    if not recipe.augmentations:
        del plain["augmentations"]  # runs begun before there were any, or plans, go on
    for each in plain["sources"]:
        if not each["plan"]:
            del each["plan"]
    asked = {"recipe": plain, "stores": [source.digest for source in sources]}
    kept = out / BEGUN
    others = [each.name for each in out.glob("*") if not each.name.startswith(".")]
    if not kept.is_file() and others:  # asked in this order: another process of this run may just have begun it
        raise UsageError(
            f"this folder holds other things: {', '.join(sorted(others)[:3])}",
            where=out,
            parameter="out",
            mend="Give a new or empty folder.",
        )
    if not kept.is_file():
        out.mkdir(parents=True, exist_ok=True)
        write_json(kept, asked)
    elif digest(json.loads(kept.read_text(encoding="utf-8"))) != digest(asked):
        raise UsageError(
            "this folder holds a run of another recipe or of other stores",
            where=out,
            parameter="out",
            mend="Choose another folder, or delete this one.",
        )


def _loss(module: nn.Module, batch: PictureBatch) -> Tensor:
    assert isinstance(module, Objective)
    return module.loss(batch)


def _objective(recipe: Recipe, base: Path, labels: tuple[str, ...]) -> Objective:
    """The encoder, new or from a file, in its objective; first weights are drawn by the recipe's seed."""
    with seeded(recipe.training.seed, torch.device("cpu")):
        if recipe.encoder.endswith(".safetensors"):
            encoder: Any = load_encoder(base / recipe.encoder, frozen=False)
        else:
            kind: Any = encoder_class(recipe.encoder)
            encoder = kind(from_plain(config_type(kind), recipe.encoder_config, where=recipe.encoder))
        if not isinstance(encoder, PictureEncoder) or next(encoder.parameters(), None) is None:
            raise UsageError(
                f"{recipe.encoder} cannot be trained here",
                parameter="encoder",
                allowed="melcnn, meltransformer, or a file of one",
            )
        given = {"classes": len(labels)} if recipe.objective == "multilabel" else {}
        return create_objective(recipe.objective, encoder, **{**given, **recipe.objective_config})


def _stages(recipe: Recipe, objective: Objective) -> list[tuple[str, set[int], Any]]:
    """Name, the parameters trained, and settings of each stage: the rest alone first where the recipe says so."""
    trained = {id(each): each for each in objective.parameters() if each.requires_grad}
    whole = ("training", set(trained), recipe.training)
    if recipe.head_epochs == 0:
        return [whole]
    head = set(trained) - {id(each) for each in objective.encoder.parameters()}
    config = replace(recipe.training, epochs=recipe.head_epochs, warmup_epochs=0.0)
    return [("head", head, config), whole]


def _summary(
    recipe: Recipe,
    objective: Objective,
    sources: list[Source],
    labels: tuple[str, ...],
    reports: list[TrainingReport],
) -> dict[str, Any]:
    return {
        "recipe": to_plain(recipe),
        "encoder_checksum": objective.encoder.checksum,
        "parameters": sum(each.numel() for each in objective.encoder.parameters()),
        "labels": list(labels),
        "sources": [
            {
                each.config.kind: str(getattr(each.config, each.config.kind)),
                "digest": each.digest,
                "hours": round(each.hours, 4),
            }
            for each in sources
        ],
        "steps": sum(report.steps for report in reports),
        "training_loss": [row["training_loss"] for report in reports for row in report.history],
    }
