"""Slow twins of the features room: one long pass, one frame at a time, float64."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
import torch

from tymbal.encoders.contract import Encoder
from tymbal.features import FeatureStore


def long_pass(encoder: Encoder, sound: np.ndarray[Any, Any]) -> dict[str, tuple[np.ndarray[Any, Any], list[float]]]:
    """layer -> (values (frames, bands*dim), centres in seconds) of one pass over a whole recording."""
    found = {}
    with torch.no_grad():
        outputs = encoder(torch.from_numpy(np.ascontiguousarray(sound, dtype=np.float32))[None])
    for spec in encoder.layers:
        values, mask = outputs[spec.name]
        rows = [values[0, i].reshape(-1).numpy() for i in range(values.shape[1]) if mask[0, i]]
        centers = [spec.grid.first_center_s + spec.grid.hop_s * i for i in range(len(rows))]
        found[spec.name] = (np.array(rows).reshape(len(rows), -1), centers)
    return found


def all_frames(store: FeatureStore, layer: str, recording: str, channel: int | None) -> list[tuple[float, np.ndarray]]:  # type: ignore[type-arg]
    """(centre, row) of every frame of a recording, unit by unit."""
    units = store.units.filter((pl.col("recording") == recording) & pl.col("channel").eq_missing(channel))
    found = []
    for unit in units.sort("start_s")["unit"]:
        values, centers_s = store.unit(layer, unit)
        found += [(float(center), row.astype(np.float64)) for center, row in zip(centers_s, values, strict=True)]
    return found


def event_frames(
    frames: list[tuple[float, np.ndarray[Any, Any]]], onset_s: float, offset_s: float
) -> list[tuple[float, np.ndarray[Any, Any]]]:
    """Frames whose centre lies in [onset, offset), the nearest to the middle where there is none."""
    inside = [frame for frame in frames if onset_s - 1e-9 <= frame[0] < offset_s - 1e-9]
    middle = (onset_s + offset_s) / 2
    return inside or [nearest(frames, middle)]


def nearest(frames: list[tuple[float, np.ndarray[Any, Any]]], time_s: float) -> tuple[float, np.ndarray[Any, Any]]:
    """The frame whose centre is nearest, the later one on a tie."""
    return min(frames, key=lambda frame: (round(abs(frame[0] - time_s), 9), -frame[0]))


def bin_means(
    frames: list[tuple[float, np.ndarray[Any, Any]]], onset_s: float, offset_s: float, bins: int
) -> list[np.ndarray[Any, Any]]:
    """Mean of the frames in each of `bins` equal bins; the nearest frame for a bin without."""
    width = (offset_s - onset_s) / bins
    found = []
    for index in range(bins):
        low, high = onset_s + index * width, onset_s + (index + 1) * width
        inside = [
            row
            for center, row in frames
            if (index == 0 or low - 1e-9 <= center) and (index == bins - 1 or center < high - 1e-9)
        ]
        if not inside:
            middle = (low + high) / 2
            inside = [nearest(frames, middle)[1]]
        found.append(np.mean(inside, axis=0))
    return found


def unit_counts(lengths: Mapping[str, int], segment: int) -> dict[str, list[tuple[int, int]]]:
    """recording -> (start, end) in samples of its units."""
    found: dict[str, list[tuple[int, int]]] = {}
    for name, length in lengths.items():
        start = 0
        while start < length:
            found.setdefault(name, []).append((start, min(start + segment, length)))
            start += segment
    return found
