"""Training windows: stretches of recordings with context on both sides, and the targets of the events in them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tymbal.detection.boxes import Boxes
from tymbal.detection.config import DetectorConfig
from tymbal.detection.frames import Array, Track
from tymbal.detection.network import Outputs
from tymbal.detection.targets import Direction, edge_targets
from tymbal.units import FrameGrid

POWER_LAYERS = ("log_mel",)  # natural logarithms of power: they add as powers, and gain shifts them
_FRAMES = FrameGrid(1.0, 0.0, 1.0)  # within a window, time is counted in frames


@dataclass(frozen=True)
class Example:
    """A track with its events and which of its frames were listened to (frames,)."""

    track: Track
    events: Boxes
    covered: NDArray[np.bool_]

    def in_frames(self) -> Boxes:
        """The events in frames of the track, bounds as shares of half the sample rate."""
        grid, events = self.track.grid, self.events
        return Boxes(
            (events.onset_s - grid.first_center_s) / grid.hop_s,
            (events.offset_s - grid.first_center_s) / grid.hop_s,
            events.score,
            events.label,
            events.low_hz / self.track.nyquist_hz,
            events.high_hz / self.track.nyquist_hz,
        )


@dataclass(frozen=True)
class EdgeBatch:
    """Targets of one direction: heat and positive (batch, slots, frames); the m edges with a weight, one row each.

    place : (m, 3), example, slot and frame. whole : durations that may be taught. label, bounds (m, 2) with NaN.
    """

    heat: Tensor
    positive: Tensor
    place: Tensor
    shift: Tensor
    log_duration: Tensor
    whole: Tensor
    label: Tensor
    bounds: Tensor


@dataclass(frozen=True)
class Batch:
    """Frames (batch, frames, dims), which are real, what each counts, and the targets."""

    values: Tensor
    mask: Tensor
    weight: Tensor
    edges: dict[Direction, EdgeBatch]
    activity: Tensor | None


@dataclass(frozen=True)
class _Window:
    values: Array
    mask: NDArray[np.bool_]
    weight: NDArray[np.float32]
    events: Boxes


class Windows:
    """Windows over examples as `training.Batches`, jittered, mixed and made louder by torch's generator."""

    def __init__(
        self, examples: Sequence[Example], layers: Sequence[tuple[str, int]], config: DetectorConfig, outputs: Outputs
    ) -> None:
        self._examples = [(each, each.in_frames()) for each in examples]
        self._config, self._outputs = config, outputs
        self._reach, self._size = config.network.reach, config.window_frames
        ends = np.cumsum([width for _, width in layers])
        self._power = [
            slice(int(end) - width, int(end))
            for (name, width), end in zip(layers, ends, strict=True)
            if name in POWER_LAYERS
        ]
        self._places = [
            (number, start)
            for number, each in enumerate(examples)
            for start in range(0, each.track.frames, self._size)
            if each.covered[start : start + self._size].any()
        ]

    def __len__(self) -> int:
        return len(self._places)

    def batch(self, indices: Tensor) -> Batch:
        """Windows of the places `indices`, each moved by up to half a window."""
        windows = [self._drawn(int(index)) for index in indices]
        stacked = [np.stack([getattr(each, name) for each in windows]) for name in ("values", "mask", "weight")]
        values, mask, weight = (torch.from_numpy(part) for part in stacked)
        events = [each.events for each in windows]
        edges = {way: self._edges(events, way, stacked[2] > 0) for way in self._outputs.directions}
        activity = torch.from_numpy(self._activity(events)) if self._outputs.activity else None
        return Batch(values, mask, weight, edges, activity)

    def _drawn(self, index: int) -> _Window:
        window = self._cut(index)
        if self._config.mixup and float(torch.rand(())) < self._config.mixup:
            window = self._mixed(window, self._cut(int(torch.randint(len(self._places), ()))))
        if self._config.gain_db and self._power:
            gain = (2 * float(torch.rand(())) - 1) * self._config.gain_db * math.log(10) / 10
            for part in self._power:
                window.values[window.mask, part] += gain
        return window

    def _cut(self, index: int) -> _Window:
        number, start = self._places[index]
        example, events = self._examples[number]
        last = max(0, example.track.frames - self._size)
        jitter = int(torch.randint(-(self._size // 2), self._size // 2 + 1, ()))
        start = min(max(start + jitter, 0), last)
        reach, length = self._reach, self._size + 2 * self._reach
        first, stop = max(0, start - reach), min(example.track.frames, start + self._size + reach)
        own = slice(first - start + reach, stop - start + reach)
        values = np.zeros((length, example.track.values.shape[1]), dtype=np.float32)
        mask, weight = np.zeros(length, dtype=np.bool_), np.zeros(length, dtype=np.float32)
        values[own], mask[own] = example.track.values[first:stop], True
        core = slice(reach, min(reach + self._size, own.stop))
        weight[core] = example.covered[start : start + core.stop - core.start]
        moved = Boxes(
            events.onset_s - (start - reach),
            events.offset_s - (start - reach),
            events.score,
            events.label,
            events.low_hz,
            events.high_hz,
        )
        near = (moved.offset_s > -1) & (moved.onset_s < length)
        return _Window(values, mask, weight, moved.take(near))

    def _mixed(self, one: _Window, two: _Window) -> _Window:
        both = one.mask & two.mask
        values = one.values.copy()
        values[both] = (one.values[both] + two.values[both]) / 2
        for part in self._power:
            values[both, part] = np.logaddexp(one.values[both, part], two.values[both, part])
        weight = one.weight * np.where(two.mask, two.weight, 1.0).astype(np.float32)
        return _Window(values, one.mask, weight, Boxes.join([one.events, two.events]))

    def _edges(self, events: Sequence[Boxes], direction: Direction, counted: NDArray[np.bool_]) -> EdgeBatch:
        length = counted.shape[1]
        found = [
            edge_targets(each, _FRAMES, length, direction, self._config.targets, nyquist_hz=1.0) for each in events
        ]
        heat = np.stack([each.heat for each in found])
        positive = np.zeros(heat.shape, dtype=np.bool_)
        places, columns = [], []
        for row, each in enumerate(found):
            positive[row, each.slot, each.frame] = True
            kept = counted[row, each.frame]
            places.append(np.stack([np.full(kept.sum(), row), each.slot[kept], each.frame[kept]], axis=1))
            columns.append(
                np.stack([each.shift, each.log_duration, each.whole, each.label, each.low, each.high], axis=1)[kept]
            )
        table = torch.from_numpy(np.concatenate(columns).astype(np.float32))
        return EdgeBatch(
            torch.from_numpy(heat),
            torch.from_numpy(positive),
            torch.from_numpy(np.concatenate(places)),
            table[:, 0],
            table[:, 1],
            table[:, 2] > 0,
            table[:, 3].long(),
            table[:, 4:],
        )

    def _activity(self, events: Sequence[Boxes]) -> NDArray[np.float32]:
        active = np.zeros((len(events), self._outputs.classes, self._size + 2 * self._reach), dtype=np.float32)
        for row, each in enumerate(events):
            for onset, offset, label in zip(each.onset_s, each.offset_s, each.label, strict=True):
                span = _FRAMES.inside(float(onset), float(offset), active.shape[2])
                active[row, :, span] = np.maximum(active[row, :, span], _sounding(int(label), active.shape[1])[:, None])
        return active


def _sounding(label: int, classes: int) -> NDArray[np.float32]:
    """1 for the event's class; of an unknown one an even share of all."""
    return np.eye(classes, dtype=np.float32)[label] if label >= 0 else np.full(classes, 1 / classes, dtype=np.float32)
