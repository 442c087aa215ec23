"""In which precision an encoder runs: the one place for it. Why these: docs/decisions/0007-precision.md."""

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

Precision = Literal["float32", "bfloat16", "int8"]
FEW_CHANNELS = 8  # convolutions that read a waveform or a picture are cheap, and what they lose all layers lose


@dataclass(frozen=True)
class Runtime:
    """How an encoder computes.

    Parameters
    ----------
    precision : "float32", as published; "bfloat16", linear maps, convolutions and attention in 16 bits; "int8",
        linear maps in eight-bit integers, the rest as in "bfloat16" where the processor multiplies it fast, else in
        float32. Front ends, norms and residual sums stay in float32 in all three.
    """

    precision: Precision = "float32"

    def __post_init__(self) -> None:
        if self.precision not in get_args(Precision):
            allowed = ", ".join(get_args(Precision))
            raise UsageError(
                f"precision is {self.precision!r}", where="Runtime", allowed=allowed, parameter="precision"
            )


def with_runtime(encoder: Encoder, runtime: Runtime, *, fast_bfloat16: bool | None = None) -> Encoder:
    """The encoder as `runtime` says: itself for float32, else a frozen copy of the same class and layers.

    Its `numerics` and checksum tell the precision, so that a feature store takes no rows of another.

    Parameters
    ----------
    encoder : of float32 weights, on a CPU, or on a GPU for bfloat16.
    runtime : see `Runtime`.
    fast_bfloat16 : whether "int8" multiplies the rest in bfloat16; None: as this processor does best.

    Raises
    ------
    EncoderError where there is nothing in the encoder that could run in that precision, where it has one already, and
    for "int8" on a GPU.
    """
    if encoder.numerics != "float32":
        raise EncoderError(f"it runs in {encoder.numerics} already", where=encoder.name, mend="Give the float32 one.")
    if runtime.precision == "float32":
        return encoder
    device = next(iter(encoder.state_dict().values()), torch.empty(0)).device.type
    if runtime.precision == "int8" and device != "cpu":
        raise EncoderError("int8 runs on CPUs only", where=encoder.name, mend="Use bfloat16 on this device.")
    fast = has_fast_bfloat16() if fast_bfloat16 is None else fast_bfloat16
    dtype = torch.bfloat16 if runtime.precision == "bfloat16" or fast else None
    made = _replacements(encoder, runtime.precision, dtype) if encoder.lowers else {}
    wanted: type = Int8Linear if runtime.precision == "int8" else nn.Module
    if not any(isinstance(each, wanted) for each in made.values()):
        parts = "linear maps" if runtime.precision == "int8" else "linear maps or convolutions"
        raise EncoderError(
            f"it has no {parts} that could run in {runtime.precision}",
            where=encoder.name,
            allowed="float32" + (", bfloat16" if made else ""),
        )
    low = copy.deepcopy(encoder, {id(old): new for old, new in made.items()})
    for block in [part for part in low.modules() if isinstance(part, AttentionBlock)]:
        _join_projections(block)
        block.product_dtype = dtype
    low.source_checksum = encoder.checksum
    low.numerics = runtime.precision
    if runtime.precision == "int8":
        low.numerics += f", other products in {'bfloat16' if dtype else 'float32'}"
    return low.freeze()


def has_fast_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 (AVX-512 BF16, AMX); emulated, it is slower than float32."""
    names = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    checks = [getattr(torch.cpu, name, None) for name in names]
    return any(bool(check()) for check in checks if check is not None)


def _replacements(encoder: Encoder, precision: Precision, dtype: torch.dtype | None) -> dict[nn.Module, nn.Module]:
    """What stands in for which module. Exact types only: a subclass has its own reasons."""
    made: dict[nn.Module, nn.Module] = {}
    for module in encoder.modules():
        if type(module) is nn.Linear:
            made[module] = Int8Linear.of(module) if precision == "int8" else LowLinear.of(module, torch.bfloat16)
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
