"""Several small networks as one detector: each is trained with another part of the recordings held out.

Every recording is then held out once and trained on by the others, so that few groups serve both ends: all of them
teach, and all of them calibrate (cross-fitting; Breiman 1996, Stacked regressions). What the members say of a frame is
averaged before anything is decoded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from tymbal.detection.boxes import Boxes
from tymbal.detection.config import DetectorConfig
from tymbal.detection.fitting import Fitted, build_network, calibrated_by, class_weights, prepare, total_loss
from tymbal.detection.network import DetectionNetwork
from tymbal.detection.windows import Batch, Example, Windows
from tymbal.errors import DataError
from tymbal.jobs import Progress
from tymbal.training import train

_SEEDS_APART = 1000  # between the members of one seed
_PREFIX = "members."


class Ensemble(DetectionNetwork):
    """The mean of the raw values of several networks of one kind, which share the scale of log durations."""

    def __init__(self, members: Sequence[DetectionNetwork]) -> None:
        nn.Module.__init__(self)
        self.config, self.outputs = members[0].config, members[0].outputs
        self.members = nn.ModuleList(members)
        self.register_buffer("typical", members[0].typical.clone())

    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        """Raw values (batch, channels, frames), as of one network."""
        return torch.stack([member(values, mask) for member in self.members]).mean(dim=0)


def parts_of(examples: Sequence[Example], groups: Mapping[str, str], count: int) -> list[list[Example]]:
    """The examples in up to `count` parts of like numbers of events, whole groups each; none is empty.

    groups : of a recording; those without one are their own. Raises DataError where there are fewer than two groups.
    """
    members: dict[str, list[Example]] = {}
    for each in examples:
        members.setdefault(groups.get(each.track.recording, each.track.recording), []).append(each)
    if len(members) < 2:
        raise DataError(f"{len(members)} group of recordings", where="parts_of", allowed="two or more")
    sizes = {name: sum(len(each.events) for each in own) for name, own in members.items()}
    parts: list[list[str]] = [[] for _ in range(min(count, len(members)))]
    for name in sorted(members, key=lambda name: (-sizes[name], name)):
        min(parts, key=lambda part: (sum(sizes[each] for each in part), len(part))).append(name)
    return [[each for name in part for each in members[name]] for part in parts]


def fit_together(
    examples: Sequence[Example],
    groups: Mapping[str, str],
    layers: Sequence[tuple[str, int]],
    classes: int,
    config: DetectorConfig,
    *,
    directory: Path | None = None,
    progress: Progress | None = None,
) -> Fitted:
    """`config.members` networks as one, calibrated on every example by the network that was not trained on it.

    groups : of a recording, what it depends on others through; whole groups are held out.
    directory : keeps a checkpoint of each there; the same call resumes them.

    Raises DataError where there are fewer than two groups, or no event.
    """
    parts = parts_of(examples, groups, config.members)
    networks = []
    for number in range(len(parts)):
        own = None if directory is None else directory / f"member{number + 1}"
        networks.append(fit_member(number, parts, layers, classes, config, directory=own, progress=progress))
    pairs = [(network, each) for network, part in zip(networks, parts, strict=True) for each in part]
    calibration, best = calibrated_by(pairs, config)
    events = sum(len(each.events) for each in examples)
    together = Ensemble(networks)
    notes = {
        "epochs": config.training.epochs,
        "best_epoch": config.training.epochs,
        "validation_f1": best,
        "events": events,
        "held_events": events,
        "members": len(parts),
        "parameters": sum(parameter.numel() for parameter in together.parameters()),
    }
    return Fitted({name: tensor.detach().clone() for name, tensor in together.state_dict().items()}, calibration, notes)


def open_network(
    layers: Sequence[tuple[str, int]], config: DetectorConfig, classes: int, tensors: Mapping[str, Tensor]
) -> DetectionNetwork:
    """The fitted network that `tensors` hold, one or several as one, in evaluation mode."""
    count = len({name.split(".")[1] for name in tensors if name.startswith(_PREFIX)})
    if not count:
        return build_network(layers, config, classes, tensors)
    members = []
    for number in range(count):
        prefix = f"{_PREFIX}{number}."
        own = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
        members.append(build_network(layers, config, classes, own))
    return Ensemble(members).eval()


def fit_members(
    parts: Sequence[Sequence[Example]], layers: Sequence[tuple[str, int]], classes: int, config: DetectorConfig
) -> list[DetectionNetwork]:
    """A network for each part; see `fit_member`."""
    return [fit_member(number, parts, layers, classes, config) for number in range(len(parts))]


def fit_member(
    number: int,
    parts: Sequence[Sequence[Example]],
    layers: Sequence[tuple[str, int]],
    classes: int,
    config: DetectorConfig,
    *,
    directory: Path | None = None,
    progress: Progress | None = None,
) -> DetectionNetwork:
    """The network that never saw part `number`, trained for all epochs; in evaluation mode.

    The scales of values and durations are those of all examples. Raises DataError where the part leaves no event.
    """
    everything = [each for part in parts for each in part]
    seen = [each for other, part in enumerate(parts) if other != number for each in part]
    if not any(len(each.events) for each in seen):
        raise DataError("no event to train on", where=f"member {number + 1}", mend="Give more recordings.")
    events = Boxes.join([each.in_frames() for each in everything])
    weights = class_weights(events, classes, config)
    seed = config.training.seed + _SEEDS_APART * number
    own = replace(config, training=replace(config.training, seed=seed, monitor="loss", direction="min"))
    network = build_network(layers, own, classes)
    prepare(network, everything, events)

    def loss(module: nn.Module, batch: Batch) -> Tensor:
        return total_loss(module, batch, config, weights)  # type: ignore[arg-type]

    windows = Windows(seen, layers, own, network.outputs)
    train(network, windows, loss, own.training, directory=directory, progress=progress)
    return network.eval()
