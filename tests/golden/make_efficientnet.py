"""Make tests/golden/efficientnet_{torchvision,timm}.safetensors with the two public implementations.

    python -m venv /tmp/oracle
    /tmp/oracle/bin/pip install torch==2.13.0 torchvision==0.28.0 timm==1.0.31 safetensors
    /tmp/oracle/bin/python tests/golden/make_efficientnet.py

Each file holds B0 at a tenth of its width with random weights under that library's names (`weights.…`), a picture of
three equal channels, and the output of the stem, every block and the head.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file
from timm.models import efficientnet as timm_efficientnet
from torch import nn
from torchvision.models import EfficientNet
from torchvision.models.efficientnet import _efficientnet_conf

WIDTH = 0.1


def shake(model: nn.Module) -> nn.Module:
    """No tensor at a neutral value, so that each must be in its place."""
    for name, tensor in model.state_dict().items():
        if tensor.is_floating_point():
            tensor.add_(0.1 * torch.rand_like(tensor) if "running_var" in name else 0.1 * torch.randn_like(tensor))
    return model.eval()


def torchvision_layers() -> tuple[nn.Module, list[nn.Module]]:
    settings, last = _efficientnet_conf("efficientnet_b0", width_mult=WIDTH, depth_mult=1.0)
    model = EfficientNet(settings, dropout=0.2, num_classes=7, last_channel=last)

    return model, [model.features[0], *(block for stage in model.features[1:-1] for block in stage), model.features[-1]]


def timm_layers() -> tuple[nn.Module, list[nn.Module]]:
    model = timm_efficientnet._gen_efficientnet("efficientnet_b0", channel_multiplier=WIDTH, num_classes=7)
    return model, [model.bn1, *(block for stage in model.blocks for block in stage), model.bn2]


def main() -> None:
    for name, build in (("torchvision", torchvision_layers), ("timm", timm_layers)):
        torch.manual_seed(1)
        model, layers = build()
        shake(model)
        outputs: list[torch.Tensor] = []
        for layer in layers:
            layer.register_forward_hook(lambda module, args, out, outputs=outputs: outputs.append(out.clone()))
        picture = torch.rand(1, 1, 32, 48)
        with torch.no_grad():
            model(picture.expand(-1, 3, -1, -1))
        tensors = {f"weights.{key}": value for key, value in model.state_dict().items()}
        tensors |= {f"layer{i}": value for i, value in enumerate(outputs)} | {"picture": picture}
        tensors = {key: value.detach().contiguous().clone() for key, value in tensors.items()}
        save_file(tensors, Path(__file__).parent / f"efficientnet_{name}.safetensors")


if __name__ == "__main__":
    main()
