"""Both public implementations, layer by layer, and networks that share names with B0 and B1."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.reference.cnn_checkpoints import CONVOLUTIONAL, b1, timm_state, torchvision_state

from tymbal.encoders.efficientnet import EfficientNet, EfficientNetConfig
from tymbal.encoders.loading import load_checkpoint
from tymbal.errors import ConfigError, EncoderError

GOLDEN = Path(__file__).parents[3] / "golden"
CASES = {published.name: published for published in CONVOLUTIONAL}


@pytest.mark.parametrize("names", ["torchvision", "timm"])
def test_every_layer_equals_the_public_implementation(names: str, tmp_path: Path) -> None:
    stored = load_file(GOLDEN / f"efficientnet_{names}.safetensors")
    prefix = "weights."
    weights = {key.removeprefix(prefix): value for key, value in stored.items() if key.startswith(prefix)}
    save_file(weights, tmp_path / "b0.safetensors")
    loaded = load_checkpoint(tmp_path / "b0.safetensors", bands=32)
    assert loaded.layout == f"EfficientNet, {names} names"
    assert loaded.unexpected == loaded.ignored == ()
    assert loaded.classifier is not None
    assert loaded.classifier.weight.shape == (7, 128)
    encoder = loaded.encoder
    assert isinstance(encoder, EfficientNet)
    encoder.log_mel = lambda waveform: stored["picture"]  # type: ignore[method-assign]
    found = encoder(torch.zeros(1, 1000))
    assert len(found) == 18
    for number, output in enumerate(found.values()):
        wanted = stored[f"layer{number}"].permute(0, 3, 2, 1)
        torch.testing.assert_close(output.values, wanted, rtol=1e-5, atol=1e-5 * float(wanted.abs().max()))


def test_a_network_of_another_depth_says_so(tmp_path: Path) -> None:
    state = timm_state(b1())
    state |= {key.replace("blocks.3.3.", "blocks.3.4."): value.clone() for key, value in state.items()}
    save_file(state, tmp_path / "b3.safetensors")
    with pytest.raises(ConfigError, match="with 24 blocks"):
        load_checkpoint(tmp_path / "b3.safetensors")


def test_networks_converted_from_tensorflow_are_refused(tmp_path: Path) -> None:
    CASES["efficientnet-timm"].write(tmp_path)
    (tmp_path / "config.json").write_text('{"architecture": "tf_efficientnet_b0"}')
    with pytest.raises(EncoderError, match="tf_efficientnet_b0"):
        load_checkpoint(tmp_path, bands=32)


def test_a_window_shorter_than_its_transform_is_refused(tmp_path: Path) -> None:
    CASES["efficientnet-avex"].write(tmp_path)
    (tmp_path / "config.json").write_text('{"audio_config": {"n_fft": 1024, "win_length": 800, "n_mels": 32}}')
    with pytest.raises(EncoderError, match="n_fft = 1024 and win_length = 800"):
        load_checkpoint(tmp_path)


def test_networks_of_another_family_are_not_taken(tmp_path: Path) -> None:
    """V2 and MobileNet have no squeeze and excitation in the first stage's first block."""
    state = {
        k: v for k, v in torchvision_state(EfficientNet.tiny()).items() if not k.startswith("features.1.0.block.1.")
    }
    save_file(state, tmp_path / "v2.safetensors")
    with pytest.raises(EncoderError, match="no EfficientNet-B0 or B1"):
        load_checkpoint(tmp_path / "v2.safetensors")


def test_b2_is_b1_a_tenth_wider() -> None:
    with torch.device("meta"):
        encoder = EfficientNet(EfficientNetConfig(variant="b1", width=1.1, classes=1000))
    assert sum(parameter.numel() for parameter in encoder.parameters()) == 9_109_994
