"""Training a detector's network through the one loop, and calibrating it on what was held out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tymbal.detection.boxes import UNKNOWN, Boxes
from tymbal.detection.calibrating import Calibration, best_level, calibrate
from tymbal.detection.config import DetectorConfig
from tymbal.detection.energy import EnergyGate
from tymbal.detection.inference import Finder, find_in_track
from tymbal.detection.losses import (
    activity_loss,
    bounds_loss,
    class_loss,
    heat_loss,
    interval_iou,
    mean_over,
)
from tymbal.detection.methods import ACTIVE, Level, get_method
from tymbal.detection.network import DetectionNetwork, Outputs
from tymbal.detection.windows import Batch, EdgeBatch, Example, Windows
from tymbal.errors import DataError
from tymbal.jobs import Progress
from tymbal.training import seeded, train

_SHORTEST_SPREAD = 0.2  # of log durations, where all events are alike


@dataclass(frozen=True)
class Fitted:
    """A fitted network's tensors, what its scores are worth, notes for the record, and the gate that hears pauses."""

    tensors: dict[str, Tensor]
    calibration: Calibration
    notes: dict[str, Any] = field(default_factory=dict)
    gate: EnergyGate | None = None


def make_outputs(config: DetectorConfig, classes: int) -> Outputs:
    """What the network of a detector is asked for."""
    method = get_method(config.method)
    return Outputs(method.directions, config.targets.slots, classes, config.bounds, method.activity)


def build_network(
    layers: Sequence[tuple[str, int]], config: DetectorConfig, classes: int, tensors: Mapping[str, Tensor] | None = None
) -> DetectionNetwork:
    """The network for layers of (name, values per frame); with `tensors` a fitted one, in evaluation mode."""
    with seeded(config.training.seed):
        network = DetectionNetwork([width for _, width in layers], config.network, make_outputs(config, classes))
    if tensors is not None:
        network.load_state_dict(dict(tensors))
    return network.eval() if tensors is not None else network


