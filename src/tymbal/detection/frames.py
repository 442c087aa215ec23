"""Frames of recordings on one even grid each: out of a store, or straight from an encoder.

The grid is that of the layer with the shortest hop; frames of the other layers go to the centres nearest to them, and
a frame that an encoder leaves out at a segment's end is its neighbour's copy.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from tymbal.errors import DataError
from tymbal.features import FeatureStore
from tymbal.units import FrameGrid

Array = NDArray[np.float32]
_LIKE = 1.5  # hops up to so many times the shortest are taken by default


@dataclass(frozen=True)
class Track:
    """The frames of one channel of a recording, or of a stretch of it.

    values : float32 (frames, sum of dims); grid : on the recording's clock; nyquist_hz : half the rate it was
    delivered at; duration_s : of the recording.
    """

    recording: str
    channel: int | None
    values: Array
    grid: FrameGrid
    nyquist_hz: float
    duration_s: float

    @property
    def frames(self) -> int:
        return len(self.values)


def choose_layers(store: FeatureStore, wanted: str | Sequence[str] = "finest") -> tuple[str, ...]:
    """The layers to detect on: "finest" (all whose hop is near the shortest), "all", "last", or names.

    Raises StoreError for a name that is not stored.
    """
    if isinstance(wanted, str) and wanted in ("all", "last"):
        return store.layers if wanted == "all" else store.layers[-1:]
    if isinstance(wanted, str) and wanted == "finest":
        hops = {name: next(iter(store.layer(name).grids.values())).hop_s for name in store.layers}
        return tuple(name for name, hop in hops.items() if hop <= _LIKE * min(hops.values()))
    names = tuple(wanted.split(",")) if isinstance(wanted, str) else tuple(wanted)
    return tuple(store.layer(name).name for name in names)


def even_grid(grids: Mapping[str, FrameGrid]) -> FrameGrid:
    """The grid of the layer with the shortest hop, the first of equals."""
    return min(grids.values(), key=lambda grid: grid.hop_s)


def laid_on(layers: Sequence[tuple[NDArray[np.generic], NDArray[np.float64]]], centers_s: NDArray[np.float64]) -> Array:
    """Values of each layer (frames, dim) with the centres of its frames, side by side at the nearest of `centers_s`."""
    parts = []
    for values, own in layers:
        if not len(own):
            raise DataError("no frame to lay on the grid", where="laid_on")
        right = np.searchsorted(own, centers_s).clip(1, len(own) - 1) if len(own) > 1 else np.zeros(len(centers_s), int)
        left = np.maximum(right - 1, 0)
        nearest = np.where(np.abs(own[left] - centers_s) <= np.abs(own[right] - centers_s), left, right)
        parts.append(np.asarray(values[nearest], dtype=np.float32))
    return np.concatenate(parts, axis=1)


def beside(channels: Sequence[Array], widths: Sequence[int]) -> Array:
    """Frames of several channels (frames, sum of widths) as one: of every layer the first channel's values, then the
    next one's. Layers stay whole, so that what holds for one (its kind, its own projection) holds for all channels."""
    edges = np.cumsum([0, *widths])
    return np.concatenate([part[:, a:b] for a, b in pairwise(edges.tolist()) for part in channels], axis=1)


def own_first(count: int, number: int) -> list[int]:
    """The numbers of `count` channels, counted from 0, in the order that channel `number` is told in: it, the rest."""
    return [number, *(each for each in range(count) if each != number)]


def tracks_of(store: FeatureStore, recordings: Sequence[str] | None = None) -> list[tuple[str, int | None]]:
    """(recording, channel) of what is stored, in order; those of `recordings` where given."""
    wanted = None if recordings is None else set(recordings)
    return [key for key in store.runs() if wanted is None or key[0] in wanted]


@dataclass(frozen=True)
class Unit:
    """One segment of a recording: its bounds, and (values (frames, dim), centres in seconds) of each layer."""

    start_s: float
    end_s: float
    layers: Sequence[tuple[NDArray[np.generic], NDArray[np.float64]]]


def blocks(units: Iterable[Unit], grid: FrameGrid) -> Iterator[Array]:
    """The frames of `grid` unit by unit, float32 (frames, sum of dims); one rule for stores and for sound."""
    counted = 0
    for unit in units:
        stop = grid.inside(0.0, unit.end_s, 1 << 62).stop
        if stop > counted and all(len(centers) for _, centers in unit.layers):
            yield laid_on(unit.layers, grid.first_center_s + grid.hop_s * np.arange(counted, stop))
            counted = stop


def read_beside(store: FeatureStore, recording: str, channel: int | None, layers: Sequence[str]) -> Track:
    """The frames of one channel with those of all others beside them, its own first.

    Raises DataError for a mix and for a recording of one channel: there, nobody can tell whose microphone hears what.
    """
    channels = sorted(each for name, each in store.runs() if name == recording and each is not None)
    if channel is None or channel not in channels:
        raise DataError(
            f"{recording}: stored as a mix of its channels",
            where=store.path,
            mend="Embed every channel by itself: --channels each.",
        )
    if len(channels) < 2:
        raise DataError(f"{recording}: has one channel, and none beside it", where=store.path, parameter="stereo")
    order = [channels[number] for number in own_first(len(channels), channels.index(channel))]
    tracks = [read_track(store, recording, each, layers) for each in order]
    widths = [store.layer(name).width for name in layers]
    return replace(tracks[0], values=beside([each.values for each in tracks], widths))


def read_track(store: FeatureStore, recording: str, channel: int | None, layers: Sequence[str]) -> Track:
    """The frames of one channel of a recording. Raises DataError where it is not stored, or too short for a frame."""
    if (recording, channel) not in store.runs():
        raise DataError(f"{recording}, channel {channel}: not in this store", where=store.path)
    numbers = store.runs()[(recording, channel)]
    rate = int(store.units["sample_rate_hz"][numbers.start])
    grid = even_grid({name: store.layer(name).grids[rate] for name in layers})
    starts, ends = store.units["start_s"], store.units["end_s"]
    units = (Unit(starts[each], ends[each], [store.unit(name, each) for name in layers]) for each in numbers)
    parts = list(blocks(units, grid))
    if not parts:
        raise DataError(f"{recording}: too short for a frame", where=store.path)
    return Track(recording, channel, np.concatenate(parts), grid, rate / 2, float(ends[numbers.stop - 1]))
