"""Classes out of calls that nobody labelled: clusters from near-identical to loosely alike."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from tymbal.synthesis.exemplars import Sound

SIZES = (4, 8, 16, 32, 64, 128)  # mean calls per cluster; a scene picks one granularity, so "alike" varies
FRAME = 256
BANDS = 32
TIMES = 12
COMPONENTS = 16
DURATION_WEIGHT = 3.0  # one doubling of duration counts as much as so many standard deviations of a component


def fingerprint(samples: Sound) -> NDArray[np.float32]:
    """What a call sounds like in `BANDS` * `TIMES` + 1 numbers: its spectrogram on a relative clock, and log duration.

    Bands are equal in log frequency over six octaves below half the rate; levels are decibels, 40 below the loudest
    at least, so that loudness counts nothing.
    """
    hop = max(16, len(samples) // (2 * TIMES))
    padded = np.pad(samples, (FRAME // 2, FRAME))
    cut = np.lib.stride_tricks.sliding_window_view(padded, FRAME)[::hop][: -(-len(samples) // hop)]
    power = np.abs(np.fft.rfft(cut * np.hanning(FRAME), axis=1)) ** 2
    edges = np.round(2.0 ** np.linspace(1, 7, BANDS + 1)).astype(np.int64)
    banded = np.stack([power[:, a : max(b, a + 1)].mean(axis=1) for a, b in pairwise(edges)], axis=1)
    places = np.linspace(0, len(banded) - 1, TIMES)
    nearest = banded[np.round(places).astype(np.int64)]
    decibels = 10 * np.log10(np.maximum(nearest / max(float(nearest.max()), 1e-20), 1e-4))
    return np.append(decibels.ravel(), np.log2(len(samples))).astype(np.float32)


def cluster(fingerprints: NDArray[np.float32], *, seed: int = 0) -> dict[int, NDArray[np.int32]]:
    """For each granularity that the calls suffice for (twice its size), the cluster of each call; shape (calls,).

    Principal components of the spectrograms, scaled by one number, beside the weighted log duration; mini-batch
    k-means (Sculley 2010) with a fixed seed. No granularity where there are fewer than eight calls.
    """
    from sklearn.cluster import MiniBatchKMeans
    from sklearn.decomposition import PCA

    number = len(fingerprints)
    found: dict[int, NDArray[np.int32]] = {}
    if number < 2 * SIZES[0]:
        return found
    components = min(COMPONENTS, number - 1, BANDS * TIMES)
    shape = PCA(components, svd_solver="full" if number < 2000 else "randomized", random_state=seed).fit_transform(
        fingerprints[:, :-1]
    )
    shape /= max(float(np.sqrt((shape**2).mean())), 1e-9)
    length = DURATION_WEIGHT * (fingerprints[:, -1:] - fingerprints[:, -1:].mean())
    points = np.concatenate([shape, length], axis=1)
    for size in SIZES:
        if number >= 2 * size:
            means = MiniBatchKMeans(number // size, batch_size=16_384, n_init=3, random_state=seed)
            found[size] = np.asarray(means.fit_predict(points), dtype=np.int32)
    return found
