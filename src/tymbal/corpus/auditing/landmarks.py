"""Fingerprints of sound: pairs of spectral peaks, the same in every copy whatever its codec, gain or start.

After Wang (2003), "An industrial-strength audio search algorithm". Frames and bins are fixed in seconds and Hz, not in
samples, so that a copy at another sample rate has the same landmarks below both Nyquist frequencies.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

WINDOW_S, HOP_S = 0.032, 0.008  # bins of 31.25 Hz
NEAR_FRAMES, NEAR_BINS = 3, 10  # a peak is the greatest value this far around it
CELL_FRAMES, PEAKS_PER_CELL = 32, 10  # at most ten peaks in a quarter of a second
FAN_OUT, REACH_FRAMES, REACH_BINS = 5, 63, 127  # each peak is paired with the next five within 0.5 s and 4 kHz
FLOOR_DB = 70.0  # below the loudest value of the stretch nothing is a peak
SILENCE_DB = -110.0  # nor below this level
MOST = 2048  # landmarks kept per recording; more are thinned by their value, alike in every copy

Peaks = tuple[NDArray[np.int64], NDArray[np.int64]]  # frame and bin of each, sorted by frame


@dataclass(frozen=True)
class Landmarks:
    """Values (n,) uint32 and the frame each begins at (n,) uint32, sorted by frame."""

    values: NDArray[np.uint32]
    frames: NDArray[np.uint32]


def peaks(levels_db: NDArray[np.float32], first: int, last: int) -> Peaks:
    """Peaks of a stretch of spectrogram, shape (frames, bins), that lie in frames [first, last); frames count from 0.

    The frames outside are context. At most PEAKS_PER_CELL in CELL_FRAMES, those that stand out most of their bin.
    """
    if not levels_db.size or last <= first:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    highest = running_maximum(running_maximum(levels_db, NEAR_BINS, axis=1), NEAR_FRAMES, axis=0)
    floor = max(float(levels_db.max()) - FLOOR_DB, SILENCE_DB)
    found = (levels_db == highest) & (levels_db > floor)
    found[:first] = found[last:] = False
    frames, bins = np.nonzero(found)
    stand_out = levels_db[frames, bins] - levels_db.mean(axis=0)[bins]
    order = np.lexsort((-stand_out, frames // CELL_FRAMES))
    cells = frames[order] // CELL_FRAMES
    rank = np.arange(len(cells)) - np.searchsorted(cells, cells, side="left")
    kept = np.sort(order[rank < PEAKS_PER_CELL])
    return frames[kept].astype(np.int64), bins[kept].astype(np.int64)


def running_maximum(values: NDArray[np.float32], reach: int, *, axis: int) -> NDArray[np.float32]:
    """Greatest value up to `reach` places before and after each along `axis` of a matrix; the edges end the window.

    By doubling: the maximum over 2n places is that of two runs of n, so it costs the logarithm of the reach.
    """
    pad = [(0, 0), (0, 0)]
    pad[axis] = (reach, reach)
    run = np.moveaxis(np.pad(values, pad, constant_values=-np.inf), axis, 0)
    wanted, length = 2 * reach + 1, 1
    while length < wanted:
        step = min(length, wanted - length)
        run = np.maximum(run[: len(run) - step], run[step:])
        length += step
    return np.moveaxis(run, 0, axis)


def pair_up(frames: NDArray[np.int64], bins: NDArray[np.int64]) -> Landmarks:
    """Landmarks of the peaks of one recording, sorted by frame: (bin, bin difference, frame difference) in 32 bits.

    Differences in time are halved, so that a copy shifted by part of a frame keeps most of its landmarks. Where
    there are more than MOST, those with the least scrambled value are kept: the same ones in every copy.
    """
    values, starts = [], []
    for step in range(1, 4 * FAN_OUT + 1):  # the next peaks in order; those out of reach in frequency are skipped
        if step >= len(frames):
            break
        apart = frames[step:] - frames[:-step]
        rise = bins[step:] - bins[:-step]
        near = (apart >= 1) & (apart <= REACH_FRAMES) & (np.abs(rise) <= REACH_BINS)
        kept = np.flatnonzero(near)
        code = (bins[:-step][kept] << 13) | ((rise[kept] + REACH_BINS + 1) << 5) | (apart[kept] >> 1)
        values.append(code)
        starts.append(kept)
    if not values:
        return Landmarks(np.zeros(0, np.uint32), np.zeros(0, np.uint32))
    value, start = np.concatenate(values), np.concatenate(starts)
    order = np.argsort(start, kind="stable")  # by peak, nearest partners first
    value, start = value[order], start[order]
    rank = np.arange(len(start)) - np.searchsorted(start, start, side="left")
    value, start = value[rank < FAN_OUT], start[rank < FAN_OUT]
    return thin(Landmarks(value.astype(np.uint32), frames[start].astype(np.uint32)))


def scramble(values: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """A fixed mixing of 32 bits (Wellons' lowbias32), for choosing landmarks by value without favouring pitches."""
    mixed = values.astype(np.uint32).copy()
    mixed ^= mixed >> np.uint32(16)
    mixed *= np.uint32(0x7FEB352D)
    mixed ^= mixed >> np.uint32(15)
    mixed *= np.uint32(0x846CA68B)
    mixed ^= mixed >> np.uint32(16)
    return mixed


def thin(landmarks: Landmarks) -> Landmarks:
    """At most about MOST landmarks: those whose scrambled value lies below a power of two, halved until few enough."""
    mixed = scramble(landmarks.values)
    limit = 1 << 32
    kept = np.ones(len(mixed), dtype=bool)
    while int(kept.sum()) > MOST:
        limit >>= 1
        kept = mixed < limit
    return Landmarks(landmarks.values[kept], landmarks.frames[kept])
