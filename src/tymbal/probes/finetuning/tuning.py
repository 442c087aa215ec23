"""Training encoder and head together on the sound of events, through the one loop."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tymbal.config import digest
from tymbal.encoders.contract import Encoder
from tymbal.jobs import Progress
from tymbal.probes.config import ProbeConfig, choose_layers
from tymbal.probes.finetuning.adapters import depths, prepare
from tymbal.probes.finetuning.config import FinetuneConfig
from tymbal.probes.finetuning.network import Event, Recent, TrainedPart, TunedNetwork
from tymbal.probes.finetuning.sounds import EventSounds
from tymbal.probes.fitting import Inputs, ProbeModule, fit_trained, standardisation
from tymbal.probes.fusions import get_fusion
from tymbal.probes.heads import TrainedHead, get_head
from tymbal.probes.objective import Objective
from tymbal.probes.pooling import Array, CachedExamples
from tymbal.training import TrainingReport, derive_seed, seeded, train


@dataclass(frozen=True)
class Tuned:
    """What training leaves: the network in evaluation mode, the temperature, notes for the record."""

    network: TunedNetwork
    temperature: float = 1.0
    notes: dict[str, Any] = field(default_factory=dict)


def head_config(config: FinetuneConfig) -> ProbeConfig:
    """The settings of the head alone on frozen features, with the seed of the whole."""
    shared = {each.name: getattr(config, each.name) for each in dataclasses.fields(ProbeConfig)}
    return ProbeConfig(**{**shared, "training": replace(config.head_training, seed=config.training.seed)})


def tapped(config: ProbeConfig, encoder: Encoder) -> tuple[str, ...]:
    """The layers that the head taps, in the encoder's order. Raises DataError for one that it has not."""
    return get_fusion(config.fusion).taps(choose_layers(config.layers, [spec.name for spec in encoder.layers]))


@dataclass(frozen=True, eq=False)
class Labelled:
    """n events: their sound, the features of the frozen encoder, targets (n, classes); those trained on, `rows`; those
    that decide when to stop, `watched`, or None."""

    sounds: EventSounds
    frozen: CachedExamples
    targets: Array
    rows: NDArray[np.int64]
    watched: NDArray[np.int64] | None

    @property
    def digest(self) -> str:
        """Content address of what is trained on and watched."""
        places = [[place.recording, place.channel, place.onset_s, place.offset_s] for place in self.sounds.places]
        watched = None if self.watched is None else self.watched.tolist()
        layout = self.sounds.layout
        windows = [layout.sample_rate_hz, layout.segment_samples, layout.margin_samples]
        return digest([places, self.targets.tolist(), self.rows.tolist(), watched, windows])


class _Batches:
    """Events as `training.Batches`: what training hears of each, and its targets."""

    def __init__(self, events: Labelled, device: torch.device) -> None:
        self._sounds, self._rows, self._device = events.sounds, events.rows, device
        self._targets = torch.from_numpy(events.targets)

    def __len__(self) -> int:
        return len(self._rows)

    def batch(self, indices: Tensor) -> tuple[list[Event], Tensor]:
        rows = self._rows[indices.numpy()]
        events: list[Event] = [self._sounds.drawn(int(row)) for row in rows]
        return events, self._targets[torch.from_numpy(rows)].to(self._device)


class _Judge:
    """What validation tells of the watched events."""

    def __init__(self, network: TunedNetwork, events: Labelled, objective: Objective, device: torch.device) -> None:
        self._network, self._events, self._objective, self._device = network, events, objective, device

    def logits(self) -> Tensor:
        """Of the watched events."""
        return logits_of(self._network, self._events.sounds, self._watched)

    def __call__(self, module: nn.Module) -> Mapping[str, float]:
        truth = torch.from_numpy(self._events.targets[self._watched])
        return self._objective.judged(self.logits(), truth.to(self._device))

    @property
    def _watched(self) -> NDArray[np.int64]:
        if self._events.watched is None:
            raise ValueError("nothing is watched")
        return self._events.watched


def tune(
    encoder: Encoder,
    layers: tuple[str, ...],
    config: FinetuneConfig,
    events: Labelled,
    *,
    device: torch.device,
    directory: Path | None = None,
    progress: Progress | None = None,
    stop: Callable[[int], bool] | None = None,
) -> Tuned | None:
    """Train a copy of `encoder` and a head on labelled events.

    Where nothing that was trained is better on the watched events than the head alone, trained first, that is kept.
    `directory` holds one folder per run, named by what decides it. None where `stop` ended it.
    """
    network = make_network(encoder, layers, config, events.targets.shape[1], events.frozen.dims(layers))
    notes = _start(network, config, events)
    network.to(device).encoder.to(device)
    objective = Objective.of(events.targets[events.rows], config, network.probe.head, device)
    judge = None if events.watched is None else _Judge(network, events, objective, device)

    def loss(module: nn.Module, batch: tuple[list[Event], Tensor]) -> Tensor:
        logits, attention = module.attend(batch[0])  # type: ignore[operator]
        return objective.loss(logits, batch[1], attention)

    first = None
    if judge is not None and config.head_first:
        network.eval()
        with torch.no_grad():
            first = judge(network), {name: value.clone() for name, value in network.state_dict().items()}
    report = train(
        network,
        _Batches(events, device),
        loss,
        config.training,
        validate=judge,
        rates=_rates(network),
        directory=None if directory is None else directory / digest([encoder.checksum, layers, config, events.digest]),
        progress=progress,
        stop=stop,
    )
    if report.ended == "interrupted":
        return None
    network.eval()
    if first is not None:
        notes |= _keep_better(network, config, first, report)
    notes |= _notes(network, report, judge)
    said = None if events.watched is None else events.targets[events.watched]
    found, honest = objective.temperature(config, said, judge.logits if judge is not None else lambda: torch.empty(0))
    return Tuned(network, found, notes | honest)


