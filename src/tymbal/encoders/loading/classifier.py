"""The linear head that a published encoder came with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from tymbal.errors import EncoderError

SUFFIX = ".classifier.safetensors"


@dataclass(frozen=True)
class Classifier:
    """A linear head: weight (classes, dim) and bias (classes,); `hidden`, if any, comes first, with a ReLU after it."""

    weight: Tensor
    bias: Tensor | None
    hidden: Classifier | None = None


def classifier_path(path: Path) -> Path:
    """Where the head of one of our own encoder files stands: beside it."""
    return path.with_name(path.name.removesuffix(path.suffix) + SUFFIX)


def write_classifier(classifier: Classifier, path: Path) -> Path:
    """Write a head beside the encoder's file `path`; gives the file."""
    from safetensors.torch import save

    from tymbal.jobs.atomic import write_bytes

    tensors = {}
    for stem, each in (("", classifier), ("hidden.", classifier.hidden)):
        if each is not None:
            tensors[f"{stem}weight"] = each.weight.detach().cpu().contiguous()
            if each.bias is not None:
                tensors[f"{stem}bias"] = each.bias.detach().cpu().contiguous()
    write_bytes(classifier_path(path), save(tensors))
    return classifier_path(path)


def read_classifier(path: Path) -> Classifier | None:
    """The head beside the encoder's file `path`; None where there is none. EncoderError for a file without one."""
    from tymbal.encoders.loading.container import read_container

    beside = classifier_path(path)
    if not beside.is_file():
        return None
    tensors = read_container(beside).tensors
    weight = tensors.get("weight")
    if weight is None or weight.ndim != 2:
        raise EncoderError("no linear head", where=beside, allowed="a tensor 'weight' (classes, dim)")
    hidden = tensors.get("hidden.weight")
    inner = None if hidden is None else Classifier(hidden, tensors.get("hidden.bias"))
    return Classifier(weight, tensors.get("bias"), inner)
