"""Tensors and a JSON state in one safetensors file, written whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, optim

from tymbal.errors import DataError
from tymbal.jobs.atomic import write_bytes

_KEY = "tymbal"


def write_tensors(path: Path, tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> None:
    """Save named tensors with `state` (JSON, no NaN) as the file's metadata; atomic, through `jobs`."""
    from safetensors.torch import save

    plain = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    text = json.dumps(state, sort_keys=True, ensure_ascii=False, allow_nan=False)
    write_bytes(path, save(plain, metadata={_KEY: text}))


def read_tensors(path: Path, *, mend: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """What `write_tensors` saved. Raises DataError, with `mend`, for a file that is missing or not one of ours."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
        return tensors, json.loads(metadata[_KEY])
    except FileNotFoundError as error:
        raise DataError("no such file", where=path, mend=mend) from error
    except (SafetensorError, OSError, KeyError, json.JSONDecodeError) as error:
        raise DataError(f"not a file that Tymbal wrote ({type(error).__name__})", where=path, mend=mend) from error


def is_whole(path: Path) -> bool:
    """Whether a file that `write_tensors` wrote is there in full length; no tensor is read."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), framework="pt") as file:
            return _KEY in (file.metadata() or {})
    except (SafetensorError, OSError):
        return False


def optimizer_tensors(optimizer: optim.Optimizer, prefix: str) -> dict[str, Tensor]:
    """The per-parameter state of an optimizer as flat named tensors: prefix + "<parameter>.<name>"."""
    state = optimizer.state_dict()["state"]
    return {f"{prefix}{index}.{name}": value for index, entry in state.items() for name, value in entry.items()}


def restore_optimizer(optimizer: optim.Optimizer, tensors: Mapping[str, Tensor], prefix: str) -> None:
    """Inverse of `optimizer_tensors`; the settings of the groups stay those of `optimizer`."""
    whole = optimizer.state_dict()
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        if key.startswith(prefix):
            index, name = key.removeprefix(prefix).split(".", 1)
            state.setdefault(int(index), {})[name] = value
    optimizer.load_state_dict({"state": state, "param_groups": whole["param_groups"]})
