"""EAT and Bird-MAE: fairseq's and the hub's names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from tymbal.encoders.loading.layout import Layout, Rule, Variant, count_blocks, known, shape

HEADS = {768: 12, 1024: 16, 1280: 16}  # width -> heads of the published sizes


def _first(table: Tensor, config: Any) -> Tensor:
    """The positions of one clip, from a table for longer ones."""
    return table[:, : config.clip_frames // config.patch * (config.mel_bands // config.patch)]


def _blocks(stem: str = "blocks.{i}.") -> tuple[Rule, ...]:
    return tuple(
        Rule(f"{stem}{source}.*", f"blocks.{{i}}.{target}.*")
        for source, target in (
            ("norm1", "norm1"),
            ("attn.qkv", "qkv"),
            ("attn.proj", "proj"),
            ("norm2", "norm2"),
            ("mlp.fc1", "fc1"),
            ("mlp.fc2", "fc2"),
        )
    )


_IMAGE = "modality_encoders.IMAGE."

EAT_RULES = (
    Rule("local_encoder.proj.*", "patch_embedding.*"),
    Rule("extra_tokens", "cls_token"),
    Rule("fixed_positional_encoder.positions", "positions", take=_first),
    Rule("pre_norm.*", "input_norm.*"),
    *_blocks(),
)

EAT_FAIRSEQ_RULES = (
    Rule(_IMAGE + "local_encoder.proj.*", "patch_embedding.*"),
    Rule(_IMAGE + "extra_tokens", "cls_token"),
    Rule(_IMAGE + "fixed_positional_encoder.positions", "positions", take=_first),
    Rule(_IMAGE + "context_encoder.norm.*", "input_norm.*"),
    Rule("norm.*", "output_norm.*"),
    *_blocks(),
)

BIRDMAE_RULES = (
    Rule("patch_embed.proj.*", "patch_embedding.*"),
    Rule("cls_token", "cls_token"),
    Rule("pos_embed", "positions", take=lambda table, config: table[:, 1:]),
    Rule("pos_embed", "cls_position", take=lambda table, config: table[:, :1]),
    *_blocks(),
)


def sizes(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """Everything but the clip, the heads (known for the published widths) and where the blocks' norms stand."""
    dim = shape(state, "patch_embedding.weight", 0)
    return known(
        patch=shape(state, "patch_embedding.weight", 2),
        dim=dim,
        ffn=shape(state, "blocks.0.fc1.weight", 0),
        heads=HEADS.get(dim) if dim else None,
        blocks=count_blocks(state) or None,
        input_norm="input_norm.weight" in state,
        output_norm="output_norm.weight" in state,
    )


_SETTINGS = {
    "dim": ("embed_dim",),
    "blocks": ("depth",),
    "heads": ("num_heads",),
    "mel_bands": ("mel_bins", "n_mels", "img_size_y"),
    "clip_frames": ("target_length", "img_size_x"),
    "fbank_mean": ("norm_mean", "eat_norm_mean", "fbank_mean", "mean"),
    "fbank_std": ("norm_std", "eat_norm_std", "fbank_std", "std"),
    "norm_first": ("layer_norm_first",),
    "sample_rate_hz": ("sample_rate", "sampling_rate"),
}
_AVES2 = Variant("avex", {"fbank_mean": -5.553, "fbank_std": 4.606}, prefix="backbone.model.")
_EAT_REQUIRED = {"fixed_positions": (True,), "qkv_bias": (True,), "norm_affine": (True,), "norm_eps": (1e-6,)}

EAT = Layout(
    name="EAT, hub names",
    encoder="eat",
    anchors=("local_encoder.proj.weight",),
    rules=EAT_RULES,
    sizes=sizes,
    settings=_SETTINGS,
    required_settings=_EAT_REQUIRED,
    variants=(_AVES2,),
    classifiers=("head", "classifier"),
    optional=("positions", "cls_position"),
    ignored=(r"fc_norm\..*",),
    inferred=("heads", "fbank_mean", "fbank_std", "norm_first", "clip_frames"),
)

EAT_FAIRSEQ = Layout(
    name="EAT, fairseq names",
    encoder="eat",
    anchors=(_IMAGE + "local_encoder.proj.weight",),
    rules=EAT_FAIRSEQ_RULES,
    sizes=sizes,
    settings=_SETTINGS,
    classifiers=("head", "classifier"),
    optional=("positions", "cls_position"),
    ignored=(r"_ema(\..*)?", r"modality_encoders\.IMAGE\.decoder\..*", r"recon_.*", r"fc_norm\..*", r"cls_recon.*"),
    inferred=("heads", "fbank_mean", "fbank_std", "norm_first", "clip_frames"),
)

BIRDMAE = Layout(
    name="Bird-MAE, hub names",
    encoder="birdmae",
    anchors=("patch_embed.proj.weight",),
    rules=BIRDMAE_RULES,
    sizes=sizes,
    settings=_SETTINGS,
    required_settings={"pos_trainable": (False, True), "qkv_bias": (True,), "qk_norm": (False,), "in_chans": (1,)},
    classifiers=("head", "classifier"),
    ignored=(r"(fc_)?norm\..*", r"decoder.*", r"mask_token"),
    foreign=(r"blocks\.\d+\.attn\.[qk]_norm\..*", r"blocks\.\d+\.ls[12]\..*", r"dist_token"),
    inferred=("heads", "fbank_mean", "fbank_std"),
)
