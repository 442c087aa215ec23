"""Constants of the front end, a head of two maps, relatives that share names."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tests.reference.cnn_checkpoints import CONVOLUTIONAL, panns_constants

from tymbal.encoders.cnn14 import Cnn14, Cnn14Config
from tymbal.encoders.loading import load_checkpoint
from tymbal.encoders.loading.layouts.cnn14 import CNN14, MEL, REAL
from tymbal.errors import EncoderError

PANNS = next(published for published in CONVOLUTIONAL if published.name == "cnn14-panns")


def test_constants_and_the_head_of_panns_are_understood(tmp_path: Path) -> None:
    path, _ = PANNS.write(tmp_path)
    loaded = load_checkpoint(path, **PANNS.given)
    assert loaded.unexpected == loaded.ignored == ()
    head = loaded.classifier
    assert head is not None
    assert head.weight.shape == (4, 64)
    assert head.hidden is not None
    assert head.hidden.weight.shape == (64, 64)
    assert head.hidden.hidden is None
    stored = torch.load(path, weights_only=True)["model"]
    assert torch.equal(head.weight, stored["fc_audioset.weight"])
    assert torch.equal(head.hidden.bias, stored["fc1.bias"])
    assert loaded.metadata["from_shapes"] == {"channels": 2, "bands": 32, "window_samples": 128}


@pytest.mark.parametrize(
    ("given", "key"), [({"high_hz": 4000.0}, MEL), ({"sample_rate_hz": 16000}, MEL), ({"window_samples": 256}, MEL)]
)
def test_a_front_end_unlike_the_files_constants_is_refused(given: dict[str, float], key: str, tmp_path: Path) -> None:
    path, _ = PANNS.write(tmp_path)
    with pytest.raises(EncoderError, match=key):
        load_checkpoint(path, **{**PANNS.given, **given})


def test_constants_of_another_shape_or_window_are_refused(tmp_path: Path) -> None:
    for change in (lambda kernels: kernels[:, :, 1:].clone(), lambda kernels: kernels.roll(1, dims=2)):
        path, _ = PANNS.write(tmp_path, lambda state, change=change: {**state, REAL: change(state[REAL])})
        with pytest.raises(EncoderError, match="conv_real"):
            load_checkpoint(path, **PANNS.given)


@pytest.mark.parametrize(
    ("window", "rate", "hop", "high"), [(1024, 32000, 320, 14000.0), (512, 16000, 160, 8000.0), (256, 8000, 80, 4000.0)]
)
def test_the_three_published_front_ends_are_told_by_their_constants(
    window: int, rate: int, hop: int, high: float
) -> None:
    config = Cnn14Config(sample_rate_hz=rate, window_samples=window, hop_samples=hop, high_hz=high)
    with torch.device("meta"):
        state = Cnn14(config).state_dict()
    fields = CNN14.sizes({**state, MEL: torch.zeros(window // 2 + 1, 64)})
    assert Cnn14Config(**fields) == config
    if window == 256:
        for constant in CNN14.constants:
            torch.testing.assert_close(
                constant.expected(config), panns_constants(config)[constant.key], rtol=0, atol=1e-6
            )


def test_networks_on_the_waveform_are_not_taken_for_cnn14(tmp_path: Path) -> None:
    path, _ = PANNS.write(tmp_path, lambda state: {**state, "pre_conv0.weight": torch.zeros(2, 1, 11)})
    with pytest.raises(EncoderError, match="PANNs network on the waveform"):
        load_checkpoint(path, **PANNS.given)
