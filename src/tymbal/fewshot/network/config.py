"""Sizes of the in-context network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tymbal.config import check_fields

STRIDE = 2  # frames of a picture in a token


@dataclass(frozen=True)
class NetworkConfig:
    """The shape of a network.

    Parameters
    ----------
    bands : of the pictures it sees.
    dim, heads : of tokens and of attention.
    stem : channels of the three convolutions over time and bands.
    temporal, kernel : gated convolutions over time, dilated by 1, 2, 4 …, and their width in tokens.
    support_layers, cross_layers : of self-attention in the support, and of attention from the query to it.
    widening : of the layers between attentions.
    similarity : dimensions in which tokens are compared.
    """

    bands: int = 48
    dim: int = 144
    heads: int = 4
    stem: tuple[int, int, int] = (16, 32, 48)
    temporal: int = 3
    kernel: int = 7
    support_layers: int = 1
    cross_layers: int = 2
    widening: int = 3
    similarity: int = 48

    def check(self) -> None:
        """Raise UsageError naming the first field outside its range."""
        check_fields(self, self._ranges())

    def _ranges(self) -> Iterator[tuple[str, bool, str]]:
        yield "bands", self.bands >= 8, "8 or more"
        yield "heads", self.heads >= 1, "1 or more"
        yield "dim", self.dim >= 2 * self.heads and self.dim % (2 * self.heads) == 0, "a multiple of 2 heads"
        yield "stem", len(self.stem) == 3 and min(self.stem) >= 1, "three numbers of 1 or more"
        yield "temporal", self.temporal >= 0, "0 or more"
        yield "kernel", self.kernel >= 1 and self.kernel % 2 == 1, "an odd number"
        yield "support_layers", self.support_layers >= 0, "0 or more"
        yield "cross_layers", self.cross_layers >= 1, "1 or more"
        yield "widening", self.widening >= 1, "1 or more"
        yield "similarity", self.similarity >= 1, "1 or more"

    @property
    def reach(self) -> int:
        """Frames of context that a token depends on, on either side; a multiple of STRIDE."""
        tokens = 2 + (self.kernel // 2) * ((1 << self.temporal) - 1)
        return STRIDE * (tokens + 1)


SIZES = {
    "small": NetworkConfig(),
    "base": NetworkConfig(dim=208, stem=(24, 48, 64), support_layers=1, cross_layers=3, similarity=64),
    "large": NetworkConfig(dim=304, heads=8, stem=(32, 64, 96), support_layers=2, cross_layers=3, similarity=96),
    # 111 M parameters, about as many as DRASDIC has; for a cluster, never trained here.
    "cluster": NetworkConfig(
        dim=768, heads=12, stem=(64, 128, 256), support_layers=6, cross_layers=9, widening=4, similarity=192
    ),
}
