"""Modules of lower precision against plain arithmetic."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from tymbal.encoders.runtime.modules import (
    ROWS,
    Float32LayerNorm,
    FourierPositionalConv,
    Int8Linear,
    LowConv,
    LowLinear,
    quantised,
)
from tymbal.encoders.tokens import PositionalConv


def dice(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def linear(inputs: int = 24, outputs: int = 10, *, bias: bool = True) -> nn.Linear:
    made = nn.Linear(inputs, outputs, bias=bias)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=dice()))
    return made.requires_grad_(False)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 5), st.integers(1, 40), st.floats(1e-20, 1e20), st.integers(0, 99))
def test_a_row_keeps_its_numbers_to_half_a_step(rows: int, width: int, size: float, seed: int) -> None:
    x = size * torch.randn(rows, width, generator=dice(seed))
    values, steps = quantised(x)
    assert values.dtype == torch.int8
    assert int(values.abs().max()) <= 127
    torch.testing.assert_close(steps[:, 0], x.abs().amax(1) / 127)
    assert bool(((values * steps - x).abs() <= 0.5001 * steps).all())


def test_a_row_of_zeros_stays_zero_and_infinities_of_no_row_reach_another() -> None:
    values, steps = quantised(torch.stack([torch.zeros(4), torch.tensor([1e38, -3e38, 0.0, 1.0])]))
    assert values.tolist() == [[0, 0, 0, 0], [42, -127, 0, 0]]
    assert bool(torch.isfinite(steps).all())


@pytest.mark.parametrize("bias", [True, False])
def test_int8_is_the_integer_product_of_rounded_numbers(bias: bool) -> None:
    exact, x = linear(bias=bias), torch.randn(3, 7, 24, generator=dice(1))
    low = Int8Linear.of(exact)
    weight = exact.weight.detach()
    weight_steps = weight.abs().amax(1, keepdim=True) / 127
    x_steps = x.abs().amax(-1, keepdim=True) / 127
    rounded = torch.round(weight / weight_steps).double()
    wanted = (torch.round(x / x_steps).double() @ rounded.T) * x_steps * weight_steps[:, 0]
    wanted = wanted + (exact.bias.detach() if bias else 0)
    found = low(x)
    assert found.shape == (3, 7, 10)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), wanted, rtol=1e-5, atol=1e-5)
    assert float((found - exact(x)).abs().max()) < 0.05 * float(exact(x).abs().max())


def test_int8_rows_depend_on_no_other_row_whatever_the_chunks() -> None:
    low, x = Int8Linear.of(linear()), torch.randn(2 * ROWS + 3, 24, generator=dice(2))
    together = low(x)
    x[1:] *= 1e6
    assert torch.equal(low(x)[0], together[0])
    for row in (0, ROWS - 1, ROWS, 2 * ROWS + 2):
        assert torch.equal(low(x)[row], low(x[row : row + 1])[0])


@pytest.mark.parametrize("kind", [lambda each: LowLinear.of(each, torch.bfloat16), Int8Linear.of])
@pytest.mark.parametrize("bias", [True, False])
def test_joined_maps_are_the_single_ones_side_by_side(kind: object, bias: bool) -> None:
    parts = [kind(linear(outputs=size, bias=bias)) for size in (3, 5, 2)]  # type: ignore[operator]
    x = torch.randn(4, 24, generator=dice(3))
    joined = type(parts[0]).joined(parts)(x)
    torch.testing.assert_close(joined, torch.cat([part(x) for part in parts], dim=1), rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_low_maps_and_convolutions_take_any_type(dtype: torch.dtype) -> None:
    exact, x = linear(), torch.randn(4, 24, generator=dice(4))
    low = LowLinear.of(exact, torch.bfloat16)
    assert low(x.to(dtype)).dtype == torch.bfloat16
    torch.testing.assert_close(low(x).float(), exact(x), rtol=0.05, atol=0.1)
    for conv, sound in (
        (nn.Conv1d(8, 6, 3, stride=2, padding=1, groups=2, bias=False), torch.randn(1, 8, 20, generator=dice(5))),
        (nn.Conv2d(8, 4, (3, 1), dilation=2), torch.randn(1, 8, 20, 9, generator=dice(6))),
    ):
        found = LowConv(conv, torch.bfloat16)(sound.to(dtype))
        torch.testing.assert_close(found.float(), conv(sound), rtol=0.05, atol=0.05)
        assert torch.equal(LowConv(conv, torch.float32)(sound), conv(sound))


def test_a_layer_norm_works_in_float32_whatever_comes() -> None:
    norm = nn.LayerNorm(12, eps=1e-3)
    nn.init.normal_(norm.weight)
    x = torch.randn(3, 12, generator=dice(7)).bfloat16()
    assert torch.equal(Float32LayerNorm.of(norm)(x), norm(x.float()))
    assert Float32LayerNorm.of(nn.LayerNorm(12, elementwise_affine=False))(x).dtype == torch.float32


@settings(max_examples=25, deadline=None)
@given(
    st.integers(1, 3),
    st.integers(1, 90),
    st.sampled_from([1, 2, 5, 8, 16]),
    st.sampled_from([1, 2, 4]),
    st.integers(0, 9),
)
def test_the_positional_convolution_by_spectra_is_the_convolution(
    batch: int, frames: int, kernel: int, groups: int, seed: int
) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        exact = PositionalConv(8, kernel, groups)
        nn.init.normal_(exact.bias)
        nn.init.uniform_(exact.weight_g, 0.5, 2.0)
    x = torch.randn(batch, frames, 8, generator=dice(seed))
    weight = exact.weight_v * (exact.weight_g / exact.weight_v.norm(dim=(0, 1), keepdim=True))
    wanted = functional.conv1d(x.transpose(1, 2), weight, exact.bias, padding=kernel // 2, groups=groups)
    wanted = functional.gelu(wanted[..., :frames].transpose(1, 2))
    torch.testing.assert_close(FourierPositionalConv(exact)(x), wanted, rtol=1e-4, atol=1e-5)
