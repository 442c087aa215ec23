"""Small convolutional encoders as their publishers write them; see `checkpoints`."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from tests.reference.checkpoints import Published, State, as_torch, behind, flat, renamed, save_json
from tests.reference.frontends import mel_filters

from tymbal.encoders import Encoder
from tymbal.encoders.cnn14 import Cnn14
from tymbal.encoders.efficientnet import EfficientNet, EfficientNetConfig


def dense(name: str, classes: int, dim: int) -> State:
    return {f"{name}.weight": torch.randn(classes, dim), f"{name}.bias": torch.randn(classes)}


def torchvision_state(encoder: Encoder) -> State:
    return renamed(encoder.state_dict(), (r"features\.", "features."))


# Our place within a block -> timm's name: the first stage does not expand.
SEPARABLE = {"0.0": "conv_dw", "0.1": "bn1", "1.fc1": "se.conv_reduce", "1.fc2": "se.conv_expand"}
SEPARABLE |= {"2.0": "conv_pw", "2.1": "bn2"}
INVERTED = {"0.0": "conv_pw", "0.1": "bn1", "1.0": "conv_dw", "1.1": "bn2", "2.fc1": "se.conv_reduce"}
INVERTED |= {"2.fc2": "se.conv_expand", "3.0": "conv_pwl", "3.1": "bn3"}


def timm_state(encoder: Encoder) -> State:
    out = {}
    for key, value in encoder.state_dict().items():
        inside = re.fullmatch(r"features\.(\d)\.(\d)\.block\.(\d\.\w+)\.(\w+)", key)
        if inside is None:
            _, stage, part, tensor = key.split(".")
            name = {"00": "conv_stem", "01": "bn1", "80": "conv_head", "81": "bn2"}[stage + part]
            out[f"{name}.{tensor}"] = value.clone()
        else:
            stage, block, place, tensor = inside.groups()
            names = SEPARABLE if stage == "1" else INVERTED
            out[f"blocks.{int(stage) - 1}.{block}.{names[place]}.{tensor}"] = value.clone()
    return out


def b1() -> Encoder:
    return EfficientNet(EfficientNetConfig(variant="b1", width=0.25, bands=32))


def avex(folder: Path, state: State) -> Path:
    audio = {"sample_rate": 16000, "representation": "mel_spectrogram", "n_fft": 800, "hop_length": 160, "n_mels": 32}
    save_json(folder / "config.json", {"model_spec": {"audio_config": {**audio, "win_length": 800}}})
    save_json(folder / "label_map.json", ["owl", "wren"])
    save_file(state, folder / "model.safetensors")
    return folder


def timm(folder: Path, state: State) -> Path:
    save_json(folder / "config.json", {"architecture": "efficientnet_b0", "num_classes": 3, "num_features": 320})
    return flat(folder, state)


def panns_constants(config: Any) -> State:
    """torchlibrosa's windowed Fourier transform and mel matrix, row by row from their definitions."""
    size = config.window_samples
    window = [0.5 - 0.5 * math.cos(2 * math.pi * i / size) for i in range(size)]
    wave = np.array(
        [[np.exp(-2j * np.pi * ((b * i) % size) / size) for i in range(size)] for b in range(size // 2 + 1)]
    )
    kernels = (wave * window)[:, None]
    filters = mel_filters(
        config.sample_rate_hz, size, config.bands, config.low_hz, config.high_hz, scale="slaney", area=True
    )
    arrays = {
        "spectrogram_extractor.stft.conv_real.weight": kernels.real,
        "spectrogram_extractor.stft.conv_imag.weight": kernels.imag,
        "logmel_extractor.melW": filters,
    }
    return {key: torch.tensor(value, dtype=torch.float32) for key, value in arrays.items()}


def panns_state(encoder: Encoder) -> State:
    state = renamed(encoder.state_dict(), (r"bn0", "bn0"), (r"conv_block", "conv_block"))
    return {**panns_constants(encoder.config), **state, **dense("fc1", 64, 64), **dense("fc_audioset", 4, 64)}


def without_counts(state: Callable[[Encoder], State]) -> Callable[[Encoder], State]:
    """As files of before 2018 are: without the numbers of training steps."""
    return lambda encoder: {key: value for key, value in state(encoder).items() if "num_batches" not in key}


TORCHVISION, TIMM = "EfficientNet, torchvision names", "EfficientNet, timm names"
DEPTHWISE = "features.3.1.block.1.0.weight"
SMALL = {"sample_rate_hz": 8000, "hop_samples": 40, "high_hz": 3500.0}

CONVOLUTIONAL = (
    Published(
        "efficientnet-torchvision",
        "efficientnet",
        TORCHVISION,
        DEPTHWISE,
        EfficientNet.tiny,
        lambda e: {**torchvision_state(e), **dense("classifier.1", 3, 320)},
        lambda folder, state: (torch.save(state, folder / "b0.pth"), folder / "b0.pth")[1],
        given={"bands": 32},
    ),
    Published(
        "efficientnet-avex",
        "efficientnet",
        TORCHVISION,
        "model." + DEPTHWISE,
        EfficientNet.tiny,
        lambda e: behind("model.", {**torchvision_state(e), **dense("classifier.1", 2, 320)}),
        avex,
        labels=("owl", "wren"),
    ),
    Published(
        "efficientnet-avex-backbone",
        "efficientnet",
        TORCHVISION,
        "backbone.model." + DEPTHWISE,
        b1,
        lambda e: {**behind("backbone.model.", torchvision_state(e)), **dense("classifier", 2, 320)},
        avex,
        labels=("owl", "wren"),
    ),
    Published(
        "efficientnet-timm",
        "efficientnet",
        TIMM,
        "blocks.0.0.conv_dw.weight",
        EfficientNet.tiny,
        lambda e: {**timm_state(e), **dense("classifier", 3, 320)},
        timm,
        given={"bands": 32},
    ),
    Published(
        "efficientnet-timm-b1",
        "efficientnet",
        TIMM,
        "blocks.6.1.conv_dw.weight",
        b1,
        without_counts(timm_state),
        flat,
        given={"bands": 32},
    ),
    Published(
        "cnn14-panns",
        "cnn14",
        "PANNs CNN14",
        "conv_block3.conv2.weight",
        Cnn14.tiny,
        panns_state,
        as_torch("Cnn14.pth", iteration=600000),
        given=SMALL,
    ),
    Published(
        "cnn14-without-counts",
        "cnn14",
        "PANNs CNN14",
        "conv_block6.conv1.weight",
        Cnn14.tiny,
        without_counts(panns_state),
        as_torch("Cnn14.pth"),
        given=SMALL,
    ),
)
