"""A network small enough for tests."""

from __future__ import annotations

import torch

from tymbal.fewshot.network.config import NetworkConfig
from tymbal.fewshot.network.model import Network

TINY = NetworkConfig(
    bands=12, dim=16, heads=2, stem=(4, 6, 8), temporal=2, kernel=3, support_layers=1, cross_layers=2, similarity=8
)


def make_network(*, trained: bool = False, bands: int = TINY.bands, seed: int = 0) -> Network:
    """`trained` fills what starts at zero, so that every part of it tells in the answer."""
    torch.manual_seed(seed)
    network = Network(NetworkConfig(**{**TINY.__dict__, "bands": bands})).eval()
    if trained:
        with torch.no_grad():
            network.head.weight.normal_(0, 0.5)
            network.similar.weight.normal_(0, 0.5)
    return network
