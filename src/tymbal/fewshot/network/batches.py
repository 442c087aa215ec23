"""Batches of examples: a replay buffer of three chunks of scenes, cropped and rolled in pitch anew each time."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from tymbal.fewshot.network.config import STRIDE
from tymbal.fewshot.network.labels import POS, UNK
from tymbal.fewshot.network.scenes import LEVEL_STEPS, Example

SUPPORT_FRAMES, QUERY_FRAMES = 768, 896  # of an example in a batch
ROLL = 6  # bands up or down at most
USES = 3  # of each scene, in epochs one after the other
AIMED = 0.8  # share of the crops of a query with calls that show one
FARTHEST = 4.0  # median examples: distances to onset and offset beyond are cut there


@dataclass(frozen=True)
class Batch:
    """Tensors of one batch: support (b, s, bands), labels (b, s), median (b,), query (b, q, bands), curves (b, q, 2),
    target and known (b, q) float, distances (b, q / STRIDE, 2) and inside (b, q / STRIDE)."""

    support: Tensor
    labels: Tensor
    median: Tensor
    query: Tensor
    curves: Tensor
    target: Tensor
    known: Tensor
    distances: Tensor
    inside: Tensor


class Replay:
    """Epoch e holds chunks e, e - 1 and e - 2 of the scenes, so that each is used in three epochs while it is near.

    load(chunk) gives its examples, made when they are first needed; the first and last chunks stand in for those
    before and after. Crops and rolls are drawn from torch's default generator.
    """

    def __init__(
        self, load: Callable[[int], Sequence[Example]], chunks: int, per_chunk: int, device: torch.device
    ) -> None:
        self._load, self._chunks, self._per_chunk, self._device = load, chunks, per_chunk, device
        self._held: dict[int, Sequence[Example]] = {}
        self._epoch = 0

    def __len__(self) -> int:
        return USES * self._per_chunk

    def begin_epoch(self, epoch: int) -> None:
        """Take up the chunks of an epoch, let go of others."""
        self._epoch = epoch
        wanted = {self._chunk(back) for back in range(USES)}
        self._held = {chunk: self._held[chunk] if chunk in self._held else self._load(chunk) for chunk in wanted}

    def _chunk(self, back: int) -> int:
        return min(max(self._epoch - back, 0), self._chunks - 1)

    def batch(self, indices: Tensor) -> Batch:
        """The examples of `indices` (batch,)."""
        found = []
        for index in indices.tolist():
            back, at = divmod(index, self._per_chunk)
            held = self._held[self._chunk(back)]
            found.append(held[at % len(held)])
        return collated(found, np.random.default_rng(int(torch.randint(2**62, ()))), self._device)


def collated(examples: Sequence[Example], rng: np.random.Generator, device: torch.device) -> Batch:
    """A batch of random crops of examples, each rolled in pitch."""
    cut = [_cropped(each, rng) for each in examples]
    arrays = [np.stack([each[at] for each in cut]) for at in range(len(cut[0]))]
    support, labels, query, curves, target, distances, inside = (torch.from_numpy(each).to(device) for each in arrays)
    median = torch.tensor([each.median for each in examples], dtype=torch.float32, device=device)
    known = (target != UNK).float()
    return Batch(support, labels.long(), median, query, curves, (target == POS).float(), known, distances, inside)


def levels(pixels: np.ndarray) -> np.ndarray:
    """Bytes of an example as the levels of a picture."""
    return np.asarray(pixels.astype(np.float32) / np.float32(LEVEL_STEPS) - 1)


def _cropped(example: Example, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    bands = example.support.shape[1]
    roll = int(rng.integers(-ROLL, ROLL + 1))
    support, labels = np.zeros((SUPPORT_FRAMES, bands), np.float32), np.full(SUPPORT_FRAMES, UNK, np.uint8)
    here = slice(*_support_window(example.labels, rng))
    support[: here.stop - here.start] = rolled(levels(example.support[here]), roll)
    labels[: here.stop - here.start] = example.labels[here]
    first, stop = _query_window(example, rng)
    query = np.zeros((QUERY_FRAMES, bands), np.float32)
    query[: stop - first] = rolled(levels(example.query[first:stop]), roll)
    target, curves = np.full(QUERY_FRAMES, UNK, np.uint8), np.zeros((QUERY_FRAMES, 2), np.float32)
    target[: stop - first] = example.target[first:stop]
    curves[: stop - first] = example.curves[first:stop]
    return support, labels, query, curves, target, *_distances(example, first)


def _support_window(labels: np.ndarray, rng: np.random.Generator) -> tuple[int, int]:
    """A window of SUPPORT_FRAMES that shows nearly as many frames of examples as any."""
    if len(labels) <= SUPPORT_FRAMES:
        return 0, len(labels)
    sums = np.concatenate([[0], np.cumsum(labels == POS)])
    inside = sums[SUPPORT_FRAMES:] - sums[:-SUPPORT_FRAMES]
    first = int(rng.choice(np.flatnonzero(inside >= 0.9 * inside.max())))
    return first, first + SUPPORT_FRAMES


def _query_window(example: Example, rng: np.random.Generator) -> tuple[int, int]:
    frames = len(example.query)
    most = max(0, frames - QUERY_FRAMES)
    first = int(rng.integers(most + 1))
    if len(example.events) and rng.random() < AIMED:
        middle = float(example.events[int(rng.integers(len(example.events)))].mean())
        first = min(max(0, int(middle - rng.random() * QUERY_FRAMES)), most)
    return first, min(first + QUERY_FRAMES, frames)


def rolled(pixels: np.ndarray, bands: int) -> np.ndarray:
    """Everything so many bands higher; the floor comes in at the other end."""
    if not bands:
        return pixels
    found = np.zeros_like(pixels)
    if bands > 0:
        found[:, bands:] = pixels[:, :-bands]
    else:
        found[:, :bands] = pixels[:, -bands:]
    return found


def _distances(example: Example, first: int) -> tuple[np.ndarray, np.ndarray]:
    """For each token its distances to the onset and offset of the shortest call around it, and whether there is one."""
    tokens = math.ceil(QUERY_FRAMES / STRIDE)
    middle = first + STRIDE * np.arange(tokens) + (STRIDE - 1) / 2
    found, inside = np.zeros((tokens, 2), np.float32), np.zeros(tokens, np.float32)
    for onset, offset in sorted(example.events.tolist(), key=lambda each: each[0] - each[1]):
        here = (middle >= onset) & (middle < offset)
        found[here] = np.stack([middle[here] - onset, offset - middle[here]], axis=1)
        inside[here] = 1.0
    return np.minimum(found / example.median, FARTHEST).astype(np.float32), inside
