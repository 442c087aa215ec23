"""A network over frames of any number, piece by piece, each piece with the context that its outputs depend on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray

from tymbal.detection.boxes import Boxes
from tymbal.detection.calibrating import Calibration
from tymbal.detection.config import DetectorConfig
from tymbal.detection.decoding import decode_edges, suppress
from tymbal.detection.energy import EnergyGate
from tymbal.detection.frames import Array, Track
from tymbal.detection.methods import Candidates, Found, Level, get_method
from tymbal.detection.network import DetectionNetwork
from tymbal.detection.pauses import join_pauses
from tymbal.detection.sebb import Changes, StepSettings
from tymbal.detection.targets import Direction
from tymbal.units import FrameGrid

PIECE = 4096  # frames of a piece, context left out
STRETCH = 8192  # candidates that are joined and scored together, or a few more


@dataclass(frozen=True)
class Piece:
    """Frames (frames, dims) of which `own` are to be judged; the rest is context. `first` : number of frame 0."""

    values: Array
    first: int
    own: slice


def pieces(values: Array, context: int) -> Iterator[Piece]:
    """The pieces of an array that is there as a whole."""
    for start in range(0, len(values), PIECE):
        stop = min(start + PIECE, len(values))
        first, last = max(0, start - context), min(len(values), stop + context)
        yield Piece(values[first:last], first, slice(start - first, stop - first))


def streamed(blocks: Iterable[Array], context: int) -> Iterator[Piece]:
    """The same pieces of frames that come in blocks, in the memory of one piece and one block."""
    held, first, start, ended = np.zeros((0, 0), dtype=np.float32), 0, 0, False
    source = iter(blocks)
    while not ended or start < first + len(held):
        while not ended and first + len(held) < start + PIECE + context:
            block = next(source, None)
            ended = block is None
            if block is not None and len(block):
                held = np.concatenate([held, block]) if len(held) else block
        stop = min(start + PIECE, first + len(held))
        if stop <= start:
            return
        last = min(stop + context, first + len(held))
        yield Piece(held[: last - first], first, slice(start - first, stop - first))
        start = stop
        kept = max(first, start - context)
        held, first = held[kept - first :].copy(), kept


@dataclass(frozen=True)
class Pauses:
    """The gate that hears pauses, and where the powers that it hears stand among a frame's values."""

    gate: EnergyGate
    part: slice

    def power(self, values: Array) -> Array:
        """Power of every frame."""
        return np.asarray(self.gate.power_db(values[:, self.part]), dtype=np.float32)


class Finder:
    """Collects what a network finds in the pieces of one track."""

    def __init__(
        self,
        network: DetectionNetwork,
        config: DetectorConfig,
        grid: FrameGrid,
        nyquist_hz: float,
        levels: tuple[Level, ...] = (),
        pauses: Pauses | None = None,
    ) -> None:
        self._network, self._config, self._grid, self._nyquist = network, config, grid, nyquist_hz
        self._edges: dict[Direction, list[Boxes]] = {way: [] for way in network.outputs.directions}
        classes = network.outputs.classes
        self._runs = {level: _Runs(level, grid, classes) for level in levels if isinstance(level, float)}
        halves = {level.half_frames for level in levels if isinstance(level, StepSettings)}
        self._changes = {half: Changes(half, classes) for half in sorted(halves)}
        self._pauses, self._power = pauses, [np.zeros(0, dtype=np.float32)]  # a day at 10 ms: 35 MB

    @staticmethod
    def context(config: DetectorConfig) -> int:
        """Frames around a piece: what outputs depend on, and one more to tell whether the last frame is a peak."""
        return config.network.reach + 1

    def take(self, piece: Piece) -> None:
        """Judge one piece; they must come in order."""
        values = torch.from_numpy(np.ascontiguousarray(piece.values))[None]
        if self._pauses is not None:
            self._power.append(self._pauses.power(piece.values[piece.own]))
        with torch.no_grad():
            raw = self._network(values, torch.ones(values.shape[:2], dtype=torch.bool))
            grid = FrameGrid(self._grid.hop_s, self._grid.center_s(piece.first), self._grid.receptive_s)
            for way in self._network.outputs.directions:
                maps = self._network.maps(raw, way)[0]
                floor = self._config.decoding.floor
                found = decode_edges(maps, grid, way, floor=floor, nyquist_hz=self._nyquist, keep=piece.own)
                self._edges[way].append(found)
            activity = self._network.activity(raw)
        if activity is not None:
            shares = torch.sigmoid(activity[0, :, piece.own]).numpy()
            for runs in self._runs.values():
                runs.take(shares, piece.first + piece.own.start)
            for changes in self._changes.values():
                changes.take(shares)

    def candidates(self, level: Level | None = None) -> Candidates:
        """What the method makes of the candidates of the whole track, doubles within a direction dropped; runs at the
        given level."""
        return self._combined(*self._held(level))

    def boxes(self, calibration: Calibration) -> Boxes:
        """All boxes with calibrated scores, in order of time, doubles dropped.

        Worked stretch by stretch, cut at moments that no candidate spans: what is joined or dropped lies on one side
        of them. So the boxes are those of the whole, and a day of dense song needs the memory of a stretch.
        """
        edges, runs = self._held(calibration.level)
        moments = cuts([*edges.values(), runs], STRETCH)
        parts = []
        for start, end in pairwise([-np.inf, *moments, np.inf]):
            own = {way: boxes.between(start, end) for way, boxes in edges.items()}
            candidates = self._combined(own, runs.between(start, end))
            parts.append(calibration.boxes(candidates, self._config.decoding))
        return Boxes.join(parts)

    def detections(self, calibration: Calibration, threshold: float) -> Boxes:
        """The same, and what reaches the threshold set against pauses where the detector hears them."""
        boxes = self.boxes(calibration)
        if self._pauses is None:
            return boxes
        told = boxes.score >= threshold
        runs = self._pauses.gate.runs(np.concatenate(self._power).astype(np.float64), self._grid)
        return Boxes.join([join_pauses(boxes.take(told), runs), boxes.take(~told)]).sorted()

    def _held(self, level: Level | None) -> tuple[dict[Direction, Boxes], Boxes]:
        """Everything found so far in order of time: of each direction, and runs at the given level."""
        edges = {way: Boxes.join(parts).sorted() for way, parts in self._edges.items()}
        if isinstance(level, StepSettings):
            return edges, self._changes[level.half_frames].boxes(level, self._grid, self._config.decoding.floor)
        return edges, self._runs[level].boxes() if level is not None else Boxes.none()

    def _combined(self, edges: Mapping[Direction, Boxes], runs: Boxes) -> Candidates:
        kept = {way: suppress(boxes, self._config.decoding) for way, boxes in edges.items()}
        return get_method(self._config.method).combine(Found(kept, runs), self._config.join_iou)


