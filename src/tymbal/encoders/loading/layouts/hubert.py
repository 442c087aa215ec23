"""HuBERT, AVES and BirdAVES: fairseq's, torchaudio's and transformers' names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from tymbal.encoders.hubert import CONVOLUTIONS
from tymbal.encoders.loading.layout import Layout, Rule, count_blocks, known, shape

_NORMS = {"group_norm": "group", "layer_norm": "layer", "default": "group", "group": "group", "layer": "layer"}
_KERNELS, _STRIDES = (list(column) for column in zip(*CONVOLUTIONS, strict=True))


def position(stem: str) -> tuple[Rule, ...]:
    """The positional convolution, weight norm stored the old way and the new."""
    return (
        Rule(stem + "weight_g", "position.weight_g"),
        Rule(stem + "weight_v", "position.weight_v"),
        Rule(stem + "parametrizations.weight.original0", "position.weight_g"),
        Rule(stem + "parametrizations.weight.original1", "position.weight_v"),
        Rule(stem + "bias", "position.bias"),
    )


def block(stem: str, attention: str, norm: str, first: str, second: str) -> tuple[Rule, ...]:
    """A transformer block's parts under `stem`."""
    return (
        *(Rule(f"{stem}{attention}.{part}_proj.*", f"blocks.{{i}}.{part}_proj.*") for part in ("q", "k", "v", "out")),
        Rule(f"{stem}{norm}.*", "blocks.{i}.attention_norm.*"),
        Rule(f"{stem}{first}.*", "blocks.{i}.fc1.*"),
        Rule(f"{stem}{second}.*", "blocks.{i}.fc2.*"),
        Rule(f"{stem}final_layer_norm.*", "blocks.{i}.output_norm.*"),
    )


FAIRSEQ_RULES = (
    Rule("feature_extractor.conv_layers.{i}.0.*", "convolutions.{i}.conv.*"),
    Rule("feature_extractor.conv_layers.{i}.2.*", "convolutions.{i}.norm.*"),
    Rule("feature_extractor.conv_layers.{i}.2.1.*", "convolutions.{i}.norm.*"),
    Rule("layer_norm.*", "feature_norm.*"),
    Rule("post_extract_proj.*", "projection.*"),
    *position("encoder.pos_conv.0."),
    Rule("encoder.layer_norm.*", "encoder_norm.*"),
    *block("encoder.layers.{i}.", "self_attn", "self_attn_layer_norm", "fc1", "fc2"),
)

TORCHAUDIO_RULES = (
    Rule("feature_extractor.conv_layers.{i}.conv.*", "convolutions.{i}.conv.*"),
    Rule("feature_extractor.conv_layers.{i}.layer_norm.*", "convolutions.{i}.norm.*"),
    Rule("encoder.feature_projection.layer_norm.*", "feature_norm.*"),
    Rule("encoder.feature_projection.projection.*", "projection.*"),
    *position("encoder.transformer.pos_conv_embed.conv."),
    Rule("encoder.transformer.layer_norm.*", "encoder_norm.*"),
    *block(
        "encoder.transformer.layers.{i}.",
        "attention",
        "layer_norm",
        "feed_forward.intermediate_dense",
        "feed_forward.output_dense",
    ),
)

TRANSFORMERS_RULES = (
    Rule("feature_extractor.conv_layers.{i}.conv.*", "convolutions.{i}.conv.*"),
    Rule("feature_extractor.conv_layers.{i}.layer_norm.*", "convolutions.{i}.norm.*"),
    Rule("feature_projection.layer_norm.*", "feature_norm.*"),
    Rule("feature_projection.projection.*", "projection.*"),
    *position("encoder.pos_conv_embed.conv."),
    Rule("encoder.layer_norm.*", "encoder_norm.*"),
    *block(
        "encoder.layers.{i}.",
        "attention",
        "layer_norm",
        "feed_forward.intermediate_dense",
        "feed_forward.output_dense",
    ),
)


