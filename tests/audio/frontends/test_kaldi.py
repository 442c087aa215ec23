"""The Kaldi filter bank against published implementations' numbers and a float64 twin."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tests.reference import frontends as slow

from tymbal.audio.frontends import BEATS, KaldiConfig, KaldiFbank
from tymbal.errors import UsageError

VARIANTS = {
    "povey128": KaldiConfig(),
    "hanning128": KaldiConfig(window_name="hanning"),
    "povey80": KaldiConfig(bands=80),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_it_is_kaldis(data: Callable[[str], Path], name: str) -> None:
    golden = load_file(data("golden") / "kaldi_fbank.safetensors")
    wanted = golden[name]
    found = KaldiFbank(VARIANTS[name])(golden["waveform"][None]).values[0]
    assert found.shape == wanted.shape
    error = (found - wanted).abs()
    # The golden numbers are float32: in bands some e^14 below the loudest of the frame, the rounding of its FFT shows
    # (0.0017 against float64). Elsewhere 1e-4 holds.
    clear = wanted > wanted.max(dim=1, keepdim=True).values - 12
    assert float(error[clear].max()) < 1e-4
    assert float(error.max()) < 4e-3
    assert float(error.mean()) < 1e-5


def test_beats_preset_is_the_published_front_end(data: Callable[[str], Path]) -> None:
    golden = load_file(data("golden") / "beats_tiny" / "expected.safetensors")
    found = KaldiFbank(BEATS)(golden["full.waveform"]).values
    assert float((found - golden["full.fbank"]).abs().max()) < 2e-4
    mask = golden["padded.sample_padding"] == 0
    padded = KaldiFbank(BEATS)(golden["padded.waveform"], mask)
    assert float((padded.values - golden["padded.fbank"]).abs().max()) < 2e-4
    assert int(padded.mask[1].sum()) == KaldiFbank(BEATS).frames(int(mask[1].sum()))


@pytest.mark.parametrize("name", VARIANTS)
def test_it_is_the_definition(name: str) -> None:
    config = VARIANTS[name]
    x = np.random.default_rng(3).standard_normal(1000) * 0.1
    power = 0.85 if config.window_name == "povey" else 1.0
    wanted = slow.kaldi_fbank(x, bands=config.bands, power=power)
    found = KaldiFbank(config)(torch.tensor(x[None], dtype=torch.float32)).values[0].numpy()
    np.testing.assert_allclose(found, wanted, atol=2e-4)


def test_silence_is_the_floor_and_the_normalisation_is_applied() -> None:
    silence = KaldiFbank(KaldiConfig())(torch.zeros(1, 400)).values
    assert torch.all(silence == torch.tensor(np.float32(2.0**-23)).log())
    preset = KaldiFbank(BEATS)(torch.zeros(1, 400)).values
    torch.testing.assert_close(preset, (silence - 15.41663) / (2 * 6.55582))


def test_the_grid_is_where_the_sound_is() -> None:
    bank = KaldiFbank(KaldiConfig(preemphasis=0.0))
    x = (0.1 * torch.randn(1, 2000)).requires_grad_()
    bank(x).values[0, 3].sum().backward()
    weight = x.grad[0].double().square()
    centre_s = float((weight * torch.arange(2000)).sum() / weight.sum()) / 16000
    assert centre_s == pytest.approx(bank.grid().center_s(3), abs=0.002)
    touched = torch.nonzero(weight > 0).flatten()
    assert int(touched[0]) >= 3 * 160
    assert int(touched[-1]) < 3 * 160 + bank.grid().receptive_s * 16000


def test_the_gradient_is_right() -> None:
    bank = KaldiFbank(KaldiConfig(sample_rate_hz=800, bands=3, low_hz=20.0)).double()
    x = (0.1 * torch.randn(1, 40, dtype=torch.float64)).requires_grad_()
    assert torch.autograd.gradcheck(lambda wave: bank(wave).values, x, eps=1e-7)


def test_too_short_and_impossible_bands_are_refused() -> None:
    with pytest.raises(UsageError, match="400 samples or more"):
        KaldiFbank()(torch.zeros(1, 399))
    with pytest.raises(UsageError, match="within 0 to 8000"):
        KaldiFbank(KaldiConfig(low_hz=8000.0))
