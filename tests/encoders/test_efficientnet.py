"""EfficientNet: published sizes, torchvision's names, and the arithmetic of one block against plain loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tymbal.encoders.efficientnet import EfficientNet, EfficientNetConfig, InvertedResidual, Stage, scaled
from tymbal.errors import ConfigError


@pytest.mark.parametrize(("variant", "parameters"), [("b0", 5_288_548), ("b1", 7_794_184)])
def test_parameter_counts_are_the_published_ones(variant: str, parameters: int) -> None:
    with torch.device("meta"):
        encoder = EfficientNet(EfficientNetConfig(variant=variant, classes=1000))
    assert sum(parameter.numel() for parameter in encoder.parameters()) == parameters


def test_keys_are_torchvisions() -> None:
    with torch.device("meta"):
        keys = set(EfficientNet(EfficientNetConfig(classes=10)).state_dict())
    assert len(keys) == 360  # as many as the published checkpoints of B0 have
    assert {
        "features.0.0.weight",
        "features.1.0.block.0.0.weight",
        "features.1.0.block.1.fc1.bias",
        "features.2.1.block.3.1.running_var",
        "features.7.0.block.2.fc2.weight",
        "features.8.1.num_batches_tracked",
        "classifier.1.weight",
    } <= keys


def test_layers_of_ten_seconds_have_the_published_shapes() -> None:
    with torch.device("meta"):
        encoder = EfficientNet()
    frames = encoder.frames(160_000)
    shapes = [(spec.dim, spec.bands, frames[spec.name]) for spec in encoder.layers]
    assert shapes[0] == (32, 64, 501)
    assert shapes[2] == (24, 32, 251)
    assert shapes[-1] == (1280, 4, 32)
    assert len(shapes) == 18


def test_channel_rounding() -> None:
    assert [scaled(channels, 1.0) for channels in (16, 24, 40, 112, 320)] == [16, 24, 40, 112, 320]
    assert scaled(10, 1.0) == 16  # 8 would lose more than a tenth


def test_one_block_equals_plain_loops() -> None:
    torch.manual_seed(0)
    block = InvertedResidual(4, Stage(2, 3, 1, 4, 1), 4, stride=1).eval()
    with torch.no_grad():
        for parameter in block.parameters():
            parameter.normal_(0, 0.5)
    x = torch.randn(1, 4, 5, 6)
    found = block(x).detach().numpy()[0]
    np.testing.assert_allclose(found, plain_block(block, x[0].double().numpy()), rtol=1e-4, atol=1e-5)


def plain_block(block: InvertedResidual, x: np.ndarray) -> np.ndarray:
    """Float64: expand, depthwise by loops, squeeze and excite, project, add."""
    weights = {key: value.double().numpy() for key, value in block.state_dict().items()}

    def normed(values: np.ndarray, part: str) -> np.ndarray:
        mean, var = weights[f"{part}.running_mean"], weights[f"{part}.running_var"]
        scaled_values = (values - mean[:, None, None]) / np.sqrt(var + 1e-5)[:, None, None]
        return scaled_values * weights[f"{part}.weight"][:, None, None] + weights[f"{part}.bias"][:, None, None]

    def silu(values: np.ndarray) -> np.ndarray:
        return values / (1 + np.exp(-values))

    wide = silu(normed(np.einsum("oi,ihw->ohw", weights["block.0.0.weight"][:, :, 0, 0], x), "block.0.1"))
    padded = np.pad(wide, ((0, 0), (1, 1), (1, 1)))
    deep = np.zeros_like(wide)
    for row in range(wide.shape[1]):
        for column in range(wide.shape[2]):
            patch = padded[:, row : row + 3, column : column + 3]
            deep[:, row, column] = (patch * weights["block.1.0.weight"][:, 0]).sum((1, 2))
    deep = silu(normed(deep, "block.1.1"))
    mean = deep.mean((1, 2))
    hidden = silu(weights["block.2.fc1.weight"][:, :, 0, 0] @ mean + weights["block.2.fc1.bias"])
    gate = 1 / (1 + np.exp(-(weights["block.2.fc2.weight"][:, :, 0, 0] @ hidden + weights["block.2.fc2.bias"])))
    projected = np.einsum("oi,ihw->ohw", weights["block.3.0.weight"][:, :, 0, 0], deep * gate[:, None, None])
    return x + normed(projected, "block.3.1")


def test_unknown_variant_is_refused() -> None:
    with pytest.raises(ConfigError, match="b7"):
        EfficientNet(EfficientNetConfig(variant="b7"))  # type: ignore[arg-type]
