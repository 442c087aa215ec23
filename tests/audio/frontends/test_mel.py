"""Mel filters and spectrograms against the slow twin and librosa's numbers."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file
from tests.reference import frontends as slow

from tymbal.audio.frontends import BandedFilters, MelConfig, MelSpectrogram, hz_to_mel, mel_filters, mel_to_hz
from tymbal.errors import UsageError

LIBROSA = load_file(Path(__file__).with_name("librosa_golden.safetensors"))
SCALES = {"htk": None, "slaney": "slaney"}


def config_of(scale: str) -> MelConfig:
    return MelConfig(
        n_fft=512, hop_samples=160, window_samples=400, bands=20, low_hz=50.0, scale=scale, norm=SCALES[scale]
    )


@pytest.mark.parametrize("scale", SCALES)
def test_filters_and_spectrogram_are_librosas(scale: str) -> None:
    np.testing.assert_allclose(mel_filters(16000, config_of(scale)), LIBROSA[f"filters_{scale}"].T, atol=1e-6)
    found = MelSpectrogram(16000, config_of(scale))(torch.from_numpy(LIBROSA["waveform"])[None]).values[0].numpy()
    wanted = LIBROSA[f"mel_{scale}"].T
    # librosa has one more frame, centred past the end, where the hop divides the length.
    assert len(wanted) - len(found) == 1
    np.testing.assert_allclose(found, wanted[: len(found)], rtol=2e-4, atol=1e-7)


@settings(max_examples=20, deadline=None)
@given(
    rate=st.integers(1, 500_000),
    n_fft=st.sampled_from([16, 60, 128, 514]),
    bands=st.integers(1, 40),
    low=st.floats(0, 0.4),
    scale=st.sampled_from(["htk", "slaney"]),
    area=st.booleans(),
)
def test_filters_are_the_definition(rate: int, n_fft: int, bands: int, low: float, scale: str, area: bool) -> None:
    config = MelConfig(
        n_fft=n_fft, bands=bands, low_hz=low * rate, scale=scale, norm="slaney" if area else None, hop_samples=1
    )
    found = mel_filters(rate, config)
    wanted = slow.mel_filters(rate, n_fft, bands, low * rate, rate / 2, scale, area)
    np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-6 * max(1e-9, wanted.max()))
    power = np.random.default_rng(0).random((2, 3, n_fft // 2 + 1))
    banded = BandedFilters(wanted)(torch.tensor(power, dtype=torch.float32)).numpy()
    np.testing.assert_allclose(banded, power @ wanted, rtol=1e-4, atol=1e-5 * max(1e-9, wanted.max()))


@given(hz=st.floats(0, 250_000), scale=st.sampled_from(["htk", "slaney"]))
@settings(max_examples=50, deadline=None)
def test_the_scales_are_inverted(hz: float, scale: str) -> None:
    assert float(hz_to_mel(hz, scale)) == pytest.approx(slow.mel_of(hz, scale), rel=1e-9, abs=1e-9)
    assert float(mel_to_hz(hz_to_mel(hz, scale), scale)) == pytest.approx(hz, rel=1e-9, abs=1e-6)


def test_the_gradient_is_right() -> None:
    mel = MelSpectrogram(100, MelConfig(n_fft=16, hop_samples=5, bands=4)).double()
    x = torch.randn(1, 33, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda wave: mel(wave).values, x)


def test_padding_changes_no_real_frame() -> None:
    mel = MelSpectrogram(8000, MelConfig(n_fft=128, hop_samples=40, bands=10))
    x = torch.randn(1, 900)
    mask = torch.arange(1500)[None] < 900
    padded = mel(torch.cat([x, 1e3 * torch.randn(1, 600)], dim=1), mask)
    alone = mel(x)
    assert int(padded.mask.sum()) == alone.values.shape[1]
    torch.testing.assert_close(padded.values[padded.mask], alone.values[0])


@pytest.mark.parametrize("config", [MelConfig(low_hz=9000), MelConfig(high_hz=8001), MelConfig(bands=0)])
def test_bad_bands_are_refused(config: MelConfig) -> None:
    with pytest.raises(UsageError, match="within 0 to"):
        mel_filters(16000, config)


def test_unknown_scale_is_refused() -> None:
    with pytest.raises(UsageError, match="htk, slaney"):
        hz_to_mel(100.0, "bark")
    with pytest.raises(UsageError, match="htk, slaney"):
        mel_to_hz(100.0, "bark")
