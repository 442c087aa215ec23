"""What Voxaboxen's recipe trains on: frames at its rate, clips of 10 s at random offsets, their targets, mixup.

Part of `voxaboxen_training`, which says what differs from the original.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from tests.reference import voxaboxen
from torch import Tensor

from tymbal.detection.boxes import UNKNOWN, Boxes
from tymbal.detection.frames import Track
from tymbal.detection.network import NetworkConfig

Floats = NDArray[np.float32]
EDGE = 0.1  # of a clip's frames at each end that no loss counts


@dataclass(frozen=True)
class Recipe:
    """The settings of the recipe.

    Parameters
    ----------
    rate_hz : frames per second, 50 as published: each is the mean of the given frames in it. None: frames as given.
    trunk : None is the published head, one 1x1 convolution on the given frames and nothing else. A `NetworkConfig`
        puts the toolkit's own convolutions before it: a comparison of targets, losses and decoder, not of capacity.
    bidirectional : also a head of offsets.
    learning_rate : of Adam (amsgrad); falls along a cosine to 0.
    patience : epochs without a lower training loss after which it stops; the weights of the last epoch stay.
    mixup : the second half of a batch has the batch in reverse order added, targets by their maximum.
    """

    rate_hz: float | None = 50.0
    trunk: NetworkConfig | None = None
    bidirectional: bool = True
    learning_rate: float = 2e-3
    epochs: int = 50
    batch_size: int = 4
    clip_s: float = 10.0
    hop_s: float = 5.0
    patience: int = 10
    mixup: bool = True
    seed: int = 0

    @property
    def ways(self) -> tuple[bool, ...]:
        """Whether each direction is the reverse one."""
        return (False, True)[: 1 + self.bidirectional]


@dataclass(frozen=True)
class Sound:
    """Frames (frames, dims) that begin at `start_s` and follow at `rate`; events in seconds from there, with class."""

    values: Floats
    rate: float
    start_s: float
    events: tuple[tuple[float, float, int], ...]
    covered: NDArray[np.bool_]


@dataclass(frozen=True)
class Clips:
    """A batch: values (batch, frames, dims), which are real, and per direction what is taught, (batch, ways, frames).

    shares : (batch, ways, classes, frames). omega : weight of the class at an event's frame. counted (batch, frames).
    """

    values: Tensor
    real: Tensor
    heat: Tensor
    duration: Tensor
    shares: Tensor
    omega: Tensor
    counted: Tensor


def sound_of(track: Track, events: Boxes, covered: NDArray[np.bool_] | None, recipe: Recipe) -> Sound:
    """A track on the recipe's frames, counted from the left edge of its first one."""
    grid = track.grid
    start_s = grid.first_center_s - grid.hop_s / 2
    covered = np.ones(track.frames, dtype=np.bool_) if covered is None else covered
    values, rate = track.values, 1 / grid.hop_s
    if recipe.rate_hz is not None:
        rate, centers = recipe.rate_hz, (np.arange(track.frames) + 0.5) * grid.hop_s
        frames = max(1, math.ceil(track.frames * grid.hop_s * rate - 1e-6))
        middles = (np.arange(frames) + 0.5) / rate
        place = np.floor(centers * rate + 1e-9).astype(np.int64).clip(0, frames - 1)
        count = np.bincount(place, minlength=frames)
        nearest = np.floor(middles / grid.hop_s).astype(np.int64).clip(0, track.frames - 1)
        total = np.zeros((frames, values.shape[1]))
        np.add.at(total, place, values)
        mean = total / np.maximum(count, 1)[:, None]
        values = np.where(count[:, None] > 0, mean, values[nearest]).astype(np.float32)
        covered = covered[nearest]
    rows = zip(events.onset_s.tolist(), events.offset_s.tolist(), events.label.tolist(), strict=True)
    return Sound(values, rate, start_s, tuple((a - start_s, b - start_s, label) for a, b, label in rows), covered)