def _notes(network: TunedNetwork, report: TrainingReport, judge: _Judge | None) -> dict[str, Any]:
    trained = sum(parameter.numel() for parameter in network.tuned.parameters())
    return {
        "epochs": report.epochs,
        "best_epoch": report.best_epoch,
        "validation": report.best,
        "stopped_by": "all epochs" if judge is None else "validation",
        "parameters": trained + sum(parameter.numel() for parameter in network.probe.parameters()),
        "encoder_parameters": trained,
        **(network.probe.fusion.notes() if len(network.layers) > 1 else {"layer_weights": None}),
    }


def make_network(
    encoder: Encoder, layers: tuple[str, ...], config: FinetuneConfig, classes: int, dims: tuple[int, ...]
) -> TunedNetwork:
    """Probe and a copy of the encoder with what is trained in it, all drawn from the configuration's seed."""
    head = _trained_head(config)
    with seeded(derive_seed("fine-tuning", config.training.seed)):
        copied = copy.deepcopy(encoder)
        trained = prepare(copied, config, layers)
    wide = dims if head.takes == "frames" else tuple(dim * len(config.statistics) for dim in dims)
    with seeded(derive_seed("probe", config.training.seed)):
        probe = ProbeModule(wide, classes, head, config)
    return TunedNetwork(copied, layers, probe, trained, config)


def _start(network: TunedNetwork, config: FinetuneConfig, events: Labelled) -> dict[str, Any]:
    """The head as it starts: trained on the frozen features, or only standardised by them. Returns notes."""
    head = _trained_head(config)
    own = head_config(config)
    inputs = Inputs.of(events.frozen, network.layers, own, frames=head.takes == "frames")
    if config.head_first:
        watched = None if events.watched is None else (inputs, events.targets, events.watched)
        fitted = fit_trained(head, replace(own, calibrated=False), inputs, events.targets, events.rows, watched)
        network.probe.load_state_dict(fitted.tensors)
        return {"head": {name: fitted.notes[name] for name in ("epochs", "best_epoch", "validation")}}
    if network.probe.fusion.standardises:
        center, scale = standardisation(inputs, events.rows)
        network.probe.fusion.center.copy_(torch.from_numpy(center))
        network.probe.fusion.scale.copy_(torch.from_numpy(scale))
    return {}


def _trained_head(config: ProbeConfig) -> TrainedHead:
    head = get_head(config.head)
    if not isinstance(head, TrainedHead):
        raise TypeError("FinetuneConfig.check lets trained heads through only")
    return head


def _keep_better(
    network: TunedNetwork,
    config: FinetuneConfig,
    first: tuple[Mapping[str, float], dict[str, Any]],
    report: TrainingReport,
) -> dict[str, Any]:
    """Go back to the start where training found nothing better."""
    before, state = first[0][config.training.monitor], first[1]
    sign = 1.0 if config.training.direction == "max" else -1.0
    worse = report.best is None or sign * report.best <= sign * before
    if worse:
        network.load_state_dict(state)
    return {"validation_before": before, "kept": "the start" if worse else "the best epoch"}


def _rates(network: TunedNetwork) -> Callable[[str], float]:
    """The factor on the head's learning rate: 1 for the head, less for the encoder the deeper a parameter lies."""
    config = network.config
    share = config.encoder_rate / config.training.learning_rate
    parts = {TrainedPart.key(name): share for name, _ in network.encoder.named_parameters()}
    if config.layer_decay < 1:
        trained = {name: each for name, each in network.encoder.named_parameters() if each.requires_grad}
        for name, depth in depths(network.encoder, trained, network.layers).items():
            parts[TrainedPart.key(name)] = share * config.layer_decay**depth
    return lambda name: parts[name.removeprefix("tuned.")] if name.startswith("tuned.") else 1.0


def logits_of(network: TunedNetwork, sounds: EventSounds, rows: NDArray[np.int64]) -> Tensor:
    """Logits (rows, classes), event by event, all windows of each: independent of what else is asked."""
    order = sorted(range(len(rows)), key=lambda number: sounds.places[rows[number]].order)  # neighbours share windows
    recent: Recent = {}
    found: dict[int, Tensor] = {}
    for number in order:
        found[number] = network([sounds.windows(int(rows[number]))], recent)
    return torch.cat([found[number] for number in range(len(rows))])
