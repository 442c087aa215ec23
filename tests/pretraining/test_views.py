"""Views against slow twins."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.reference import objectives as slow

from tymbal.errors import ConfigError
from tymbal.pretraining.views import ViewsConfig, mix_sounds, no_louder, resize_crops, view

SHARES = st.floats(0.01, 0.99)


@given(seed=st.integers(0, 99), portion=SHARES)
def test_mixtures_add_powers(seed: int, portion: float) -> None:
    first, second = (torch.randn(1, 4, 5, generator=torch.Generator().manual_seed(seed + i)).double() for i in (0, 100))
    found = mix_sounds(first, second, torch.tensor([[[portion]]], dtype=torch.float64))
    wanted = slow.mixed_picture(first[0].numpy(), second[0].numpy(), portion)
    np.testing.assert_allclose(found[0].numpy(), wanted, atol=1e-9)


def test_nothing_mixed_in_is_the_picture() -> None:
    pictures = torch.randn(2, 4, 5)
    torch.testing.assert_close(mix_sounds(pictures, pictures.flip(0), torch.zeros(1, 1, 1)), pictures)


@given(seed=st.integers(0, 99), db=st.floats(-12.0, 12.0))
def test_louder_sounds_are_brought_down_and_quieter_ones_left(seed: int, db: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    picture, other = (0.3 * torch.randn(1, 4, 5, generator=generator).double() for _ in range(2))
    other = other + db / 20
    found = no_louder(other, picture)
    gap_db = slow.power_db(other[0].numpy()) - slow.power_db(picture[0].numpy())
    np.testing.assert_allclose((other - found).numpy() * 20, max(0.0, gap_db), atol=1e-8)


def test_a_quiet_clip_is_heard_in_its_views_beside_a_loud_one() -> None:
    quiet, loud = torch.full((1, 20, 8), -1.5), torch.full((1, 20, 8), -1.5)
    quiet[:, :, 2], loud[:, :, 6] = -0.5, 1.5  # 40 dB apart
    views = ViewsConfig(low=1.0, high=1.0, gain_db=0.0, tilt_db=0.0)
    for seed in range(8):
        torch.manual_seed(seed)
        seen = view(torch.cat([quiet, loud]), views)[0]
        assert float((seen[:, 2] - seen[:, 6]).min()) > 0


@given(
    seed=st.integers(0, 99),
    top=st.floats(-0.5, 0.5),
    left=st.floats(-0.5, 0.5),
    tall=st.floats(0.5, 1.6),
    wide=st.floats(0.5, 1.6),
)
def test_resized_crops_equal_their_slow_twin(seed: int, top: float, left: float, tall: float, wide: float) -> None:
    picture = torch.randn(1, 9, 7, generator=torch.Generator().manual_seed(seed)).double()
    box = (torch.tensor([each], dtype=torch.float64) for each in (top, left, tall, wide))
    found = resize_crops(picture, *box, -2.0)
    np.testing.assert_allclose(
        found[0].numpy(), slow.resized_crop(picture[0].numpy(), top, left, tall, wide, -2.0), atol=1e-9
    )


@given(seed=st.integers(0, 99), top=st.floats(-0.5, 0.5), tall=st.floats(0.5, 1.6), length=st.integers(1, 9))
def test_resized_crops_of_short_clips_are_those_of_the_clips_alone(
    seed: int, top: float, tall: float, length: int
) -> None:
    picture = torch.randn(1, 9, 7, generator=torch.Generator().manual_seed(seed)).double()
    picture[:, length:] = -2.0
    box = [torch.tensor([each], dtype=torch.float64) for each in (top, 0.1, tall, 0.9)]
    found = resize_crops(picture, *box, -2.0, torch.tensor([length]))
    alone = slow.resized_crop(picture[0, :length].numpy(), top, 0.1, tall, 0.9, -2.0)
    np.testing.assert_allclose(found[0, :length].numpy(), alone, atol=1e-9)


def test_views_of_a_short_clip_hold_its_sound_and_nothing_of_what_fills_it_up() -> None:
    torch.manual_seed(0)
    pictures, real = torch.zeros(60, 100, 8), torch.zeros(60, 100, dtype=torch.bool)
    pictures[:, :6], real[:, :6] = 2.0, True
    config = ViewsConfig(gain_db=0, tilt_db=0)
    found = view(pictures, config, real)
    assert bool((found[:, :6].amax((1, 2)) > 1).all())
    torch.manual_seed(0)
    assert torch.equal(found, view(torch.where(real.unsqueeze(-1), pictures, 7.0), config, real))
    torch.manual_seed(1)
    whole = view(pictures, config, torch.ones_like(real))
    torch.manual_seed(1)
    assert torch.equal(whole, view(pictures, config))


def test_the_whole_box_is_the_picture_itself() -> None:
    pictures = torch.randn(3, 12, 8)
    zero, one = torch.zeros(3), torch.ones(3)
    torch.testing.assert_close(resize_crops(pictures, zero, zero, one, one, -2.0), pictures)


def test_views_differ_keep_their_shape_and_never_fall_below_silence() -> None:
    torch.manual_seed(0)
    pictures = torch.randn(4, 30, 16)
    first, second = view(pictures, ViewsConfig()), view(pictures, ViewsConfig())
    assert first.shape == pictures.shape
    assert not torch.equal(first, second)
    assert float(first.min()) >= -2.0
    torch.manual_seed(0)
    torch.randn(4, 30, 16)
    assert torch.equal(first, view(pictures, ViewsConfig()))


def test_a_view_with_nothing_to_alter_is_the_picture() -> None:
    pictures = torch.randn(4, 30, 16).clamp_min(-2)
    torch.testing.assert_close(view(pictures, ViewsConfig(0, 1, 1, 0, 0)), pictures)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ConfigError, match="0 < low <= 1 <= high"):
        ViewsConfig(low=1.2)
