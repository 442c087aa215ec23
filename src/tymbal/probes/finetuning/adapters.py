"""Which of an encoder's parameters are trained, and low-rank adapters in the place of its linear maps."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

import torch
from torch import Tensor, nn
from torch.nn import functional

from tymbal.encoders.contract import Encoder
from tymbal.errors import EncoderError, UsageError
from tymbal.probes.finetuning.config import FinetuneConfig

NORMS = (nn.LayerNorm, nn.GroupNorm, nn.modules.batchnorm._BatchNorm)


class LowRankLinear(nn.Linear):
    """y = x W^T + b + (alpha / rank) x A^T B^T, W and b frozen, A (rank, in) and B (out, rank) trained, B from zero.

    LoRA (Hu et al. 2021, arXiv 2106.09685, equation 3). Names of W and b stay those of the map it replaces.
    """

    def __init__(self, linear: nn.Linear, rank: int, alpha: float) -> None:
        with torch.device("meta"):
            super().__init__(linear.in_features, linear.out_features, bias=linear.bias is not None)
        self.weight, self.bias = linear.weight, linear.bias
        self.scaling = alpha / rank
        self.lora_a = nn.Parameter(linear.weight.new_empty(rank, linear.in_features))
        self.lora_b = nn.Parameter(linear.weight.new_zeros(linear.out_features, rank))
        nn.init.kaiming_uniform_(self.lora_a, a=math.sqrt(5))

    def forward(self, x: Tensor) -> Tensor:
        """(..., in) to (..., out)."""
        low = functional.linear(functional.linear(x, self.lora_a), self.lora_b)
        return functional.linear(x, self.weight, self.bias) + self.scaling * low

    def merged(self) -> nn.Linear:
        """One plain linear map of the same values, up to rounding."""
        with torch.device("meta"):
            plain = nn.Linear(self.in_features, self.out_features, bias=self.bias is not None)
        weight = self.weight.detach().double() + self.scaling * (self.lora_b.detach().double() @ self.lora_a.double())
        plain.weight = nn.Parameter(weight.to(self.weight.dtype).detach(), requires_grad=False)
        plain.bias = self.bias
        return plain


def check_trainable(encoder: Encoder) -> None:
    """Raise EncoderError for an encoder that no gradient can change, saying why and what to do instead."""
    mend = "Fit a probe on its features instead: tymbal embed, tymbal probe."
    if encoder.name == "onnx":
        raise EncoderError(
            "an ONNX graph runs forward only: it cannot be fine-tuned",
            where=encoder.name,
            mend=f"Give the weights it was exported from. {mend}",
        )
    if encoder.numerics != "float32":
        raise EncoderError(
            f"it runs in {encoder.numerics}, whose rounded weights take no gradient",
            where=encoder.name,
            mend="Give the float32 encoder (leave out --precision).",
        )
    if not any(True for _ in encoder.parameters()):
        raise EncoderError("it has no weights: nothing in it can be fine-tuned", where=encoder.name, mend=mend)
    if encoder.sample_rate is None:
        raise EncoderError("it takes any rate", where=encoder.name, mend="Bind it to one: encoder.at_rate(hertz).")


def add_low_rank(encoder: Encoder, rank: int, alpha: float, targets: Sequence[str]) -> list[str]:
    """Put adapters on the encoder's linear maps, in place; returns the names of the maps.

    targets : what a map's name must match, the whole of it or its last part ("q_proj", "blocks.1?.fc?"); (): all.
    Maps of a subclass of `nn.Linear` are left alone, for they may not be multiplied with. Raises EncoderError where
    the encoder has no such map, or none that it calls as a module; UsageError for a target that matches none.
    """
    found = {name: module for name, module in encoder.named_modules() if type(module) is nn.Linear}
    if not found or not encoder.lowers:
        why = "no linear maps" if not found else "linear maps that it multiplies by itself, past any adapter"
        raise EncoderError(f"it has {why}", where=f"{encoder.name}, mode lora", allowed="full, layernorm")
    chosen = dict(found)
    if targets:
        for target in targets:
            if not any(_matches(name, target) for name in found):
                ends = sorted({name.rpartition(".")[2] for name in found})
                raise UsageError(
                    f"no linear map of {encoder.name} matches {target!r}", parameter="targets", allowed=", ".join(ends)
                )
        chosen = {name: module for name, module in found.items() if any(_matches(name, each) for each in targets)}
    for name, module in chosen.items():
        _replace(encoder, name, LowRankLinear(module, rank, alpha))
    return list(chosen)


def _matches(name: str, target: str) -> bool:
    return fnmatchcase(name, target) or fnmatchcase(name.rpartition(".")[2], target)


def merge_low_rank(encoder: Encoder) -> None:
    """Put plain linear maps in the place of adapted ones, in place."""
    for name, module in list(encoder.named_modules()):
        if isinstance(module, LowRankLinear):
            _replace(encoder, name, module.merged())


def _replace(encoder: Encoder, name: str, module: nn.Module) -> None:
    parent, _, own = name.rpartition(".")
    setattr(encoder.get_submodule(parent), own, module)


def prepare(encoder: Encoder, config: FinetuneConfig, layers: Sequence[str]) -> dict[str, nn.Parameter]:
    """Ready a frozen encoder for training: adapters put in where the mode asks, and the parameters that are trained.

    Only those count that the tapped layers depend on: blocks above the highest tap and published classifiers stay as
    they are. They alone require gradients afterwards; the encoder stays in evaluation mode, so that batch norms keep
    their statistics and training computes what prediction will. Returns them by name.
    """
    check_trainable(encoder)
    encoder.freeze()
    if config.mode == "lora":
        add_low_rank(encoder, config.rank, config.alpha, config.targets)
    wanted = {name: value for name, value in encoder.named_parameters() if _of_mode(encoder, name, config.mode)}
    if not wanted:
        raise EncoderError(
            "it has no norms to train", where=f"{encoder.name}, mode {config.mode}", allowed="full, lora"
        )
    reached = set(_reached(encoder, wanted, [layers])[0])
    if not reached:
        raise EncoderError(
            f"no weight of mode {config.mode} reaches layer {', '.join(layers)}",
            where=encoder.name,
            mend="Tap higher layers.",
        )
    encoder.requires_grad_(False)
    found = {name: value for name, value in wanted.items() if name in reached}
    for value in found.values():
        value.requires_grad_(True)
    return found


def _of_mode(encoder: Encoder, name: str, mode: str) -> bool:
    parent, _, own = name.rpartition(".")
    if mode == "lora":
        return own in ("lora_a", "lora_b")
    return mode == "full" or isinstance(encoder.get_submodule(parent), NORMS)


def depths(encoder: Encoder, parameters: Mapping[str, nn.Parameter], layers: Sequence[str]) -> dict[str, int]:
    """How many of the encoder's layers lie between each parameter and the highest of `layers`: 0 for those that the
    highest one alone depends on."""
    names = [spec.name for spec in encoder.layers]
    below = names[: max(names.index(layer) for layer in layers) + 1]
    reached = _reached(encoder, parameters, [[layer] for layer in below])
    return {
        name: len(below) - 1 - next(place for place, found in enumerate(reached) if name in found)
        for name in parameters
        if any(name in found for found in reached)
    }


def _reached(
    encoder: Encoder, parameters: Mapping[str, nn.Parameter], groups: Sequence[Sequence[str]]
) -> list[list[str]]:
    """For every group of layers the names of those parameters that it depends on, found by asking for gradients."""
    values = list(parameters.values())
    noise = 0.1 * torch.randn(1, max(encoder.min_samples, 2), generator=torch.Generator().manual_seed(0))
    found: list[list[str]] = []
    for value in values:
        value.requires_grad_(True)
    with torch.enable_grad():
        outputs = encoder(noise.to(values[0].device))
        for layers in groups:
            total = torch.stack([outputs[layer].values.sum() for layer in layers]).sum()
            if not total.requires_grad:
                found.append([])
                continue
            gradients = torch.autograd.grad(total, values, retain_graph=True, allow_unused=True)
            found.append([name for name, each in zip(parameters, gradients, strict=True) if each is not None])
    return found
