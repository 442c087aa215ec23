"""Weighted sum of layers whose frames are normalised each by itself: no statistics of the training examples."""

from __future__ import annotations

from tymbal.probes.fusions.base import FusionKind
from tymbal.probes.fusions.layer_weights import LayerWeightsOptions
from tymbal.probes.fusions.weighted_sum import WeightedSum, WeightedSumOptions


def _build(dims: tuple[int, ...], width: int, options: LayerWeightsOptions) -> WeightedSum:
    """z_t = sum over layers l of softmax(w)_l P LN(x_l,t): LayerNorm over the values of each frame, no parameters.

    P is shared where layers are equally wide. No layer can outweigh another by the size of its values, and the
    fusion does not depend on which examples it was trained on.
    """
    return WeightedSum(dims, width, WeightedSumOptions(options.rate_multiplier, standardise=False))


NORMED_SUM = FusionKind("normed_sum", LayerWeightsOptions, _build, norm="layer")
