"""EfficientNet-B0 and B1: torchvision's names, which avex keeps, and timm's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from tymbal.encoders.efficientnet import HEAD_CHANNELS
from tymbal.encoders.loading.layout import Layout, Rule, known, shape

BLOCKS = {16: "b0", 23: "b1"}
_BLOCK = "features.{i}.{j}.block.{k}."

# Our modules are nested and named as torchvision's.
TORCHVISION_RULES = tuple(
    Rule(key, key)
    for key in (
        "features.{i}.0.weight",
        "features.{i}.1.**",
        _BLOCK + "0.weight",
        _BLOCK + "1.**",
        _BLOCK + "fc1.*",
        _BLOCK + "fc2.*",
    )
)


def _timm_stage(stage: int, parts: tuple[tuple[str, str], ...]) -> tuple[Rule, ...]:
    """Rules of one of timm's stages; ours come one later, behind the stem."""
    return tuple(
        Rule(f"blocks.{stage}.{{j}}.{source}", f"features.{stage + 1}.{{j}}.block.{target}") for source, target in parts
    )


def _conv_norm(conv: str, norm: str, place: int) -> tuple[tuple[str, str], ...]:
    return ((f"{conv}.weight", f"{place}.0.weight"), (f"{norm}.**", f"{place}.1.**"))


def _squeeze(place: int) -> tuple[tuple[str, str], ...]:
    return (("se.conv_reduce.*", f"{place}.fc1.*"), ("se.conv_expand.*", f"{place}.fc2.*"))


# The first stage does not expand, so its names stand for other places: bn1 follows the depthwise convolution there.
_SEPARABLE = (*_conv_norm("conv_dw", "bn1", 0), *_squeeze(1), *_conv_norm("conv_pw", "bn2", 2))
_INVERTED = (
    *_conv_norm("conv_pw", "bn1", 0),
    *_conv_norm("conv_dw", "bn2", 1),
    *_squeeze(2),
    *_conv_norm("conv_pwl", "bn3", 3),
)

TIMM_RULES = (
    Rule("conv_stem.weight", "features.0.0.weight"),
    Rule("bn1.**", "features.0.1.**"),
    *_timm_stage(0, _SEPARABLE),
    *(rule for stage in range(1, 7) for rule in _timm_stage(stage, _INVERTED)),
    Rule("conv_head.weight", "features.8.0.weight"),
    Rule("bn2.**", "features.8.1.**"),
)


def sizes(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """Variant by the number of blocks, width by the head's channels; a number of blocks that no variant has says so."""
    blocks = len({tuple(key.split(".")[1:3]) for key in state if ".block." in key})
    head = shape(state, "features.8.0.weight", 0)
    return known(
        variant=BLOCKS.get(blocks, f"with {blocks} blocks"),
        width=head / HEAD_CHANNELS if head else None,
    )


_SETTINGS = {
    "sample_rate_hz": ("sample_rate", "sampling_rate"),
    "window_samples": ("win_length", "n_fft"),
    "hop_samples": ("hop_length",),
    "bands": ("n_mels", "mel_bins", "num_mel_bins"),
}
_INFERRED = ("sample_rate_hz", "window_samples", "hop_samples", "bands")
_OPTIONAL = (r".*\.num_batches_tracked",)  # counts training steps; no output depends on it
_EQUAL = (("n_fft", "win_length"),)

TORCHVISION = Layout(
    name="EfficientNet, torchvision names",
    encoder="efficientnet",
    # The first stage's squeeze and excitation stands here in EfficientNet only, not in V2 or MobileNet.
    anchors=("features.1.0.block.1.fc1.weight", "features.1.0.block.1.fc2.weight"),
    rules=TORCHVISION_RULES,
    sizes=sizes,
    settings=_SETTINGS,
    required_settings={"representation": ("mel_spectrogram",)},
    equal_settings=_EQUAL,
    classifiers=("classifier.1", "classifier"),
    optional=_OPTIONAL,
    inferred=_INFERRED,
)

TIMM = Layout(
    name="EfficientNet, timm names",
    encoder="efficientnet",
    anchors=("blocks.0.0.se.conv_reduce.weight", "blocks.0.0.se.conv_expand.weight"),
    rules=TIMM_RULES,
    sizes=sizes,
    settings=_SETTINGS,
    # Networks converted from TensorFlow (tf_…) have these names too, but pad and normalise otherwise.
    required_settings={"architecture": ("efficientnet_b0", "efficientnet_b1")},
    equal_settings=_EQUAL,
    classifiers=("classifier",),
    optional=_OPTIONAL,
    inferred=_INFERRED,
)
