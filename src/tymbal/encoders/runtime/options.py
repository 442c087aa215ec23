"""In which precision an encoder runs: the one place for it. Why so: docs/decisions/0007-precision-and-runtimes.md."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch
from torch import nn

from tymbal.encoders.contract import Encoder
from tymbal.encoders.runtime.modules import (
    Float32LayerNorm,
    FourierPositionalConv,
    Int8Linear,
    LowConv,
    LowLinear,
)
from tymbal.encoders.tokens import AttentionBlock, PositionalConv
from tymbal.errors import EncoderError, UsageError

Precision = Literal["float32", "bfloat16", "int8", "int8-bfloat16"]
FEW_CHANNELS = 8  # convolutions that read a waveform or a picture are cheap, and what they lose all layers lose


@dataclass(frozen=True)
class Runtime:
    """How an encoder computes.

    Parameters
    ----------
    precision : "float32", as published; "bfloat16", linear maps, convolutions and attention in 16 bits; "int8",
        linear maps in eight-bit integers, the rest in float32; "int8-bfloat16", the rest as in "bfloat16". Front ends,
        norms and residual sums stay in float32 in all. Which is fastest depends on the processor, and a store keeps
        to one: `tymbal encoders check` times them all.
    """

    precision: Precision = "float32"

    def __post_init__(self) -> None:
        if self.precision not in get_args(Precision):
            allowed = ", ".join(get_args(Precision))
            raise UsageError(
                f"precision is {self.precision!r}", where="Runtime", allowed=allowed, parameter="precision"
            )


def with_runtime(encoder: Encoder, runtime: Runtime) -> Encoder:
    """The encoder as `runtime` says: itself for float32, else a frozen copy of the same class and layers.

    Its `numerics` and checksum tell the precision, so that a feature store takes no rows of another.

    Parameters
    ----------
    encoder : of float32 weights, on a CPU, or on a GPU for bfloat16.
    runtime : see `Runtime`.

    Raises
    ------
    EncoderError where there is nothing in the encoder that could run in that precision, where it has one already, and
    for "int8" on a GPU.
    """
    if encoder.numerics != "float32":
        raise EncoderError(
            f"{encoder.name} runs in {encoder.numerics} already", parameter="precision", mend="Give the float32 one."
        )
    if runtime.precision == "float32":
        return encoder
    integers = runtime.precision.startswith("int8")
    device = next(iter(encoder.state_dict().values()), torch.empty(0)).device.type
    if integers and device != "cpu":
        raise EncoderError("int8 runs on CPUs only", parameter="precision", mend="Use bfloat16 on this device.")
    dtype = torch.bfloat16 if runtime.precision.endswith("bfloat16") else None
    made = _replacements(encoder, integers, dtype)
    wanted: type = Int8Linear if integers else nn.Module
    if not any(isinstance(each, wanted) for each in made.values()):
        parts = "linear maps" if integers else "linear maps or convolutions"
        raise EncoderError(
            f"{encoder.name} has no {parts} that could run in {runtime.precision}",
            parameter="precision",
            allowed="float32, bfloat16" if integers and _replacements(encoder, False, torch.bfloat16) else "float32",
        )
    low = copy.deepcopy(encoder, {id(old): new for old, new in made.items()})
    for block in [part for part in low.modules() if isinstance(part, AttentionBlock)]:
        _join_projections(block)
        block.product_dtype = dtype
    low.source_checksum = encoder.checksum
    low.numerics = runtime.precision
    return low.freeze()


def _replacements(encoder: Encoder, integers: bool, dtype: torch.dtype | None) -> dict[nn.Module, nn.Module]:
    """What stands in for which module. Exact types only: a subclass has its own reasons."""
    made: dict[nn.Module, nn.Module] = {}
    if not encoder.lowers:
        return made
    for module in encoder.modules():
        if type(module) is nn.Linear:
            made[module] = Int8Linear.of(module) if integers else LowLinear.of(module, torch.bfloat16)
        elif dtype is not None and type(module) in (nn.Conv1d, nn.Conv2d):
            conv: Any = module
            made[module] = LowConv(conv, dtype if conv.in_channels >= FEW_CHANNELS else torch.float32)
    if made:
        made |= dict(_exact(encoder))
    return made


def _exact(encoder: Encoder) -> Iterator[tuple[nn.Module, nn.Module]]:
    """Modules that keep their numbers: norms that take any type, the positional convolution by its spectrum."""
    rewrites: dict[type[nn.Module], Callable[[Any], nn.Module]] = {
        nn.LayerNorm: Float32LayerNorm.of,
        PositionalConv: FourierPositionalConv,
    }
    for module in encoder.modules():
        if type(module) in rewrites:
            yield module, rewrites[type(module)](module)


def _join_projections(block: AttentionBlock) -> None:
    """Query, key and value maps as one, where they are three."""
    names = [f"{each}_proj" for each in "qkv"]
    parts: list[Any] = [block._modules.get(name) for name in names]
    if any(part is None for part in parts):
        return
    block.add_module("qkv", type(parts[0]).joined(parts))
    for name in names:
        delattr(block, name)
