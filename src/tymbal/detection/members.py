"""Several small networks as one detector: each is trained with another part of the recordings held out.

Every recording is then held out once and trained on by the others, so that few groups serve both ends: all of them
teach, and all of them calibrate (cross-fitting; Breiman 1996, Stacked regressions). What the members say of a frame is
averaged before anything is decoded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from tymbal.detection.boxes import Boxes
from tymbal.detection.config import DetectorConfig
from tymbal.detection.fitting import build_network, class_weights, prepare, total_loss
from tymbal.detection.network import DetectionNetwork
from tymbal.detection.windows import Batch, Example, Windows
from tymbal.errors import DataError
from tymbal.training import train

_SEEDS_APART = 1000  # between the members of one seed


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

    train(network, Windows(seen, layers, own, network.outputs), loss, own.training)
    return network.eval()
