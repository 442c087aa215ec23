"""Voxaboxen's recipe as a whole (Hoffman et al. 2025, arXiv 2503.02389), from its description: head, losses, training,
windows, fusion, threshold. A baseline to compare with on the same frames, not a part of the toolkit.

`fit_voxaboxen(examples, held_out, layers)` trains it, `.predict(track)` gives boxes. What differs from the original:

- Frames are given; no encoder is tuned with the head. The learning rate is therefore a setting of the comparison.
- Values are standardised by the training recordings.
- Training clips begin up to 5 s before a recording and end after it; the original makes none of files of 9 to 16 s.
- Frames that nobody listened to, and those outside a recording, count in no loss; boxes are cut to the recording.
- Probabilities are clamped in logarithms (`voxaboxen.CLAMP`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from tests.reference import voxaboxen
from tests.reference.voxaboxen_clips import Clips, Recipe, Sound, class_weights, epoch_of, mixed, sound_of
from torch import Tensor, nn
from torch.nn import functional

from tymbal.detection.boxes import UNKNOWN, Boxes
from tymbal.detection.detector import within
from tymbal.detection.frames import Track
from tymbal.detection.network import DetectionNetwork, Outputs
from tymbal.detection.windows import POWER_LAYERS, Example
from tymbal.evaluation.detection import match_boxes
from tymbal.training import seeded

DELTAS = np.linspace(0.0, 0.95, 19)
DURATION_WEIGHT, CLASS_WEIGHT = 0.04, 0.01


class Head(nn.Module):
    """Values (batch, frames, dims) to raw (batch, ways, 2 + classes, frames): onset logit, seconds, class logits."""

    center: Tensor
    scale: Tensor

    def __init__(self, dims: int, classes: int, recipe: Recipe) -> None:
        super().__init__()
        self.ways, self.classes = len(recipe.ways), classes
        self.conv: nn.Module | None = None
        self.network: DetectionNetwork | None = None
        if recipe.trunk is None:
            self.conv = nn.Conv1d(dims, self.ways * (2 + classes), 1)
        else:
            names = ("forward", "reverse")[: self.ways]
            self.network = DetectionNetwork([dims], recipe.trunk, Outputs(names, 1, classes))  # type: ignore[arg-type]
            self.network.typical.copy_(torch.tensor([0.0, 1.0]))  # the duration as it comes, in seconds
        self.register_buffer("center", torch.zeros(dims))
        self.register_buffer("scale", torch.ones(dims))

    def forward(self, values: Tensor, real: Tensor) -> Tensor:
        """Raw values; frames that are not real are zeros."""
        values = (values - self.center) * self.scale * real[..., None]
        if self.network is None:
            assert self.conv is not None
            raw = self.conv(values.transpose(1, 2))
            return torch.as_tensor(raw).reshape(len(values), self.ways, 2 + self.classes, -1)
        parts, raw = [], self.network(values, real)
        for way in self.network.outputs.directions:
            edges = self.network.edges(raw, way)
            classes = torch.zeros_like(edges.heat) if edges.classes is None else edges.classes[:, 0]
            parts.append(torch.cat([edges.heat, edges.log_duration, classes], dim=1))
        return torch.stack(parts, dim=1)


def detection_loss(logits: Tensor, heat: Tensor, counted: Tensor) -> Tensor:
    """Penalty-reduced focal loss of (batch, frames), alpha 2 and beta 4, mean over the frames that count."""
    p = torch.sigmoid(logits).clamp(voxaboxen.CLAMP, 1 - voxaboxen.CLAMP)
    found, other = (1 - p) ** 2 * torch.log(p), (1 - heat) ** 4 * p**2 * torch.log(1 - p)
    return -(torch.where(heat == 1, found, other) * counted).sum() / counted.sum().clamp_min(1)


def total_loss(raw: Tensor, clips: Clips) -> Tensor:
    """Detection + 0.04 duration + 0.01 class, the mean of both directions; shapes as `Head` and `Clips`."""
    total = torch.zeros((), dtype=raw.dtype)
    for way in range(raw.shape[1]):
        heat, events = clips.heat[:, way], (clips.heat[:, way] == 1) * clips.counted
        omega, count = clips.omega[:, way] * events, events.sum().clamp_min(1)
        total = total + detection_loss(raw[:, way, 0], heat, clips.counted)
        error = (raw[:, way, 1] - clips.duration[:, way]).abs()
        total = total + DURATION_WEIGHT * (error * omega).sum() / count
        if raw.shape[2] > 3:
            entropy = -(clips.shares[:, way] * functional.log_softmax(raw[:, way, 2:], dim=1)).sum(dim=1)
            total = total + CLASS_WEIGHT * (entropy * omega).sum() / count
    return total / raw.shape[1]


@dataclass
class Voxaboxen:
    """The fitted recipe. `delta` : boxes at or below it are dropped; None where there is one direction only."""

    head: Head
    recipe: Recipe
    classes: int
    delta: float | None = None
    notes: dict[str, float] = field(default_factory=dict)

    def predict(self, track: Track) -> Boxes:
        """Detections in a track, in order of time, cut to the recording."""
        boxes = self.candidates(track)
        return boxes if self.delta is None else boxes.take(boxes.score > self.delta)

    def candidates(self, track: Track) -> Boxes:
        """All boxes of both directions and of their fusion, whatever their score."""
        sound = sound_of(track, Boxes.none(), None, self.recipe)
        raw = self.raw(sound)
        found = [
            voxaboxen.decode(
                1 / (1 + np.exp(-raw[way, 0])), raw[way, 1], sound.rate, reverse=reverse, classes=raw[way, 2:]
            )
            for way, reverse in enumerate(self.recipe.ways)
        ]
        rows = voxaboxen.combine(*found) if self.recipe.bidirectional else found[0]
        onset, offset, score, label = (np.array(each) for each in zip(*rows, strict=True)) if rows else ([],) * 4
        boxes = Boxes.make(onset, offset, score=score, label=label)
        moved = replace(boxes, onset_s=boxes.onset_s + sound.start_s, offset_s=boxes.offset_s + sound.start_s)
        return within(moved.sorted(), track.duration_s)

    def raw(self, sound: Sound) -> voxaboxen.Array:
        """(ways, 2 + classes, frames) from windows that overlap by half; the middle half of each is kept, and the
        outer quarters of the first and the last."""
        clip, hop = round(self.recipe.clip_s * sound.rate), round(self.recipe.hop_s * sound.rate)
        windows = max(1, math.ceil(len(sound.values) / hop))
        found = np.zeros((len(self.recipe.ways), 2 + self.classes, hop * (windows - 1) + clip))
        for number in range(windows):
            first, own = number * hop, slice(number * hop, min(number * hop + clip, len(sound.values)))
            values = np.zeros((1, clip, sound.values.shape[1]), dtype=np.float32)
            real = np.zeros((1, clip), dtype=np.bool_)
            values[0, : own.stop - first], real[0, : own.stop - first] = sound.values[own], True
            with torch.no_grad():
                part = self.head(torch.from_numpy(values), torch.from_numpy(real))[0].numpy()
            left = 0 if number == 0 else (clip - hop) // 2
            found[:, :, first + left : first + clip] = part[
                :, :, left:
            ]  # the next window overwrites from its middle on
        return found[:, :, : len(sound.values)]


def fit_voxaboxen(
    examples: Sequence[Example],
    held_out: Sequence[Example],
    layers: Sequence[tuple[str, int]],
    *,
    classes: int = 1,
    recipe: Recipe | None = None,
) -> Voxaboxen:
    """Train the recipe on `examples` and choose delta on `held_out`; the result's `predict(track)` gives `Boxes`.

    Parameters
    ----------
    examples, held_out : as `tymbal.detection.detector.hold_out` gives them; labels from 0 to classes - 1, or `UNKNOWN`.
    layers : (name, values per frame) of the tracks: which columns are logarithms of power, for mixup.
    recipe : `Recipe()` is the published head at 50 frames per second; `Recipe(rate_hz=None, trunk=NetworkConfig())`
        the kindest variant: our frames, our trunk.
    """
    recipe = recipe or Recipe()
    sounds = [sound_of(each.track, each.events, each.covered, recipe) for each in examples]
    with seeded(recipe.seed):
        head = Head(sum(width for _, width in layers), classes, recipe)
        notes = _train(head, sounds, layers, classes, recipe)
    fitted = Voxaboxen(head.eval(), recipe, classes, None, notes)
    if recipe.bidirectional:
        found = [_heard(fitted.candidates(each.track), each) for each in held_out]
        fitted.delta, fitted.notes["held_f1@0.8"] = fit_delta(found, [each.events for each in held_out], classes)
    return fitted


def _train(
    head: Head, sounds: Sequence[Sound], layers: Sequence[tuple[str, int]], classes: int, recipe: Recipe
) -> dict[str, float]:
    values = np.concatenate([each.values for each in sounds]).astype(np.float64)
    deviation = values.std(axis=0)
    head.center.copy_(torch.from_numpy(values.mean(axis=0)))
    head.scale.copy_(torch.from_numpy(np.where(deviation > 1e-6, 1 / np.maximum(deviation, 1e-6), 0.0)))
    power = np.repeat([name in POWER_LAYERS for name, _ in layers], [width for _, width in layers])
    weights = class_weights(sounds, classes)
    optimizer = torch.optim.Adam(head.parameters(), lr=recipe.learning_rate, amsgrad=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, recipe.epochs)
    head.train()
    best, waited, epoch, loss = math.inf, 0, 0, math.inf
    while epoch < recipe.epochs and waited < recipe.patience:
        random = np.random.default_rng([recipe.seed, epoch])
        losses = []
        for clips in epoch_of(sounds, weights, recipe, random):
            batch = mixed(clips, power) if recipe.mixup and len(clips.values) > 1 else clips
            optimizer.zero_grad()
            value = total_loss(head(batch.values, batch.real), batch)
            value.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            losses.append(value.item())
        schedule.step()
        loss, epoch = float(np.mean(losses)), epoch + 1
        waited = 0 if loss < best else waited + 1
        best = min(best, loss)
    return {"epochs": epoch, "training_loss": loss, "parameters": sum(each.numel() for each in head.parameters())}


def _heard(boxes: Boxes, example: Example) -> Boxes:
    """The boxes whose middle lies where somebody listened."""
    grid = example.track.grid
    middle = ((boxes.onset_s + boxes.offset_s) / 2 - grid.first_center_s) / grid.hop_s
    frame = np.floor(middle + 0.5).astype(np.int64).clip(0, len(example.covered) - 1)
    return boxes.take(example.covered[frame])


def fit_delta(found: Sequence[Boxes], references: Sequence[Boxes], classes: int) -> tuple[float, float]:
    """The first of 19 deltas with the best macro F1 at IoU 0.8, and that F1; boxes are matched whatever their class.

    A class with nothing to find and nothing found counts as 1, as it does there.
    """
    best = (0.0, -1.0)
    for delta in DELTAS.tolist():
        hit, said, there = np.zeros(classes), np.zeros(classes), np.zeros(classes)
        for boxes, truth in zip(found, references, strict=True):
            kept = boxes.take(boxes.score > delta)
            pairs = match_boxes(truth.edges_s, kept.edges_s, minimum_iou=0.8)
            labels, wanted = kept.label[pairs.prediction], truth.label[pairs.reference]
            hit += np.bincount(labels[labels == wanted], minlength=classes)
            said += np.bincount(kept.label, minlength=classes)
            said -= np.bincount(labels[wanted == UNKNOWN], minlength=classes)
            there += np.bincount(truth.label[truth.label != UNKNOWN], minlength=classes)
        below = said + there
        f1 = float(np.where(below > 0, 2 * hit / np.maximum(below, 1), 1.0).mean())
        best = (delta, f1) if f1 > best[1] else best
    return best