def sizes(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """Everything but the heads, of which 64 values each is the rule, and where the norms stand.

    Published models that normalise every convolution are pre-norm, the others post-norm.
    """
    dim, group = shape(state, "encoder_norm.weight", 0), shape(state, "position.weight_v", 1)
    every = "convolutions.1.norm.weight" in state
    return known(
        conv_dim=shape(state, "convolutions.0.conv.weight", 0),
        conv_norm="layer" if every else "group",
        norm_first=every,
        conv_bias="convolutions.0.conv.bias" in state,
        dim=dim,
        ffn=shape(state, "blocks.0.fc1.weight", 0),
        heads=dim // 64 if dim and dim % 64 == 0 else None,
        blocks=count_blocks(state) or None,
        conv_kernel=shape(state, "position.weight_v", 2),
        conv_groups=dim // group if dim and group else None,
    )


_FOREIGN = (r".*gru_rel_pos.*", r".*rel_attn_embed.*", r".*grep_a", r".*adapter_layer.*")
_HEADS = (r"mask_emb", r"masked_spec_embed", r"final_proj\..*", r"label_embs_concat", r"lm_head\..*", r"quantizer\..*")
_INFERRED = ("heads", "norm_first", "normalize")

FAIRSEQ = Layout(
    name="HuBERT, fairseq names",
    encoder="hubert",
    anchors=("feature_extractor.conv_layers.0.0.weight",),
    rules=FAIRSEQ_RULES,
    sizes=sizes,
    settings={
        "blocks": ("encoder_layers",),
        "dim": ("encoder_embed_dim",),
        "ffn": ("encoder_ffn_embed_dim",),
        "heads": ("encoder_attention_heads",),
        "norm_first": ("layer_norm_first",),
        "conv_norm": ("extractor_mode",),
        "conv_bias": ("conv_bias",),
        "conv_kernel": ("conv_pos",),
        "conv_groups": ("conv_pos_groups",),
        "normalize": ("normalize",),
        "sample_rate_hz": ("sample_rate",),
    },
    values={"conv_norm": _NORMS},
    required_settings={"activation_fn": ("gelu",)},
    classifiers=("classifier", "proj"),
    ignored=_HEADS,
    foreign=_FOREIGN,
    inferred=_INFERRED,
)

TORCHAUDIO = Layout(
    name="HuBERT, torchaudio names",
    encoder="hubert",
    anchors=("encoder.transformer.pos_conv_embed.conv.bias",),
    rules=TORCHAUDIO_RULES,
    sizes=sizes,
    settings={
        "blocks": ("encoder_num_layers",),
        "dim": ("encoder_embed_dim",),
        "ffn": ("encoder_ff_interm_features",),
        "heads": ("encoder_num_heads",),
        "norm_first": ("encoder_layer_norm_first",),
        "conv_norm": ("extractor_mode",),
        "conv_bias": ("extractor_conv_bias",),
        "conv_kernel": ("encoder_pos_conv_kernel",),
        "conv_groups": ("encoder_pos_conv_groups",),
        "normalize": ("normalize", "normalize_waveform"),
        "sample_rate_hz": ("sample_rate",),
    },
    values={"conv_norm": _NORMS},
    classifiers=("aux", "classifier"),
    ignored=(*_HEADS, r"mask_generator\..*", r"logit_generator\..*"),
    foreign=_FOREIGN,
    inferred=_INFERRED,
)

TRANSFORMERS = Layout(
    name="HuBERT, transformers names",
    encoder="hubert",
    anchors=("encoder.pos_conv_embed.conv.bias",),
    rules=TRANSFORMERS_RULES,
    sizes=sizes,
    settings={
        "blocks": ("num_hidden_layers",),
        "dim": ("hidden_size",),
        "ffn": ("intermediate_size",),
        "heads": ("num_attention_heads",),
        "norm_first": ("do_stable_layer_norm",),
        "conv_norm": ("feat_extract_norm",),
        "conv_bias": ("conv_bias",),
        "conv_kernel": ("num_conv_pos_embeddings",),
        "conv_groups": ("num_conv_pos_embedding_groups",),
        "normalize": ("do_normalize",),
        "sample_rate_hz": ("sampling_rate", "sample_rate"),
    },
    values={"conv_norm": _NORMS},
    required_settings={
        "hidden_act": ("gelu",),
        "feat_extract_activation": ("gelu",),
        "feat_proj_layer_norm": (True,),
        "conv_pos_batch_norm": (False,),
        "add_adapter": (False,),
        "layer_norm_eps": (1e-5,),
        "conv_kernel": (_KERNELS,),
        "conv_stride": (_STRIDES,),
    },
    classifiers=("classifier",),
    ignored=(*_HEADS, r"projector\..*", r"project_(q|hid)\..*"),
    foreign=_FOREIGN,
    inferred=_INFERRED,
)
