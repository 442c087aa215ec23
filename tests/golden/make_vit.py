"""Make tests/golden/vit_timm.safetensors with a public implementation of the vision transformer that Bird-MAE is.

    python -m venv /tmp/oracle
    /tmp/oracle/bin/pip install torch==2.13.0 timm==1.0.31 safetensors
    /tmp/oracle/bin/python tests/golden/make_vit.py

The file holds a small `timm` VisionTransformer with random weights under that library's names (`weights.…`), which are
Bird-MAE's, one picture, the patch tokens and the tokens after every block.
"""

from __future__ import annotations

import sys
from pathlib import Path
from unittest.mock import MagicMock

import torch
from safetensors.torch import save_file

# timm imports torchvision for what no vision transformer uses, and its compiled operators do not fit every build of
# torch: a stand-in for it, and for the room of timm that wants most of it.
for name in ("torchvision", "torchvision.ops", "torchvision.ops.misc", "torchvision.models.feature_extraction"):
    sys.modules[name] = MagicMock()
sys.modules["timm.data"] = MagicMock()

from timm.models.vision_transformer import VisionTransformer  # noqa: E402

FRAMES, BANDS = 64, 32


def main() -> None:
    torch.manual_seed(0)
    model = VisionTransformer(
        img_size=(FRAMES, BANDS), patch_size=16, in_chans=1, num_classes=0, embed_dim=32, depth=2, num_heads=4,
        mlp_ratio=1.5, global_pool="token",
    ).eval()  # fmt: skip
    with torch.no_grad():
        for tensor in model.state_dict().values():  # no tensor at a neutral value, so that each must be in its place
            tensor.add_(0.2 * torch.randn_like(tensor))
        picture = torch.randn(2, 1, FRAMES, BANDS)
        kept = {"picture": picture, "outputs.patches": model.patch_embed(picture)}
        x = model._pos_embed(kept["outputs.patches"])
        for index, block in enumerate(model.blocks):
            x = block(x)
            kept[f"outputs.block{index}"] = x
    weights = {f"weights.{name}": tensor for name, tensor in model.state_dict().items()}
    path = Path(__file__).parent / "vit_timm.safetensors"
    save_file({name: tensor.contiguous() for name, tensor in (kept | weights).items()}, path)


if __name__ == "__main__":
    main()
