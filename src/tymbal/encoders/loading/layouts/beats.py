"""BEATs: one set of names (Microsoft's), in several containers and behind several prefixes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from tymbal.encoders.loading.layout import Layout, Rule, Variant, count_blocks, known, shape

_LAYER, _ATTENTION = "encoder.layers.{i}.", "encoder.layers.{i}.self_attn."

RULES = (
    Rule("patch_embedding.weight", "patch_embedding.weight"),
    Rule("layer_norm.*", "patch_norm.*"),
    Rule("post_extract_proj.*", "projection.*"),
    Rule("encoder.pos_conv.0.weight_g", "position.weight_g"),
    Rule("encoder.pos_conv.0.weight_v", "position.weight_v"),
    Rule("encoder.pos_conv.0.parametrizations.weight.original0", "position.weight_g"),
    Rule("encoder.pos_conv.0.parametrizations.weight.original1", "position.weight_v"),
    Rule("encoder.pos_conv.0.bias", "position.bias"),
    Rule("encoder.layer_norm.*", "input_norm.*"),
    # All blocks share one table; files repeat it under each.
    Rule("encoder.layers.0.self_attn.relative_attention_bias.weight", "relative_bias.weight"),
    Rule(_ATTENTION + "relative_attention_bias.weight", "relative_bias.weight"),
    *(Rule(f"{_ATTENTION}{part}_proj.*", f"blocks.{{i}}.{part}_proj.*") for part in ("q", "k", "v", "out")),
    Rule(_ATTENTION + "grep_linear.*", "blocks.{i}.gate_linear.*"),
    Rule(_ATTENTION + "grep_a", "blocks.{i}.gate_scale"),
    Rule(_LAYER + "self_attn_layer_norm.*", "blocks.{i}.attention_norm.*"),
    Rule(_LAYER + "fc1.*", "blocks.{i}.fc1.*"),
    Rule(_LAYER + "fc2.*", "blocks.{i}.fc2.*"),
    Rule(_LAYER + "final_layer_norm.*", "blocks.{i}.output_norm.*"),
)


def sizes(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """Everything but the front end and the reach of the position bias."""
    dim, group = shape(state, "input_norm.weight", 0), shape(state, "position.weight_v", 1)
    return known(
        patch_dim=shape(state, "patch_embedding.weight", 0),
        patch=shape(state, "patch_embedding.weight", 2),
        dim=dim,
        ffn=shape(state, "blocks.0.fc1.weight", 0),
        heads=shape(state, "relative_bias.weight", 1),
        buckets=shape(state, "relative_bias.weight", 0),
        conv_kernel=shape(state, "position.weight_v", 2),
        conv_groups=dim // group if dim and group else None,
        blocks=count_blocks(state) or None,
    )


BEATS = Layout(
    name="BEATs",
    encoder="beats",
    anchors=("patch_embedding.weight",),
    rules=RULES,
    sizes=sizes,
    settings={
        "sample_rate_hz": ("sample_rate", "sampling_rate"),
        "front_end_rate_hz": ("sample_frequency",),
        "mel_bands": ("num_mel_bins",),
        "fbank_mean": ("fbank_mean",),
        "fbank_std": ("fbank_std",),
        "max_distance": ("max_distance",),
        "deep_norm": ("deep_norm",),
        "blocks": ("encoder_layers",),
        "dim": ("encoder_embed_dim",),
        "ffn": ("encoder_ffn_embed_dim",),
        "heads": ("encoder_attention_heads",),
        "patch_dim": ("embed_dim",),
        "patch": ("input_patch_size",),
    },
    required_settings={
        "activation_fn": ("gelu",),
        "layer_norm_first": (False,),
        "conv_bias": (False,),
        "relative_position_embedding": (True,),
        "gru_rel_pos": (True,),
        "frame_length": (25.0,),
        "frame_shift": (10.0,),
    },
    variants=(
        Variant("NatureLM", {"clamp": True}, wrapper="model_state_dict"),
        Variant("avex", {}, prefix="backbone."),
    ),
    classifiers=("predictor", "classifier"),
    ignored=(r"fbank\..*", r".*fbank.*(window|mel_fb)", r"quantizer\..*"),
    inferred=("fbank_mean", "fbank_std", "deep_norm", "max_distance"),
)
