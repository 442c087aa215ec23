"""Weighted sum of layers whose frames are normalised each by itself: no statistics of the training examples."""

from __future__ import annotations

from tymbal.probes.fusions.base import FusionKind, NoOptions
from tymbal.probes.fusions.weighted_sum import WeightedSum, WeightedSumOptions


def _build(dims: tuple[int, ...], width: int, _: NoOptions) -> WeightedSum:
    """z_t = sum over layers l of softmax(w)_l P LN(x_l,t): LayerNorm over the values of each frame, no parameters.

    P is shared where layers are equally wide. No layer can outweigh another by the size of its values, and the
    fusion does not depend on which examples it was trained on.
    """
    return WeightedSum(dims, width, WeightedSumOptions(standardise=False))


NORMED_SUM = FusionKind("normed_sum", NoOptions, _build, norm="layer")
