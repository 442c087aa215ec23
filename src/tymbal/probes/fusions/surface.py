"""Surface fusion: the first and the last of the layers, nothing between."""

from __future__ import annotations

from tymbal.probes.fusions.base import FusionKind, NoOptions
from tymbal.probes.fusions.weighted_sum import WeightedSum


def _build(dims: tuple[int, ...], width: int, _: NoOptions) -> WeightedSum:
    """The weighted sum of the two ends, after surface fusion (Liu et al. 2021, arXiv 2012.14768), which joins the
    embedding layer and the top layer of an encoder. The layers between are not even read."""
    return WeightedSum(dims, width)


SURFACE = FusionKind("surface", NoOptions, _build, ends=True)
