from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from tymbal.encoders.birdmae import BirdMae
from tymbal.encoders.loading import load_checkpoint

GOLDEN = Path(__file__).parents[1] / "golden" / "vit_timm.safetensors"


def test_every_block_equals_the_public_network(tmp_path: Path) -> None:
    """Bird-MAE's network is timm's VisionTransformer: its weights by the names of the checkpoints, and its tokens."""
    stored = load_file(GOLDEN)
    weights = {key.removeprefix("weights."): value for key, value in stored.items() if key.startswith("weights.")}
    save_file(weights, tmp_path / "model.safetensors")
    loaded = load_checkpoint(tmp_path / "model.safetensors", "birdmae", heads=4, mel_bands=32, clip_frames=64)
    encoder = loaded.encoder
    assert loaded.unexpected == ()
    assert isinstance(encoder, BirdMae)
    assert (encoder.config.dim, encoder.config.ffn, encoder.config.blocks) == (32, 48, 2)
    with torch.no_grad():
        patches = encoder.patch_embedding(stored["picture"]).flatten(2).transpose(1, 2)
        blocks = encoder.transform(patches)
    torch.testing.assert_close(patches, stored["outputs.patches"], rtol=0, atol=1e-5)
    assert len(blocks) == 2
    for index, tokens in enumerate(blocks):
        torch.testing.assert_close(tokens, stored[f"outputs.block{index}"], rtol=0, atol=1e-4)
