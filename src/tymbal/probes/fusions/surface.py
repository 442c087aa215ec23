"""Surface fusion: the first and the last of the layers, nothing between."""

from __future__ import annotations

from tymbal.probes.fusions.base import FusionKind
from tymbal.probes.fusions.layer_weights import LayerWeightsOptions
from tymbal.probes.fusions.weighted_sum import WeightedSum, WeightedSumOptions


def _build(dims: tuple[int, ...], width: int, options: LayerWeightsOptions) -> WeightedSum:
    """The weighted sum of the two ends, after surface fusion (Liu et al. 2021, arXiv 2012.14768), which joins the
    embedding layer and the top layer of an encoder. The layers between are not even read."""
    return WeightedSum(dims, width, WeightedSumOptions(options.rate_multiplier))


SURFACE = FusionKind("surface", LayerWeightsOptions, _build, ends=True)
