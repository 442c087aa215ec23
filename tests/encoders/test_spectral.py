"""What is particular to `spectral`: scaling with the rate, streaming, and what its layers hear."""

import numpy as np
import pytest
import torch
from tests.reference import frontends as slow

from tymbal.audio.frontends import mel_filters
from tymbal.encoders import Encoder, create_encoder
from tymbal.encoders.spectral import SpectralConfig, SpectralEncoder, mel_config
from tymbal.errors import UsageError


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return create_encoder("spectral")


def test_between_4_and_48_khz_lengths_are_seconds(encoder: Encoder) -> None:
    for rate in (4000, 16000, 22050, 44100, 48000):
        layer = encoder.at_rate(rate).layers[0]
        assert layer.grid.hop_s == pytest.approx(0.010, rel=0.01)
        assert layer.grid.receptive_s == pytest.approx(0.025, rel=0.02)


def test_outside_everything_scales_with_the_rate(encoder: Encoder) -> None:
    for rate, played in ((384_000, 48_000), (500_000, 48_000), (1000, 4000), (1, 4000)):
        scaled, plain = encoder.at_rate(rate), encoder.at_rate(played)
        for layer, at_played in zip(scaled.layers, plain.layers, strict=True):
            assert layer.grid.hop_s * rate == pytest.approx(at_played.grid.hop_s * played)
            assert layer.grid.receptive_s * rate == pytest.approx(at_played.grid.receptive_s * played)
        x = 0.1 * torch.randn(1, 6000)
        for name, output in scaled(x).items():
            torch.testing.assert_close(output.values, plain(x)[name].values, rtol=0, atol=0)
    assert encoder.at_rate(384_000).layers[0].grid.hop_s < 0.0013


def test_a_forced_rate_is_the_delivery_rate() -> None:
    fixed = create_encoder("spectral", sample_rate=16000)
    assert fixed.sample_rate == 16000
    assert fixed.at_rate(44100) is fixed
    native = create_encoder("spectral").at_rate(16000)
    x = 0.1 * torch.randn(1, 5000)
    for name, output in fixed(x).items():
        torch.testing.assert_close(output.values, native(x)[name].values, rtol=0, atol=0)
    assert fixed.checksum != native.checksum


def test_no_mel_band_is_empty_at_any_rate() -> None:
    for rate in (4000, 6000, 8000, 11025, 16000, 22050, 32000, 44100, 48000):
        config = mel_config(SpectralConfig(), rate)
        assert (mel_filters(rate, config).sum(axis=0) > 0).all()
        assert config.window_samples % 2 == 0


def test_a_stream_with_its_context_equals_one_pass() -> None:
    bound = SpectralEncoder.tiny().at_rate(8000)
    x = 0.1 * torch.randn(1, 24_000)
    whole = bound(x)
    for layer in bound.layers:
        hop = round(layer.grid.hop_s * 8000)
        reach = int(np.ceil(layer.grid.receptive_s / 2 * 8000 / hop)) * hop
        first = 12_000 // hop
        start = first * hop
        piece = bound(x[:, start - reach : start + reach + 1])[layer.name].values[:, reach // hop]
        torch.testing.assert_close(piece, whole[layer.name].values[:, first], rtol=0, atol=5e-5)


def test_layers_are_the_slow_twins(encoder: Encoder) -> None:
    rate, x = 4000, np.random.default_rng(0).standard_normal(4000) * 0.1
    found = encoder.at_rate(rate)(torch.tensor(x[None], dtype=torch.float32))
    config = mel_config(SpectralConfig(), rate)
    filters = slow.mel_filters(rate, config.n_fft, 64, 20.0, rate / 2, "htk", False)
    power = slow.stft_power(x, config.n_fft, config.hop_samples, config.window_samples) @ filters
    power *= (2 / slow.hann(config.window_samples).sum()) ** 2
    log_mel, real = np.log(power + 1e-9), np.ones(len(power), dtype=bool)
    pcen = slow.pcen(power, real, smoothing=0.025, gain=0.8, bias=2.0, power=0.5, floor=1e-6)
    cepstra = slow.cepstra(log_mel, 20)
    slopes = slow.deltas(cepstra, real, 4)
    pairs = log_mel.reshape(len(log_mel), 32, 2).mean(-1)
    rates = tuple(hz * 0.01 for hz in (2, 4, 8, 16, 32))
    swings = np.log(slow.modulation(pairs, real, rates, 101, 10) + 0.03)
    amplitudes = slow.scattering(
        x, np.ones(len(x), dtype=bool), octaves=7, per_octave=6, hop=16, reach=64, stride=16,
        rates=(1 / 4, 1 / 8, 1 / 16, 1 / 32, 1 / 64),
    )  # fmt: skip
    first = amplitudes[..., :1] + 1e-4
    scattering = np.concatenate([np.log(first), np.log((amplitudes[..., 1:] + 1e-5) / first)], axis=-1)
    wanted = {
        "log_mel": log_mel[..., None],
        "pcen_mel": pcen[..., None],
        "mfcc": np.concatenate([cepstra, slopes, slow.deltas(slopes, real, 4)], axis=-1)[:, None],
        "modulation": swings,
        "scattering": scattering,
    }
    for name, output in found.items():
        assert output.values[0].shape == wanted[name].shape
        np.testing.assert_allclose(output.values[0].numpy(), wanted[name], atol=2e-3)


def test_a_level_moves_log_layers_alike_and_second_orders_not(encoder: Encoder) -> None:
    bound = encoder.at_rate(16000)
    x = 0.2 * torch.randn(1, 32_000, generator=torch.Generator().manual_seed(0))
    loud, soft = bound(x), bound(0.5 * x)
    drop = loud["log_mel"].values - soft["log_mel"].values
    assert float((drop - 2 * np.log(2)).abs().max()) < 1e-2
    change = (loud["scattering"].values - soft["scattering"].values)[:, 5:-5]
    assert float((change[..., 0] - np.log(2)).abs().median()) < 0.02
    assert float(change[..., 1:].abs().median()) < 0.02


def test_impossible_settings_are_refused() -> None:
    for wrong in ({"hop_s": 0.03}, {"mel_bands": 7}, {"coefficients": 65}, {"modulation_hz": (51.0,)}, {"low_hz": 1e3}):
        with pytest.raises(UsageError, match="SpectralConfig"):
            SpectralConfig(**wrong)