def cuts(parts: Sequence[Boxes], size: int) -> list[float]:
    """Moments in seconds that no box of `parts` spans, `size` boxes or more between two of them."""
    onsets = np.concatenate([part.onset_s for part in parts])
    order = np.argsort(onsets, kind="stable")
    onsets, offsets = onsets[order], np.concatenate([part.offset_s for part in parts])[order]
    free = np.flatnonzero(onsets[1:] >= np.maximum.accumulate(offsets)[:-1]) + 1
    found: list[float] = []
    last = 0
    while (place := np.searchsorted(free, last + size)) < len(free):
        last = int(free[place])
        found.append(float(onsets[last]))
    return found


class _Runs:
    """Runs of frames above a level, per class, over pieces that come in order; edges where the line crosses it."""

    def __init__(self, level: float, grid: FrameGrid, classes: int) -> None:
        self._level, self._grid = level, grid
        self._last = np.zeros(classes)  # of the piece before
        self._stop = 0
        self._open: list[tuple[float, float, int] | None] = [None] * classes  # onset, sum of shares, frames
        self._rows: list[tuple[float, float, float, int]] = []

    def take(self, shares: NDArray[np.floating], first: int) -> None:
        for label, own in enumerate(shares.astype(np.float64)):
            self._class(label, own, first)
        self._last, self._stop = shares[:, -1].astype(np.float64), first + shares.shape[1]

    def _class(self, label: int, own: NDArray[np.float64], first: int) -> None:
        above = np.concatenate([[self._open[label] is not None], own >= self._level])
        begins, ends = np.flatnonzero(above[1:] & ~above[:-1]), np.flatnonzero(~above[1:] & above[:-1])
        before = np.concatenate([self._last[label : label + 1], own])
        total = np.concatenate([[0.0], np.cumsum(own)])
        held, at = self._open[label], 0
        for frame in np.sort(np.concatenate([begins, ends])).tolist():
            crossing = self._crossing(before[frame], before[frame + 1], first + frame)
            if held is None:
                held = (crossing, 0.0, 0)
            else:
                size = held[2] + frame - at
                self._rows.append((held[0], crossing, (held[1] + total[frame] - total[at]) / size, label))
                held = None
            at = frame
        self._open[label] = (
            None if held is None else (held[0], held[1] + total[-1] - total[at], held[2] + len(own) - at)
        )

    def _crossing(self, before: float, here: float, frame: int) -> float:
        """When the line from the frame before to this one meets the level; half a frame before the first one."""
        share = (self._level - before) / (here - before) if frame > 0 and here != before else 0.5
        return self._grid.center_s(frame - 1 + min(max(share, 0.0), 1.0))

    def boxes(self) -> Boxes:
        """All runs, those still open ended with the last frame."""
        rows = list(self._rows)
        for label, held in enumerate(self._open):
            if held is not None and held[2]:
                rows.append((held[0], self._grid.center_s(self._stop - 0.5), held[1] / held[2], label))
        if not rows:
            return Boxes.none()
        onset, offset, score, labels = zip(*rows, strict=True)
        return Boxes.make(onset, offset, score=score, label=labels).sorted()


def find_in_track(
    network: DetectionNetwork,
    config: DetectorConfig,
    track: Track,
    levels: tuple[Level, ...] = (),
    pauses: Pauses | None = None,
) -> Finder:
    """What a network finds in frames that are there as a whole."""
    finder = Finder(network, config, track.grid, track.nyquist_hz, levels, pauses)
    for piece in pieces(track.values, Finder.context(config)):
        finder.take(piece)
    return finder


def find_runs(shares: NDArray[np.floating], grid: FrameGrid, level: float) -> Boxes:
    """Runs of frames (classes, frames) at or above a level, as boxes whose score is the mean share."""
    runs = _Runs(level, grid, len(shares))
    runs.take(shares, 0)
    return runs.boxes()
