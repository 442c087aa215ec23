"""Fusions by name. To add one: a file with a `FusionKind`, and its line in `FUSIONS`."""

from __future__ import annotations

from typing import Any

from tymbal.config import from_plain
from tymbal.errors import UsageError
from tymbal.probes.fusions.base import AffineFusion, Fusion, FusionKind
from tymbal.probes.fusions.concatenation import CONCATENATION
from tymbal.probes.fusions.hierarchical_convolution import HIERARCHICAL_CONVOLUTION
from tymbal.probes.fusions.layer_router import LAYER_ROUTER
from tymbal.probes.fusions.normed_sum import NORMED_SUM
from tymbal.probes.fusions.surface import SURFACE
from tymbal.probes.fusions.tokens import TOKENS
from tymbal.probes.fusions.weighted_sum import WEIGHTED_SUM, WeightedSum

_KINDS = (WEIGHTED_SUM, NORMED_SUM, CONCATENATION, SURFACE, HIERARCHICAL_CONVOLUTION, LAYER_ROUTER, TOKENS)
FUSIONS: dict[str, FusionKind] = {fusion.name: fusion for fusion in _KINDS}


def get_fusion(name: str) -> FusionKind:
    """The fusion called `name`. Raises UsageError with the names there are."""
    if name not in FUSIONS:
        raise UsageError(f"unknown fusion {name!r}", parameter="fusion", allowed=", ".join(FUSIONS))
    return FUSIONS[name]


def build_fusion(name: str, dims: tuple[int, ...], width: int | None, options: dict[str, Any]) -> Fusion:
    """The fusion `name` of layers of `dims` values; one layer is only projected, or kept where `width` is None.

    Raises UsageError for an unknown name, ConfigError naming an unknown or ill-typed option.
    """
    kind = get_fusion(name)
    chosen = fusion_options(kind, options)
    if width is None or len(dims) == 1:
        return WeightedSum(dims, width, chosen if kind is WEIGHTED_SUM else None)
    return kind.build(dims, width, chosen)


def fusion_options(fusion: FusionKind, options: dict[str, Any]) -> Any:
    """The fusion's options dataclass from plain values. Raises ConfigError naming an unknown or ill-typed field."""
    return from_plain(fusion.options, options, where=f"options of fusion {fusion.name}")


__all__ = ["FUSIONS", "AffineFusion", "Fusion", "FusionKind", "build_fusion", "fusion_options", "get_fusion"]
