"""CNN14: published size and names, decibels of the front end, pooling."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from tests.reference.frontends import mel_filters as reference_filters

from tymbal.encoders.cnn14 import Cnn14, Cnn14Config
from tymbal.encoders.loading import load_checkpoint


def test_parameter_count_is_the_published_one() -> None:
    with torch.device("meta"):
        encoder = Cnn14(Cnn14Config(classes=527))
    assert sum(parameter.numel() for parameter in encoder.parameters()) == 80_753_615


def test_keys_are_the_published_ones() -> None:
    with torch.device("meta"):
        keys = set(Cnn14(Cnn14Config(classes=527)).state_dict())
    assert {
        "bn0.running_mean",
        "conv_block1.conv1.weight",
        "conv_block6.bn2.bias",
        "fc1.weight",
        "fc_audioset.bias",
    } <= keys


def test_front_end_is_decibels_of_slaney_bands() -> None:
    encoder = Cnn14(Cnn14Config(channels=2))
    waveform = torch.randn(1, 32000) * 0.1
    found = encoder.log_mel(waveform)[0, 0, 10].double().numpy()
    window = np.hanning(1025)[:-1]
    piece = waveform[0, 10 * 320 - 512 : 10 * 320 + 512].double().numpy() * window
    power = np.abs(np.fft.rfft(piece)) ** 2
    filters = reference_filters(32000, 1024, 64, 50.0, 14000.0, "slaney", True)
    np.testing.assert_allclose(found, 10 * np.log10(np.maximum(power @ filters, 1e-10)), atol=1e-3)


def test_silence_is_the_floor() -> None:
    assert torch.equal(Cnn14(Cnn14Config(channels=2)).log_mel(torch.zeros(1, 3200)).unique(), torch.tensor([-100.0]))


def test_every_block_equals_the_authors_network(tmp_path: Path) -> None:
    stored = load_file(Path(__file__).parents[1] / "golden" / "cnn14.safetensors")
    weights = {key.removeprefix("weights."): value for key, value in stored.items() if key.startswith("weights.")}
    save_file(weights, tmp_path / "cnn14.safetensors")
    loaded = load_checkpoint(tmp_path / "cnn14.safetensors")
    assert loaded.unexpected == ()
    assert isinstance(loaded.encoder, Cnn14)
    decibels = loaded.encoder.log_mel(stored["waveform"])
    torch.testing.assert_close(decibels, stored["decibels"], rtol=0, atol=1e-3)
    for name, output in loaded.encoder(stored["waveform"]).items():
        wanted = stored[name].permute(0, 2, 3, 1)
        torch.testing.assert_close(output.values, wanted, rtol=0, atol=1e-4 * float(wanted.abs().max()))