def taught(
    events: Sequence[tuple[float, float, int]], rate: float, frames: int, weights: Floats, *, reverse: bool
) -> tuple[Floats, Floats, Floats, Floats]:
    """Heat, seconds, shares (classes, frames) and weights of one clip; events are cut to it, as the original does."""
    end = frames / rate
    cut = [(max(a, 0.0), min(b, end), label) for a, b, label in events]
    cut = [each for each in cut if each[1] > each[0]]
    heat, duration = voxaboxen.targets([each[:2] for each in cut], rate, frames, reverse=reverse)
    shares, omega = np.zeros((len(weights), frames)), np.zeros(frames)
    for onset, offset, label in sorted(cut, key=lambda each: each[2] == UNKNOWN):
        place = min(math.ceil(offset * rate), frames - 1) if reverse else math.floor(onset * rate)
        if place < frames and label != UNKNOWN:
            shares[label, place] = 1.0
            omega[place] = weights[shares[:, place] > 0].mean()
        elif place < frames and not shares[:, place].any():
            shares[:, place], omega[place] = 1 / len(weights), 1.0
    return tuple(each.astype(np.float32) for each in (heat, duration, shares, omega))  # type: ignore[return-value]


def cut_clip(sound: Sound, first: int, frames: int, weights: Floats, recipe: Recipe) -> tuple[NDArray[np.generic], ...]:
    """The fields of `Clips` for one clip that begins at frame `first`, which may lie before the sound."""
    start, stop = max(first, 0), min(first + frames, len(sound.values))
    own = slice(start - first, stop - first)
    values = np.zeros((frames, sound.values.shape[1]), dtype=np.float32)
    real, counted = np.zeros(frames, dtype=np.bool_), np.zeros(frames, dtype=np.float32)
    values[own], real[own], counted[own] = sound.values[start:stop], True, sound.covered[start:stop]
    edge = round(EDGE * frames)
    counted[:edge] = counted[frames - edge :] = 0.0
    moved = [(a - first / sound.rate, b - first / sound.rate, label) for a, b, label in sound.events]
    parts = [taught(moved, sound.rate, frames, weights, reverse=reverse) for reverse in recipe.ways]
    heat, duration, shares, omega = (np.stack(each) for each in zip(*parts, strict=True))
    return values, real, heat, duration, shares, omega, counted


def mixed(clips: Clips, power: NDArray[np.bool_]) -> Clips:
    """The batch with its reverse added to its second half; `power` (dims,): columns that are logarithms of power."""
    half = slice(len(clips.values) // 2, None)
    other, both = clips.values.flip(0)[half], (clips.real & clips.real.flip(0))[half]
    own, log = clips.values[half], torch.from_numpy(power)
    summed = torch.where(log, torch.logaddexp(own, other), (own + other) / 2)
    values = clips.values.clone()
    values[half] = torch.where(both[..., None], summed, own)
    fields = {"values": values}
    for name in ("heat", "duration", "shares", "omega"):
        tensor = getattr(clips, name).clone()
        tensor[half] = torch.maximum(tensor[half], getattr(clips, name).flip(0)[half])
        fields[name] = tensor
    counted = clips.counted.clone()
    counted[half] *= torch.where(clips.real.flip(0)[half], clips.counted.flip(0)[half], torch.ones(()))
    return replace(clips, **fields, counted=counted)


def epoch_of(sounds: Sequence[Sound], weights: Floats, recipe: Recipe, random: np.random.Generator) -> list[Clips]:
    """The clips of an epoch in batches, in random order; each sound's grid of clips begins at a random offset."""
    places = []
    for number, sound in enumerate(sounds):
        hop, frames = round(recipe.hop_s * sound.rate), round(recipe.clip_s * sound.rate)
        edge = round(EDGE * frames)
        for first in range(int(random.integers(hop)) - hop, len(sound.values), hop):
            if sound.covered[max(first + edge, 0) : max(first + frames - edge, 0)].any():
                places.append((number, first, frames))
    if not places:
        return []
    order, batches = random.permutation(len(places)), []
    for start in range(0, len(order), recipe.batch_size):
        rows = [places[row] for row in order[start : start + recipe.batch_size]]
        parts = [cut_clip(sounds[number], first, frames, weights, recipe) for number, first, frames in rows]
        batches.append(Clips(*(torch.from_numpy(np.stack(each)) for each in zip(*parts, strict=True))))
    return batches


def class_weights(sounds: Sequence[Sound], classes: int) -> Floats:
    """One over each class's count, mean 1 over the classes that occur."""
    labels = [label for sound in sounds for _, _, label in sound.events if label != UNKNOWN]
    counts = np.bincount(np.array(labels, dtype=np.int64), minlength=classes).astype(np.float64)
    inverse = np.where(counts > 0, 1 / np.maximum(counts, 1), 0.0)
    return (inverse / (inverse[counts > 0].mean() if (counts > 0).any() else 1.0)).astype(np.float32)
