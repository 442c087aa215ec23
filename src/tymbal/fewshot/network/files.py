"""Network files: safetensors, with the shape and where they come from as JSON inside; nothing is unpickled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from tymbal.config import from_plain
from tymbal.errors import DataError, TymbalError
from tymbal.fewshot.network.config import NetworkConfig
from tymbal.fewshot.network.model import Network
from tymbal.training import read_tensors, write_tensors
from tymbal.training.device import usable_device

FORMAT = 1
_MEND = "Train one: tymbal fewshot train -o MODEL."


def save_network(network: Network, path: Path, about: Mapping[str, Any]) -> None:
    """Write weights, shape and `about` (plain JSON: how it was trained), whole or not at all."""
    tensors = {name: each.float() for name, each in network.state_dict().items()}
    state = {"kind": "fewshot-network", "format": FORMAT, "config": asdict(network.config), "about": dict(about)}
    write_tensors(path, tensors, state)


def load_network(path: Path, device: str | None = "cpu") -> Network:
    """A network that `save_network` wrote, in evaluation mode. Raises DataError for any other file."""
    tensors, state = read_tensors(Path(path), mend=_MEND)
    if state.get("kind") != "fewshot-network" or state.get("format") != FORMAT:
        what = f"a file of kind {state.get('kind')!r}, format {state.get('format')!r}, is no few-shot network"
        raise DataError(what, where=path, allowed=f"kind 'fewshot-network', format {FORMAT}", mend=_MEND)
    try:
        network = built(from_plain(NetworkConfig, state["config"]), tensors)
    except (KeyError, TypeError, RuntimeError, TymbalError) as error:
        raise DataError(f"the network is damaged ({error})", where=path, mend=_MEND) from error
    return network.to(usable_device(device))


def built(config: NetworkConfig, tensors: Mapping[str, torch.Tensor]) -> Network:
    """A network with these weights, in evaluation mode; every weight is accounted for."""
    with torch.device("meta"):
        network = Network(config)
    network.load_state_dict(dict(tensors), strict=True, assign=True)
    return network.eval().requires_grad_(False)
