"""Bats at their native 375 and 500 kHz, time-frequency boxes of one class, one recording (one species) left out.

Run: docs/studies/detection_bats.sh WORK    Called there with DATA WORK; goes on after a stop.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from detection_small import METHODS, Task, band_edges_hz, excess_db, problems, tell, tell_differences, work

from tymbal.corpus import index
from tymbal.detection import DetectorConfig, NetworkConfig
from tymbal.detection.config import TRAINING
from tymbal.detection.frames import Array, Track
from tymbal.encoders.spectral import SpectralConfig, SpectralEncoder
from tymbal.features import embed

# Played at 48 kHz these are 10 ms every 5: at 500 kHz 0.96 ms every 0.48, where the shortest call lasts 0.8 ms.
FRAMES = SpectralConfig(window_s=0.010, hop_s=0.005)
BANDS, CONTOURS = 64, 8
CONFIG = DetectorConfig(
    layers=("log_mel", "pcen_mel"),
    classes=False,
    bounds=True,
    window_frames=256,
    network=NetworkConfig(width=24, dilations=(1, 2, 4, 8, 16)),
    training=replace(TRAINING, epochs=30, patience=None, monitor="loss", direction="min"),
)
SLOWED = 16.0  # for Voxaboxen: calls of 1 to 30 ms become 16 to 500 ms, 500 kHz becomes 31 kHz


def make_task(data: Path, folder: Path) -> Task:
    """Corpus and frames, every recording at its own rate; the networks see contours."""
    corpus = index(
        data,
        out=folder / "bats.corpus",
        annotations=data / "annotations.csv",
        metadata=data / "recordings.csv",
        coverage="complete",
    )
    store = embed(corpus, SpectralEncoder(FRAMES), folder / "bats.store", layers=["log_mel", "pcen_mel"])
    species = dict(corpus.recordings.select("recording", "species").rows())
    groups = dict.fromkeys(species, "all")
    return Task(corpus, store, CONFIG, species, "recording", tuple(species), groups, SLOWED, contour, CONTOURS)


def contour(track: Track) -> Array:
    """What is loudest in each frame, whatever its frequency (frames, 8).

    Its excess and that of all bands (in 10 dB), its place and the bounds of what lies within 10 dB of it (as shares of
    the bands, then of half the rate), and the share of bands that stand out by 10 dB.
    """
    excess = excess_db(track, BANDS)
    smooth = np.pad((excess[:, :-2] + excess[:, 1:-1] + excess[:, 2:]) / 3, ((0, 0), (1, 1)), mode="edge")
    peak, place = smooth.max(axis=1), smooth.argmax(axis=1)
    quiet, bands = smooth < peak[:, None] - 10.0, np.arange(BANDS)
    low = np.where(quiet & (bands < place[:, None]), bands, -1).max(axis=1) + 1
    high = np.where(quiet & (bands > place[:, None]), bands, BANDS).min(axis=1)
    edges = band_edges_hz(track, BANDS) / track.nyquist_hz
    columns = (peak / 10, excess.mean(axis=1) / 10, place / BANDS, low / BANDS, high / BANDS, edges[low], edges[high])
    return np.stack([*columns, (excess > 10).mean(axis=1)], axis=1).astype(np.float32)


def main() -> None:
    """Work the folds that are not done, then print the tables."""
    data, folder = Path(sys.argv[1]), Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    task = make_task(data, folder)
    found = work(task, [[name] for name in task.tested], folder / "bats.test", METHODS)
    for frequency, title in ((False, "in time"), (True, "time x frequency")):
        judged = problems(task, found, frequency=frequency)
        tell(judged, ("f1@0.5", "f1@0.8"), title)
        tell_differences(judged, ("f1@0.5", "f1@0.8"), title)


if __name__ == "__main__":
    main()
