"""Crops of pictures as training examples: drawn anew each time, from several sources by weight."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from tymbal.errors import DataError
from tymbal.pretraining.objectives.contract import PictureBatch
from tymbal.pretraining.sources import Source
from tymbal.training import derive_seed


class Crops:
    """`Batches` for `tymbal.training.train`: example i is a new random crop each time it is asked for.

    A share of the examples proportional to its weight belongs to each source, which says what a crop of it is; crops
    that are shorter than asked for are filled up, masked. Randomness comes from torch's default generator, so that a
    resumed run sees the same crops.

    Parameters
    ----------
    sources : opened; all labelled where `labels` is given.
    frames : of a crop.
    examples : in an epoch.
    labels : in the order of the columns of the batches' labels; () for none.
    replica : which of how many processes this is: all have the same generator, each draws crops of its own.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        *,
        frames: int,
        examples: int,
        labels: Sequence[str] = (),
        device: str = "cpu",
        replica: tuple[int, int] = (0, 1),
    ) -> None:
        weights = np.array([source.config.weight for source in sources], dtype=np.float64)
        if len(sources) == 0 or not np.isfinite(weights).all() or weights.min() <= 0:
            raise DataError(
                f"weights {weights.tolist()}", where="sources", allowed="one source or more, weights above 0"
            )
        if frames < 1 or examples < 1:
            raise DataError(f"{examples} crops of {frames} frames", where="Crops", allowed="1 or more of both")
        self.sources, self.frames, self.labels, self.device = tuple(sources), frames, tuple(labels), device
        self.ends = np.ceil(np.cumsum(weights) / weights.sum() * examples - 1e-9).astype(int)
        self._columns = {label: column for column, label in enumerate(self.labels)}
        self._replica = replica
        self.bands = self.sources[0].bands
        if any(source.bands != self.bands for source in self.sources):
            raise DataError("pictures of different numbers of bands", where="sources", mend="Embed them alike.")

    def __len__(self) -> int:
        return int(self.ends[-1])

    def batch(self, indices: Tensor) -> PictureBatch:
        """Pictures (n, frames, bands), masks and labels for n example numbers."""
        count = len(indices)
        pictures = np.zeros((count, self.frames, self.bands), dtype=np.float32)
        real = np.zeros((count, self.frames), dtype=bool)
        labels = np.zeros((count, len(self.labels)), dtype=np.float32)
        drawn = self._drawn(count).numpy()
        of = np.searchsorted(self.ends, indices.numpy(), side="right")
        for number, source in enumerate(self.sources):
            rows = np.flatnonzero(of == number)
            crops = source.crops(drawn[rows], self.frames, labelled=bool(self.labels)) if len(rows) else []
            for row, crop in zip(rows.tolist(), crops, strict=True):
                pictures[row, : len(crop.picture)] = crop.picture
                real[row, : len(crop.picture)] = True
                for label in crop.labels:
                    if label in self._columns:
                        labels[row, self._columns[label]] = 1.0
        there = [torch.from_numpy(each).to(self.device) for each in (pictures, real, labels)]
        return PictureBatch(there[0], there[1], there[2] if self.labels else None)

    def _drawn(self, count: int) -> Tensor:
        """Numbers in [0, 1), (count, 2). In several processes the shared generator gives one seed, and each its own."""
        rank, size = self._replica
        if size == 1:
            return torch.rand(count, 2, dtype=torch.float64)
        shared = int(torch.randint(2**62, ()))
        own = torch.Generator().manual_seed(derive_seed(shared, f"replica {rank}"))
        return torch.rand(count, 2, dtype=torch.float64, generator=own)
