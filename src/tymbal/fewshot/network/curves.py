"""The training-free finders' curves, which the network is shown and starts from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d

from tymbal.fewshot.finders import lda, ncc
from tymbal.fewshot.finders.contract import Pixels
from tymbal.fewshot.finders.lda import Lda
from tymbal.fewshot.finders.ncc import Ncc
from tymbal.fewshot.support import Support

CURVES = ("ncc", "lda")
SPREAD = 0.7  # of a median example: how far the peak of a correlation counts, which stands in a call's middle alone
CENTRES, GAINS = (0.4, 0.5), (4.0, 2.0)  # of correlation and discriminant where they say neither yes nor no
WIDEST = 3.0  # log odds: a curve says no more


@dataclass(frozen=True)
class Curves:
    """Both finders, fitted; `spread` in frames."""

    ncc: Ncc
    lda: Lda
    spread: int

    @classmethod
    def fit(cls, support: Support, shots: Sequence[int]) -> Curves:
        """On these examples of a support."""
        return cls(ncc.fit(support, shots), lda.fit(support, shots), _odd(SPREAD * support.median_frames))

    @property
    def reach(self) -> int:
        """Frames of context that a value depends on."""
        return max(self.ncc.reach + self.spread // 2, self.lda.reach)

    def __call__(self, pixels: Pixels) -> NDArray[np.float32]:
        """About the log odds that each finder gives each frame, (frames, 2)."""
        best = maximum_filter1d(self.ncc.correlate(pixels)[0], self.spread, mode="nearest")
        raw = np.stack([best, self.lda.curve(pixels)], axis=1)
        scaled = (raw - np.array(CENTRES)) * np.array(GAINS)
        return np.asarray(np.clip(scaled, -WIDEST, WIDEST), dtype=np.float32)


def _odd(frames: float) -> int:
    return 2 * int(frames // 2) + 1
