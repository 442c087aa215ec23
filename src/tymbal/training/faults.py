"""A step that gave no number: the batch is kept, and the error says where to look."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from tymbal.errors import TrainingError
from tymbal.training.checkpoint import write_tensors

FAULT = "fault.safetensors"


def tensors_of(batch: object, name: str = "batch") -> Iterator[tuple[str, Tensor]]:
    """Every tensor in a batch of nested tuples, lists, mappings and dataclasses, with its path as a name."""
    if isinstance(batch, Tensor):
        yield name, batch
    elif isinstance(batch, Mapping):
        for key, value in batch.items():
            yield from tensors_of(value, f"{name}.{key}")
    elif isinstance(batch, (tuple, list)):
        for index, value in enumerate(batch):
            yield from tensors_of(value, f"{name}.{index}")
    elif dataclasses.is_dataclass(batch):
        for field in dataclasses.fields(batch):
            yield from tensors_of(getattr(batch, field.name), f"{name}.{field.name}")


def keep_batch(directory: Path, batch: object, state: dict[str, Any]) -> Path:
    """Write the tensors of a batch, as the loss took them, to fault.safetensors; returns the file."""
    path = directory / FAULT
    write_tensors(path, dict(tensors_of(batch)), state)
    return path


def not_finite(what: str, step: int, epoch: int, examples: list[int], kept: str) -> TrainingError:
    """The error of a loss or gradient that is not a number; `kept` says where its batch can be read."""
    shown = ", ".join(map(str, examples[:8])) + (", …" if len(examples) > 8 else "")
    error = TrainingError(
        f"the {what} is not a number at step {step} (epoch {epoch}), examples {shown}",
        where="train",
        mend=f"Look at these examples for NaN or huge values, or lower learning_rate.{kept}",
    )
    error.examples = tuple(examples)
    return error
