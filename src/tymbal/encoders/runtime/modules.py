"""Modules that stand in for torch's in an encoder that runs in lower precision, or faster to the same numbers.

Each is made from the module it replaces, holds no gradients, and takes whatever floating type reaches it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from tymbal.encoders.tokens import PositionalConv

# Rows quantised and multiplied at a time: their eight-bit copies and 32-bit sums then stay in the cache.
ROWS = 512


class LowLinear(nn.Module):
    """A linear map in `dtype` (bfloat16 on CPUs and GPUs): weights (out, in), results in `dtype`."""

    weight: Tensor
    bias: Tensor | None

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        self.register_buffer("weight", weight)
        self.register_buffer("bias", bias)

    @classmethod
    def of(cls, linear: nn.Linear, dtype: torch.dtype) -> LowLinear:
        """From a float32 map."""
        bias = None if linear.bias is None else linear.bias.detach().to(dtype)
        return cls(linear.weight.detach().to(dtype), bias)

    @classmethod
    def joined(cls, parts: Sequence[LowLinear]) -> LowLinear:
        """Several maps of one input as one, results side by side."""
        return cls(torch.cat([part.weight for part in parts]), _cat([part.bias for part in parts]))

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(x.to(self.weight.dtype), self.weight, self.bias)


class Int8Linear(nn.Module):
    """A linear map in eight-bit integers, exact sums in 32 bits; float32 results.

    Weights are rounded once, to ±127 steps of each output's largest weight. Inputs are rounded as they come, to ±127
    steps of each row's largest value: a row's result depends on no other row, so neither batch nor padding changes it.
    """

    weight: Tensor
    scale: Tensor
    bias: Tensor | None

    def __init__(self, weight: Tensor, scale: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        self.register_buffer("weight", weight)
        self.register_buffer("scale", scale)
        self.register_buffer("bias", bias)

    @classmethod
    def of(cls, linear: nn.Linear) -> Int8Linear:
        """From a float32 map."""
        weight, scale = quantised(linear.weight.detach())
        return cls(weight, scale[:, 0], None if linear.bias is None else linear.bias.detach().clone())

    @classmethod
    def joined(cls, parts: Sequence[Int8Linear]) -> Int8Linear:
        """Several maps of one input as one, results side by side; the input is then rounded only once."""
        weight, scale = torch.cat([part.weight for part in parts]), torch.cat([part.scale for part in parts])
        return cls(weight, scale, _cat([part.bias for part in parts]))

    def forward(self, x: Tensor) -> Tensor:
        rows = x.reshape(-1, x.shape[-1])
        parts = [self._part(rows[start : start + ROWS].float()) for start in range(0, len(rows), ROWS)]
        out = parts[0] if len(parts) == 1 else torch.cat(parts)
        return out.reshape(*x.shape[:-1], -1)

    def _part(self, rows: Tensor) -> Tensor:
        values, steps = quantised(rows)
        # In place from here on: fresh memory costs more than the arithmetic.
        sums = torch._int_mm(values, self.weight.T).float().mul_(steps)
        if self.bias is None:
            return sums.mul_(self.scale)
        return torch.addcmul(self.bias, sums, self.scale, out=sums)


def quantised(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Rows (n, d) as integers -127 … 127 (n, d) and the float32 step (n, 1) of each row; a row of zeros stays zero."""
    steps = rows.abs().amax(dim=-1, keepdim=True).clamp_min_(torch.finfo(torch.float32).tiny * 256).div_(127)
    return rows.div(steps).round_().to(torch.int8), steps


class LowConv(nn.Module):
    """A convolution in `dtype`; results in `dtype`."""

    def __init__(self, conv: nn.Conv1d | nn.Conv2d, dtype: torch.dtype) -> None:
        super().__init__()
        kind: type[nn.Conv1d | nn.Conv2d] = type(conv)
        options = {name: getattr(conv, name) for name in ("stride", "padding", "dilation", "groups", "padding_mode")}
        with torch.device("meta"):
            low = kind(conv.in_channels, conv.out_channels, conv.kernel_size, bias=conv.bias is not None, **options)  # type: ignore[arg-type]
        for name, value in conv.named_parameters():
            setattr(low, name, nn.Parameter(value.detach().to(dtype), requires_grad=False))
        self.conv, self.dtype = low.eval(), dtype

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv(x.to(self.dtype))
        return y


class Float32LayerNorm(nn.LayerNorm):
    """A layer norm that takes any floating type and works in float32."""

    @classmethod
    def of(cls, norm: nn.LayerNorm) -> Float32LayerNorm:
        """Sharing the parameters of `norm`."""
        with torch.device("meta"):
            made = cls(norm.normalized_shape, eps=norm.eps, elementwise_affine=norm.elementwise_affine)
        made.weight, made.bias = norm.weight, norm.bias
        return made.eval()

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.float())


class FourierPositionalConv(nn.Module):
    """`PositionalConv` by overlap-save: a product of spectra in blocks of 2 · kernel, weight norm applied once.

    The same numbers to a rounding error of float32 at a tenth of the time for the published kernel of 128.
    """

    spectrum: Tensor
    bias: Tensor

    def __init__(self, position: PositionalConv) -> None:
        super().__init__()
        self.kernel, self.groups, self.points = position.kernel, position.groups, 2 * position.kernel
        _, width, kernel = position.weight_v.shape
        weight = position.weight().detach().reshape(position.groups, width, width, kernel).flip(-1)  # of each: out, in
        spectrum = torch.fft.rfft(weight, n=self.points).permute(3, 0, 2, 1).contiguous()  # (bins, groups, in, out)
        self.register_buffer("spectrum", torch.view_as_real(spectrum).contiguous())
        self.register_buffer("bias", position.bias.detach().clone())

    def forward(self, x: Tensor) -> Tensor:
        """(batch, frames, dim) to the same shape; frames outside the sequence count as zeros."""
        batch, frames, dim = x.shape
        step = self.points - self.kernel + 1
        blocks = math.ceil(frames / step)
        left = self.kernel // 2
        padded = functional.pad(x.float().transpose(1, 2), (left, blocks * step + self.kernel - 1 - left - frames))
        seen = torch.fft.rfft(padded.unfold(2, self.points, step))  # (batch, dim, blocks, bins)
        seen = seen.reshape(batch, self.groups, -1, blocks, seen.shape[-1]).permute(4, 1, 0, 3, 2).flatten(2, 3)
        found = torch.matmul(seen, torch.view_as_complex(self.spectrum))  # (bins, groups, batch · blocks, out)
        found = found.reshape(len(found), self.groups, batch, blocks, -1).permute(2, 1, 4, 3, 0)
        out = torch.fft.irfft(found, n=self.points)[..., self.kernel - 1 :]
        out = out.reshape(batch, dim, blocks * step)[..., :frames]
        return functional.gelu(out.transpose(1, 2) + self.bias)


def _cat(biases: Sequence[Tensor | None]) -> Tensor | None:
    real = [bias for bias in biases if bias is not None]
    return torch.cat(real) if real else None
