"""The head: layers of any encoder fused frame by frame, a few dilated convolutions, and what each frame says of edges.

Every output depends on the frames within `reach` of its own, so that a recording of any length can be worked piece by
piece with the numbers of one long pass.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tymbal.config import check_fields
from tymbal.detection.decoding import EdgeMaps
from tymbal.detection.targets import Direction
from tymbal.probes.fusions import build_fusion

_RARE = 0.02  # share of frames that are edges, which the heat starts from


@dataclass(frozen=True)
class NetworkConfig:
    """The layers of the head.

    Parameters
    ----------
    fusion : how layers become one stream; see `tymbal probe`.
    width : values per frame of the stream and of every convolution.
    kernel : frames of a convolution, odd.
    dilations : one residual block each; none leaves a linear head that sees single frames.
    dropout : share of values dropped before the outputs while training.
    """

    fusion: str = "weighted_sum"
    width: int = 64
    kernel: int = 5
    dilations: tuple[int, ...] = (1, 2, 4, 8)
    dropout: float = 0.1

    def __post_init__(self) -> None:
        object.__setattr__(self, "dilations", tuple(self.dilations))

    def check(self) -> None:
        """Raise UsageError naming the first field outside its range."""
        check_fields(self, self._ranges())

    def _ranges(self) -> Iterator[tuple[str, bool, str]]:
        yield "width", self.width >= 1, "1 or more"
        yield "kernel", self.kernel >= 1 and self.kernel % 2 == 1, "an odd number of 1 or more"
        yield "dilations", all(each >= 1 for each in self.dilations), "numbers of 1 or more"
        yield "dropout", 0 <= self.dropout < 1, "0 to below 1"

    @property
    def reach(self) -> int:
        """Frames on either side that an output depends on."""
        return sum((self.kernel - 1) // 2 * dilation for dilation in self.dilations)


@dataclass(frozen=True)
class Outputs:
    """What is asked of every frame: edges in these directions, and activity of each class.

    `bounds` : low and high frequency of every edge; `classes` of one class need no logits of their own.
    """

    directions: tuple[Direction, ...]
    slots: int
    classes: int
    bounds: bool = False
    activity: bool = False

    @property
    def per_slot(self) -> int:
        """Values of one slot of one direction."""
        return 3 + 2 * self.bounds + (self.classes if self.classes > 1 else 0)

    @property
    def channels(self) -> int:
        """Values per frame."""
        return len(self.directions) * self.slots * self.per_slot + self.classes * self.activity


@dataclass(frozen=True)
class RawEdges:
    """Raw values of one direction for (batch, slots, …, frames): heat and classes as logits, bounds before sigmoid."""

    heat: Tensor
    shift: Tensor
    log_duration: Tensor
    bounds: Tensor | None
    classes: Tensor | None


class DetectionNetwork(nn.Module):
    """Frames (batch, frames, sum of dims) and their mask to raw values (batch, channels, frames).

    `typical` (2,): mean and standard deviation of log durations in frames, by which that output is scaled.
    """

    typical: Tensor

    def __init__(self, dims: Sequence[int], config: NetworkConfig, outputs: Outputs) -> None:
        super().__init__()
        self.config, self.outputs = config, outputs
        self.fusion = build_fusion(config.fusion, tuple(dims), config.width, {})
        width = self.fusion.width
        self.blocks = nn.ModuleList([_Block(width, config.kernel, dilation) for dilation in config.dilations])
        self.norm = nn.LayerNorm(width)
        self.drop = nn.Dropout(config.dropout)
        self.out = nn.Linear(width, outputs.channels)
        self.register_buffer("typical", torch.tensor([2.0, 1.0]))
        with torch.no_grad():
            self.out.weight.mul_(0.1)
            self.out.bias.zero_()
            heats = len(outputs.directions) * outputs.slots
            self.out.bias[: heats * outputs.per_slot : outputs.per_slot] = -torch.logit(torch.tensor(1 - _RARE))

    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        """Raw values; what lies behind the mask counts as silence that is not there (zeros between the layers)."""
        real = mask[..., None].to(values.dtype)
        stream = self.fusion(values) * real
        for block in self.blocks:
            stream = block(stream, real)
        return torch.as_tensor(self.out(self.drop(self.norm(stream)))).transpose(1, 2)

    def edges(self, raw: Tensor, direction: Direction) -> RawEdges:
        """One direction's part of the raw values (batch, channels, frames)."""
        outputs, number = self.outputs, self.outputs.directions.index(direction)
        size = outputs.slots * outputs.per_slot
        part = raw[:, number * size : (number + 1) * size]
        part = part.reshape(len(raw), outputs.slots, outputs.per_slot, raw.shape[-1])
        bounds = part[:, :, 3:5] if outputs.bounds else None
        classes = part[:, :, 3 + 2 * outputs.bounds :] if outputs.classes > 1 else None
        log_duration = self.typical[0] + self.typical[1] * part[:, :, 2]
        return RawEdges(part[:, :, 0], part[:, :, 1], log_duration, bounds, classes)

    def activity(self, raw: Tensor) -> Tensor | None:
        """Logits (batch, classes, frames) that a class sounds; None where that is not asked for."""
        return raw[:, -self.outputs.classes :] if self.outputs.activity else None

    def maps(self, raw: Tensor, direction: Direction) -> list[EdgeMaps]:
        """What `decode_edges` takes, for each example of a batch."""
        edges = self.edges(raw, direction)
        heat, shift = torch.sigmoid(edges.heat), edges.shift
        log_duration = edges.log_duration.clamp(-3.0, 16.0)  # 0.05 frames to days: exp stays a number
        classes = None if edges.classes is None else torch.softmax(edges.classes, dim=2)
        bounds = None if edges.bounds is None else torch.sigmoid(edges.bounds)
        return [
            EdgeMaps(
                heat[row].numpy(),
                shift[row].numpy(),
                log_duration[row].numpy(),
                None if classes is None else classes[row].numpy(),
                None if bounds is None else bounds[row, :, 0].numpy(),
                None if bounds is None else bounds[row, :, 1].numpy(),
            )
            for row in range(len(raw))
        ]


class _Block(nn.Module):
    """x + W gelu(conv(norm(x))), behind the mask zero."""

    def __init__(self, width: int, kernel: int, dilation: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.conv = nn.Conv1d(width, width, kernel, dilation=dilation, padding=(kernel - 1) // 2 * dilation)
        self.mix = nn.Linear(width, width)

    def forward(self, stream: Tensor, real: Tensor) -> Tensor:
        inner = self.conv((self.norm(stream) * real).transpose(1, 2)).transpose(1, 2)
        return torch.as_tensor((stream + self.mix(nn.functional.gelu(inner))) * real)
