"""Fusions by name. To add one: a file with a `FusionKind`, and its line in `FUSIONS`."""

from __future__ import annotations

from typing import Any

from tymbal.config import from_plain
from tymbal.errors import UsageError
from tymbal.probes.fusions.base import AffineFusion, Fusion, FusionKind
from tymbal.probes.fusions.weighted_sum import WEIGHTED_SUM, WeightedSum

FUSIONS: dict[str, FusionKind] = {fusion.name: fusion for fusion in (WEIGHTED_SUM,)}


def get_fusion(name: str) -> FusionKind:
    """The fusion called `name`. Raises UsageError with the names there are."""
    if name not in FUSIONS:
        raise UsageError(f"unknown fusion {name!r}", where="fusion", allowed=", ".join(FUSIONS))
    return FUSIONS[name]


def build_fusion(name: str, dims: tuple[int, ...], width: int | None, options: dict[str, Any]) -> Fusion:
    """The fusion `name` of layers of `dims` values; one layer is only projected, or kept where `width` is None.

    Raises UsageError for an unknown name, ConfigError naming an unknown or ill-typed option.
    """
    kind = get_fusion(name)
    chosen = fusion_options(kind, options)
    if width is None or (len(dims) == 1 and kind is not WEIGHTED_SUM):
        return WeightedSum(dims, width)
    return kind.build(dims, width, chosen)


def fusion_options(fusion: FusionKind, options: dict[str, Any]) -> Any:
    """The fusion's options dataclass from plain values. Raises ConfigError naming an unknown or ill-typed field."""
    return from_plain(fusion.options, options, where=f"options of fusion {fusion.name}")


__all__ = ["FUSIONS", "AffineFusion", "Fusion", "FusionKind", "build_fusion", "fusion_options", "get_fusion"]
