from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from tymbal.encoders.hubert import LARGE, Hubert, HubertConfig, standardised
from tymbal.encoders.loading import load_checkpoint

GOLDEN = Path(__file__).parents[1] / "golden"


def golden(name: str, folder: Path) -> tuple[Hubert, dict[str, Tensor]]:
    """The encoder loaded from a golden file's weights and facts, and the expected tensors."""
    import json

    from safetensors import safe_open
    from safetensors.torch import save_file

    path = GOLDEN / f"hubert_{name}.safetensors"
    tensors = load_file(path)
    with safe_open(path, framework="pt") as file:
        config = json.loads(file.metadata()["config"])
    (folder / "config.json").write_text(json.dumps(config))
    weights = {key.removeprefix("weights."): value for key, value in tensors.items() if key.startswith("weights.")}
    save_file(weights, folder / "model.safetensors")
    loaded = load_checkpoint(folder, "hubert")
    assert loaded.unexpected == ()
    assert isinstance(loaded.encoder, Hubert)
    return loaded.encoder, tensors


@pytest.mark.parametrize("name", ["group", "layer"])
def test_every_layer_equals_transformers(name: str, tmp_path: Path) -> None:
    encoder, wanted = golden(name, tmp_path)
    found = encoder(wanted["waveform"])
    assert encoder.config.norm_first == (name == "layer")
    names = {"embedding": "projected", **{f"block{i}": f"block{i}" for i in range(3)}}
    if name == "layer":
        names["norm"] = "final"
    assert list(found) == list(names)
    for layer, key in names.items():
        torch.testing.assert_close(found[layer].values[:, :, 0], wanted[key], rtol=0, atol=1e-4)
    assert encoder.layers[0].local == (name == "layer")


def test_padding_counts_in_no_statistic(tmp_path: Path) -> None:
    encoder, wanted = golden("group", tmp_path)
    waveform = wanted["waveform"]
    mask = torch.ones_like(waveform, dtype=torch.bool)
    mask[1, 5000:] = False
    together, alone = encoder(waveform, mask), encoder(waveform[1:, :5000])
    frames = encoder.frames(5000)["embedding"]
    for name, output in together.items():
        torch.testing.assert_close(output.values[1, :frames], alone[name].values[0], rtol=0, atol=1e-5)
    zeros = encoder(torch.where(mask, waveform, 0.0))
    assert float((zeros["block2"].values[1, :frames] - alone["block2"].values[0]).abs().max()) > 0.01


def test_the_published_sizes() -> None:
    """Base 94.4 M, all of HuBERT but the mask embedding of 768 that only training uses."""
    with torch.device("meta"):
        base, large = Hubert(), Hubert(LARGE)
    assert sum(p.numel() for p in base.parameters()) == 94_370_944
    assert sum(p.numel() for p in large.parameters()) == 315_427_968
    assert len(base.layers) == 13
    assert len(large.layers) == 25
    assert base.min_samples == 400
    assert base.frames(160_000)["block11"] == 499
    grid = base.layers[-1].grid
    assert grid.hop_s == pytest.approx(0.02)
    assert math.isinf(grid.receptive_s)


def test_normalising_looks_at_real_samples_only() -> None:
    torch.manual_seed(0)
    waveform, mask = 2 + 3 * torch.randn(2, 900), torch.ones(2, 900, dtype=torch.bool)
    mask[1, 500:] = False
    found = standardised(torch.where(mask, waveform, 0.0), mask)
    for row, length in ((0, 900), (1, 500)):
        sound = waveform[row, :length]
        wanted = (sound - sound.mean()) / torch.sqrt(sound.var(correction=0) + 1e-7)
        torch.testing.assert_close(found[row, :length], wanted)
    assert not found[1, 500:].any()
    encoder = Hubert(
        HubertConfig(conv_dim=8, dim=16, ffn=8, heads=2, blocks=1, conv_kernel=4, conv_groups=2, normalize=True)
    )
    with torch.no_grad():
        torch.testing.assert_close(
            encoder(waveform)["block0"].values, encoder(10 * waveform + 1)["block0"].values, rtol=1e-3, atol=1e-4
        )


def test_sound_shorter_than_one_frame_keeps_a_frame() -> None:
    torch.manual_seed(0)
    encoder = Hubert.tiny().eval()
    least = encoder.min_samples
    sound = 0.1 * torch.randn(1, 4 * least)
    mask = torch.arange(4 * least)[None] < least // 20
    with torch.no_grad():
        short, long = encoder(sound[:, :least], mask[:, :least]), encoder(sound, mask)
    for name, output in long.items():
        assert output.mask[0].tolist() == [True] + [False] * (output.mask.shape[1] - 1)
        torch.testing.assert_close(output.values[0, 0], short[name].values[0, 0], rtol=0, atol=1e-5)