def fit(
    examples: Sequence[Example],
    held: Sequence[Example],
    layers: Sequence[tuple[str, int]],
    classes: int,
    config: DetectorConfig,
    *,
    directory: Path | None = None,
    progress: Progress | None = None,
) -> Fitted:
    """Train on `examples`, stop, calibrate and choose thresholds on `held`.

    Raises DataError where no event lies in what was listened to, or where `held` has none.
    """
    events = Boxes.join([each.in_frames() for each in examples])
    if not len(events) or not any(len(each.events) for each in held):
        raise DataError(
            f"{len(events)} events to train on, {sum(len(each.events) for each in held)} to choose thresholds by",
            where="Detector.fit",
            allowed="one or more of each",
            mend="Give more recordings, or groups that spread the events.",
        )
    network = build_network(layers, config, classes)
    prepare(network, examples, events)
    weights = class_weights(events, classes, config)
    windows = Windows(examples, layers, config, network.outputs)
    untaught = replace(config, mixup=0.0, gain_db=0.0)
    watched = Windows(held, layers, untaught, network.outputs)

    def loss(module: nn.Module, batch: Batch) -> Tensor:
        return total_loss(module, batch, config, weights)  # type: ignore[arg-type]

    def validate(module: nn.Module) -> dict[str, float]:
        assert isinstance(module, DetectionNetwork)
        value = float(loss(module, watched.batch(torch.arange(len(watched)))))
        if config.training.monitor != "f1":
            return {"loss": value}
        # Of equal F1 the lower loss is better: where nothing is found yet, the first epoch is not the best one.
        return {"loss": value, "f1": calibrated_on(module, held, config)[1] + 1e-6 / (1 + value)}

    report = train(network, windows, loss, config.training, validate=validate, directory=directory, progress=progress)
    calibration, best = calibrated_on(network, held, config)
    notes = {
        "epochs": report.epochs,
        "best_epoch": report.best_epoch,
        "validation_f1": best,
        "events": len(events),
        "held_events": sum(len(each.events) for each in held),
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
    }
    tensors = {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
    return Fitted(tensors, calibration, notes)


def total_loss(network: DetectionNetwork, batch: Batch, config: DetectorConfig, weights: Tensor) -> Tensor:
    """The weighted sum of all losses of one batch; directions are averaged."""
    raw = network(batch.values, batch.mask)
    total = torch.zeros(())
    for way, targets in batch.edges.items():
        total = total + _edge_loss(network, raw, way, targets, batch.weight, config, weights) / len(batch.edges)
    activity = network.activity(raw)
    if activity is not None and batch.activity is not None:
        weight = batch.weight[:, None].expand_as(activity)
        total = total + config.losses.activity * activity_loss(activity, batch.activity, weight)
    return total


def _edge_loss(
    network: DetectionNetwork,
    raw: Tensor,
    way: Any,
    targets: EdgeBatch,
    weight: Tensor,
    config: DetectorConfig,
    class_weights: Tensor,
) -> Tensor:
    losses, edges = config.losses, network.edges(raw, way)
    counted = weight[:, None].expand_as(edges.heat)
    total = heat_loss(
        edges.heat, targets.heat, targets.positive, counted, sharpness=losses.sharpness, penalty=losses.penalty
    )
    example, slot, frame = targets.place.unbind(1)
    shift, length = edges.shift[example, slot, frame], edges.log_duration[example, slot, frame]
    every = torch.ones_like(targets.whole)
    sign = 1.0 if way == "forward" else -1.0
    iou = interval_iou(sign * shift, length, sign * targets.shift, targets.log_duration)
    total = total + losses.shift * mean_over((shift - targets.shift).abs(), every)
    total = total + losses.duration * mean_over((length - targets.log_duration).abs(), targets.whole)
    total = total + losses.iou * mean_over(1 - iou, targets.whole)
    if edges.bounds is not None:
        found = torch.sigmoid(edges.bounds[example, slot, :, frame])
        total = total + losses.bounds * bounds_loss(found, targets.bounds)
    if edges.classes is not None:
        found = edges.classes[example, slot, :, frame]
        total = total + losses.classes * class_loss(found, targets.label, class_weights)
    return total


def calibrated_on(
    network: DetectionNetwork, held: Sequence[Example], config: DetectorConfig
) -> tuple[Calibration, float]:
    """Calibration on the held-out tracks and its F1 there; only what was listened to counts."""
    return calibrated_by([(network, each) for each in held], config)


def calibrated_by(
    pairs: Sequence[tuple[DetectionNetwork, Example]], config: DetectorConfig
) -> tuple[Calibration, float]:
    """The same where every example has a network of its own, one that was not trained on it."""
    method = get_method(config.method)
    levels = (config.active,) if config.active is not None and method.levels == ACTIVE else method.levels
    held = [example for _, example in pairs]
    finders = [find_in_track(network, config, example.track, levels) for network, example in pairs]
    references = [each.events for each in held]
    kinds, decoding = len(method.kinds), config.decoding

    def at(level: Level | None) -> list[Any]:
        return [heard(finder, example, level) for finder, example in zip(finders, held, strict=True)]

    if not levels:
        return calibrate(at(None), references, kinds, decoding)
    best = best_level(levels, at, references, kinds, decoding)
    return calibrate(at(best.level), references, kinds, decoding, level=best.level)


def heard(finder: Finder, example: Example, level: Level | None) -> Any:
    """The candidates whose middle lies where somebody listened."""
    from tymbal.detection.methods import Candidates

    found = finder.candidates(level)
    grid = example.track.grid
    middle = (found.boxes.onset_s + found.boxes.offset_s) / 2
    frame = np.floor((middle - grid.first_center_s) / grid.hop_s + 0.5).astype(np.int64)
    inside = example.covered[frame.clip(0, len(example.covered) - 1)]
    return Candidates(found.boxes.take(inside), found.kind[inside])


def prepare(network: DetectionNetwork, examples: Sequence[Example], events: Boxes) -> None:
    """Mean and spread of values and of log durations over the training recordings, into the network's buffers."""
    count = sum(each.track.frames for each in examples)
    mean = sum(each.track.values.sum(axis=0, dtype=np.float64) for each in examples) / count
    square = sum(np.square(each.track.values - mean).sum(axis=0) for each in examples) / count
    deviation = np.sqrt(square)
    scale = np.where(deviation > 1e-6, 1 / np.maximum(deviation, 1e-6), 0.0)
    network.fusion.center.copy_(torch.from_numpy(np.asarray(mean, dtype=np.float32)))
    network.fusion.scale.copy_(torch.from_numpy(np.asarray(scale, dtype=np.float32)))
    log_duration = np.log(np.maximum(events.offset_s - events.onset_s, 1e-3))
    spread = max(float(log_duration.std()), _SHORTEST_SPREAD)
    network.typical.copy_(torch.tensor([float(log_duration.mean()), spread]))


def class_weights(events: Boxes, classes: int, config: DetectorConfig) -> Tensor:
    counts = np.bincount(events.label[events.label != UNKNOWN], minlength=classes).astype(np.float64)
    if not config.losses.class_weights:
        return torch.ones(classes)
    inverse = np.where(counts > 0, counts.sum() / np.maximum(counts, 1), 0.0)
    return torch.from_numpy((inverse / inverse[counts > 0].mean()).astype(np.float32))
