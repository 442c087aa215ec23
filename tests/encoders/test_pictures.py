"""The picture of any rate, and the two networks that look at it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tymbal.encoders import create_encoder
from tymbal.encoders.melcnn import MelCnn, MelCnnConfig
from tymbal.encoders.meltransformer import MelTransformer
from tymbal.encoders.pictures import Picture, PictureConfig, picture_filters
from tymbal.errors import ConfigError


def slow_picture(wave: np.ndarray, rate: int, config: PictureConfig) -> np.ndarray:
    """Frame by frame and bin by bin, in float64."""
    played = min(max(rate, 4000), config.stretch_above_hz)
    width, hop = round(config.window_s * played), round(config.hop_s * played)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(width) / width)
    n_fft = Picture(rate, config).stft.n_fft
    filters = picture_filters(np.arange(n_fft // 2 + 1) * played / n_fft, config)
    rows = []
    for frame in range(-(-len(wave) // hop)):
        cut = np.zeros(width)
        for i in range(width):
            at = frame * hop - width // 2 + i
            cut[i] = wave[at] if 0 <= at < len(wave) else 0.0
        power = np.abs(np.fft.rfft(cut * hann, n_fft)) ** 2 * (2 / hann.sum()) ** 2
        rows.append((10 * np.log10(power @ filters + 1e-10) + 60) / 20)
    return np.array(rows)


@given(rate=st.sampled_from([2000, 8000, 22_050, 96_000, 250_000]), seed=st.integers(0, 99), ms=st.integers(20, 60))
def test_the_picture_equals_its_slow_twin(rate: int, seed: int, ms: int) -> None:
    config = PictureConfig(bands=24)
    samples = max(40, rate * ms // 1000) if rate < 96_000 else 3000
    wave = 0.1 * np.random.default_rng(seed).normal(size=samples)
    found = Picture(rate, config)(torch.from_numpy(wave).float()[None], torch.ones(1, samples, dtype=torch.bool))
    assert found.values.shape == (1, len(slow_picture(wave, rate, config)), 24)
    assert np.abs(found.values[0].numpy() - slow_picture(wave, rate, config)).max() < 1e-4


def test_a_full_scale_sine_is_no_decibels_and_silence_is_the_floor() -> None:
    config, rate = PictureConfig(), 32_000
    picture = Picture(rate, config)
    time = torch.arange(rate) / rate
    wave = torch.stack([torch.sin(2 * torch.pi * 4000 * time), torch.zeros(rate)])
    values = picture(wave, torch.ones_like(wave, dtype=torch.bool)).values
    assert float(values[0, 50].max()) * 20 - 60 == pytest.approx(2.0, abs=3.0)  # triangles may count a sine twice
    assert values[1, 50].unique().tolist() == [-2.0]


def test_bands_above_half_the_rate_are_silent_and_none_below_is() -> None:
    config = PictureConfig()
    noise = 0.1 * torch.randn(1, 8000, generator=torch.Generator().manual_seed(0))
    values = Picture(8000, config)(noise, torch.ones_like(noise, dtype=torch.bool)).values[0, 20:60].mean(0)
    edges = 700 * (10 ** (np.linspace(*(2595 * np.log10(1 + np.array([50, 16000]) / 700)), 98) / 2595) - 1)
    assert bool((values[edges[:-2] > 4000] == -2.0).all())
    assert bool((values[edges[2:] < 4000] > -1.0).all())


@pytest.mark.parametrize("name", ["melcnn", "meltransformer"])
def test_a_bat_is_looked_at_as_if_it_were_played_slower(name: str) -> None:
    wave = 0.1 * torch.randn(1, 20_000, generator=torch.Generator().manual_seed(0))
    encoder = create_encoder(name)
    fast, slow = encoder.at_rate(256_000), encoder.at_rate(64_000)
    for (layer, there), here in zip(fast(wave).items(), slow(wave).values(), strict=True):
        assert torch.equal(there.values, here.values), layer
    assert fast.layers[-1].grid.hop_s == pytest.approx(slow.layers[-1].grid.hop_s / 4)
    assert fast.checksum == slow.checksum == encoder.checksum


def test_networks_are_shared_between_rates() -> None:
    encoder = create_encoder("meltransformer", frozen=False, blocks=1)
    here, there = encoder.at_rate(16_000), encoder.at_rate(48_000)
    assert here is encoder.at_rate(16_000)
    assert [id(p) for p in here.parameters()] == [id(p) for p in there.parameters()]
    encoder.freeze()
    assert not encoder.at_rate(16_000).train().training


@pytest.mark.parametrize("kind", [MelCnn, MelTransformer])
def test_what_stands_in_hidden_frames_of_a_picture_changes_nothing(kind: type[MelCnn] | type[MelTransformer]) -> None:
    torch.manual_seed(0)
    encoder = kind.tiny().eval()
    picture, real = torch.randn(2, 24, 16), torch.ones(2, 24, dtype=torch.bool)
    real[1, 12:] = False
    other = torch.where(real.unsqueeze(-1), picture, torch.nan)
    for first, second in zip(encoder.look(picture, real).values(), encoder.look(other, real).values(), strict=True):
        assert torch.equal(first.values, second.values)
        assert torch.equal(first.mask, second.mask)


@pytest.mark.parametrize("channels", [(4, 4, 4, 4), (16, 8, 8, 8)])
def test_few_channels_do_not_kill_the_process_that_trains_them(channels: tuple[int, ...]) -> None:
    """Torch writes beyond its memory in gradients of strided 1×1 convolutions of few channels that stand last."""
    network = MelCnn(MelCnnConfig(channels=channels, blocks=1))
    seen: list[bool] = []
    for block in network.blocks:
        block.register_forward_pre_hook(
            lambda module, given: seen.append(given[0].is_contiguous(memory_format=torch.channels_last))
        )
    network.look(torch.zeros(2, 50, 96), torch.ones(2, 50, dtype=torch.bool))
    assert seen == [False] * 4


def test_parameters_fit_in_ten_megabytes() -> None:
    for name in ("melcnn", "meltransformer"):
        assert 4 * sum(p.numel() for p in create_encoder(name).parameters()) < 10e6


def test_a_picture_that_cannot_be_is_refused() -> None:
    with pytest.raises(ConfigError, match="8 bands"):
        PictureConfig(bands=2)
