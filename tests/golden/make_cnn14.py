"""Make tests/golden/cnn14.safetensors with the authors' Cnn14 (panns_inference).

    python -m venv /tmp/oracle
    /tmp/oracle/bin/pip install torch==2.13.0 panns_inference==0.1.1 torchlibrosa==0.1.0 librosa matplotlib safetensors
    /tmp/oracle/bin/python tests/golden/make_cnn14.py

The file holds the network at 1/32 of its width with random weights under its own names (`weights.…`, without the
constants of the front end and the classifier), 1.1 s of noise at 32 kHz, its decibels and the output of every block.
"""

from __future__ import annotations

import sys
import types
from pathlib import Path

# Importing the package would fetch its label list into the home folder; only its networks are wanted.
sys.modules["panns_inference.config"] = types.ModuleType("panns_inference.config")
sys.modules["panns_inference.inference"] = types.ModuleType("panns_inference.inference")
for name in ("AudioTagging", "SoundEventDetection", "labels"):
    setattr(sys.modules["panns_inference.inference"], name, None)
    setattr(sys.modules["panns_inference.config"], name, None)

import torch  # noqa: E402
from panns_inference import models  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

SHRINK = 32
CONSTANTS = ("spectrogram_extractor", "logmel_extractor", "fc1", "fc_audioset")


def main() -> None:
    torch.manual_seed(1)
    whole = models.ConvBlock.__init__
    models.ConvBlock.__init__ = lambda self, in_channels, out_channels: whole(
        self, max(1, in_channels // SHRINK), out_channels // SHRINK
    )
    model = models.Cnn14(32000, 1024, 320, 64, 50, 14000, 527).eval()
    for key, tensor in model.state_dict().items():
        if tensor.is_floating_point() and not key.startswith(CONSTANTS):
            tensor.add_(0.1 * torch.rand_like(tensor) if "running_var" in key else 0.1 * torch.randn_like(tensor))
    outputs: dict[str, torch.Tensor] = {}
    parts = {"decibels": model.logmel_extractor}
    parts |= {f"block{number}": getattr(model, f"conv_block{number}") for number in range(1, 7)}
    for name, part in parts.items():
        part.register_forward_hook(lambda module, args, out, name=name: outputs.update({name: out}))
    model.fc1, model.fc_audioset = (torch.nn.LazyLinear(1) for _ in range(2))
    waveform = 0.1 * torch.randn(1, 35_200)
    with torch.no_grad():
        model(waveform)
    tensors = {f"weights.{k}": v for k, v in model.state_dict().items() if not k.startswith(CONSTANTS)}
    tensors |= {**outputs, "waveform": waveform}
    tensors = {key: value.detach().contiguous().clone() for key, value in tensors.items()}
    save_file(tensors, Path(__file__).parent / "cnn14.safetensors")


if __name__ == "__main__":
    main()
