"""Small encoders written as their publishers write them: key names spelt out a second time, container by container."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from tymbal.encoders import Encoder
from tymbal.encoders.beats import Beats
from tymbal.encoders.birdmae import BirdMae
from tymbal.encoders.eat import Eat
from tymbal.encoders.hubert import Hubert, HubertConfig

State = dict[str, Tensor]


def renamed(state: State, *pairs: tuple[str, str]) -> State:
    """Every key with the first pattern that matches its start replaced; each must find one."""
    out = {}
    for key, value in state.items():
        for pattern, replacement in pairs:
            new, hits = re.subn("^" + pattern, replacement, key)
            if hits:
                out[new] = value.clone()
                break
        else:
            raise KeyError(key)
    return out


def beats_state(encoder: Encoder, *, parametrised: bool = False, repeat_table: bool = True) -> State:
    g, v = (
        ("parametrizations.weight.original0", "parametrizations.weight.original1")
        if parametrised
        else ("weight_g", "weight_v")
    )
    state = renamed(
        encoder.state_dict(),
        (r"patch_embedding\.", "patch_embedding."),
        (r"patch_norm\.", "layer_norm."),
        (r"projection\.", "post_extract_proj."),
        (r"position\.weight_g", f"encoder.pos_conv.0.{g}"),
        (r"position\.weight_v", f"encoder.pos_conv.0.{v}"),
        (r"position\.bias", "encoder.pos_conv.0.bias"),
        (r"input_norm\.", "encoder.layer_norm."),
        (r"relative_bias\.", "encoder.layers.0.self_attn.relative_attention_bias."),
        (r"blocks\.(\d+)\.([qkv]|out)_proj", r"encoder.layers.\1.self_attn.\2_proj"),
        (r"blocks\.(\d+)\.gate_linear", r"encoder.layers.\1.self_attn.grep_linear"),
        (r"blocks\.(\d+)\.gate_scale", r"encoder.layers.\1.self_attn.grep_a"),
        (r"blocks\.(\d+)\.attention_norm", r"encoder.layers.\1.self_attn_layer_norm"),
        (r"blocks\.(\d+)\.output_norm", r"encoder.layers.\1.final_layer_norm"),
        (r"blocks\.(\d+)\.(fc[12])", r"encoder.layers.\1.\2"),
    )
    if repeat_table:
        table = state["encoder.layers.0.self_attn.relative_attention_bias.weight"]
        state["encoder.layers.1.self_attn.relative_attention_bias.weight"] = table.clone()
    return state


def hubert_state(encoder: Encoder, names: str) -> State:
    every = encoder.config.conv_norm == "layer"
    feed = ("feed_forward.intermediate_dense", "feed_forward.output_dense")
    if names == "fairseq":
        conv, norm, feature = r"conv_layers.\1.0", (r"conv_layers.\1.2.1" if every else r"conv_layers.\1.2"), ""
        projection, stem, position = "post_extract_proj.", "encoder.", "encoder.pos_conv.0."
        attention, attention_norm, feed = "self_attn", "self_attn_layer_norm", ("fc1", "fc2")
    else:
        conv, norm = r"conv_layers.\1.conv", r"conv_layers.\1.layer_norm"
        stem = "encoder.transformer." if names == "torchaudio" else "encoder."
        feature = "encoder.feature_projection." if names == "torchaudio" else "feature_projection."
        projection, position = f"{feature}projection.", f"{stem}pos_conv_embed.conv."
        attention, attention_norm = "attention", "layer_norm"
    g, v = ("weight_g", "weight_v")
    if names == "transformers":
        g, v = "parametrizations.weight.original0", "parametrizations.weight.original1"
    return renamed(
        encoder.state_dict(),
        (r"convolutions\.(\d+)\.conv", f"feature_extractor.{conv}"),
        (r"convolutions\.(\d+)\.norm", f"feature_extractor.{norm}"),
        (r"feature_norm\.", f"{feature}layer_norm."),
        (r"projection\.", projection),
        (r"position\.weight_g", position + g),
        (r"position\.weight_v", position + v),
        (r"position\.", position),
        (r"encoder_norm\.", f"{stem}layer_norm."),
        (r"blocks\.(\d+)\.([qkv]|out)_proj", rf"{stem}layers.\1.{attention}.\2_proj"),
        (r"blocks\.(\d+)\.attention_norm", rf"{stem}layers.\1.{attention_norm}"),
        (r"blocks\.(\d+)\.output_norm", rf"{stem}layers.\1.final_layer_norm"),
        (r"blocks\.(\d+)\.fc1", rf"{stem}layers.\1.{feed[0]}"),
        (r"blocks\.(\d+)\.fc2", rf"{stem}layers.\1.{feed[1]}"),
    )


_VIT_BLOCK = (
    (r"blocks\.(\d+)\.(norm[12])", r"blocks.\1.\2"),
    (r"blocks\.(\d+)\.(qkv|proj)", r"blocks.\1.attn.\2"),
    (r"blocks\.(\d+)\.(fc[12])", r"blocks.\1.mlp.\2"),
)


def eat_state(encoder: Encoder, *, fairseq: bool) -> State:
    image = "modality_encoders.IMAGE." if fairseq else ""
    state = {key: value for key, value in encoder.state_dict().items() if key != "cls_position"}
    table = state["positions"]
    state["positions"] = torch.cat([table, torch.zeros_like(table)], dim=1)  # published tables are for longer clips
    return renamed(
        state,
        (r"patch_embedding\.", f"{image}local_encoder.proj."),
        (r"cls_token", f"{image}extra_tokens"),
        (r"positions", f"{image}fixed_positional_encoder.positions"),
        (r"input_norm\.", f"{image}context_encoder.norm." if fairseq else "pre_norm."),
        *_VIT_BLOCK,
    )


def birdmae_state(encoder: Encoder) -> State:
    state = dict(encoder.state_dict())
    table = torch.cat([state.pop("cls_position"), state.pop("positions")], dim=1)
    rest = renamed(state, (r"patch_embedding\.", "patch_embed.proj."), (r"cls_token", "cls_token"), *_VIT_BLOCK)
    norms = {f"{name}.{part}": torch.ones(32) for name in ("norm", "fc_norm") for part in ("weight", "bias")}
    return {**rest, **norms, "pos_embed": table}


def birdmae_with_a_cls_position() -> Encoder:
    encoder = BirdMae.tiny()
    encoder.cls_position += 0.5
    return encoder


def behind(prefix: str, state: State) -> State:
    return {prefix + key: value for key, value in state.items()}


def head(name: str, classes: int) -> State:
    return {f"{name}.weight": torch.randn(classes, 32), f"{name}.bias": torch.randn(classes)}


def save_json(path: Path, data: Any) -> None:
    path.write_text(json.dumps(data), encoding="utf-8")


@dataclass(frozen=True)
class Published:
    """One way a checkpoint comes: `write(folder, change)` writes one, its state put through `change` first, and gives
    the path and the encoder it was written from.

    `key` is a key to leave out or misname, as the file spells it.
    """

    name: str
    encoder: str
    layout: str
    key: str
    make: Callable[[], Encoder]
    state: Callable[[Encoder], State]
    save: Callable[[Path, State], Path]
    given: dict[str, Any] = field(default_factory=dict)
    labels: tuple[str, ...] | None = None
    unexpected: tuple[str, ...] = ()

    def write(self, folder: Path, change: Callable[[State], State] = dict) -> tuple[Path, Encoder]:
        torch.manual_seed(0)
        encoder = self.make().freeze()
        for name, tensor in encoder.state_dict().items():
            if tensor.is_floating_point() and name not in ("positions", "cls_position"):
                tensor += 0.05 * torch.randn_like(tensor)
        return self.save(folder, change(self.state(encoder))), encoder


def as_torch(name: str, **sections: Any) -> Callable[[Path, State], Path]:
    """Saves a torch file with the state in the section "model", and other sections."""
    return lambda folder, state: (torch.save({**sections, "model": state}, folder / name), folder / name)[1]


BEATS_CFG = {
    "encoder_layers": 2,
    "encoder_embed_dim": 32,
    "encoder_ffn_embed_dim": 48,
    "encoder_attention_heads": 4,
    "embed_dim": 16,
    "input_patch_size": 16,
    "activation_fn": "gelu",
    "layer_norm_first": False,
    "deep_norm": True,
    "relative_position_embedding": True,
    "gru_rel_pos": True,
    "max_distance": 800,
    "num_mel_bins": 32,
    "finetuned_model": True,
}


def naturelm(folder: Path, state: State) -> Path:
    torch.save({"model_state_dict": state, "epoch": 3}, folder / "naturelm.pt")
    return folder / "naturelm.pt"


def avex(folder: Path, state: State) -> Path:
    save_json(folder / "label_map.json", {"label_to_index": {"wren": 1, "robin": 0, "owl": 2}})
    save_file(state, folder / "model.safetensors")
    return folder


def torchaudio(folder: Path, state: State) -> Path:
    path = folder / "aves-tiny.torchaudio.pt"
    config = {
        "extractor_mode": "group_norm",
        "extractor_conv_layer_config": [[16, 10, 5]],
        "extractor_conv_bias": False,
        "encoder_embed_dim": 32,
        "encoder_pos_conv_kernel": 16,
        "encoder_pos_conv_groups": 16,
        "encoder_num_layers": 2,
        "encoder_num_heads": 4,
        "encoder_ff_interm_features": 48,
        "encoder_layer_norm_first": False,
    }
    save_json(folder / "aves-tiny.torchaudio.model_config.json", config)
    torch.save(state, path)
    return path


def transformers(folder: Path, state: State) -> Path:
    config = {
        "num_hidden_layers": 2,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_attention_heads": 4,
        "feat_extract_norm": "layer",
        "do_stable_layer_norm": True,
        "conv_bias": True,
        "conv_kernel": [10, 3, 3, 3, 3, 2, 2],
        "conv_stride": [5, 2, 2, 2, 2, 2, 2],
        "hidden_act": "gelu",
        "id2label": {"0": "a", "1": "b"},
    }
    save_json(folder / "config.json", config)
    save_json(folder / "preprocessor_config.json", {"do_normalize": True, "sampling_rate": 16000})
    save_file(state, folder / "model.safetensors")
    return folder


def flat(folder: Path, state: State) -> Path:
    save_file(state, folder / "model.safetensors")
    return folder / "model.safetensors"


def hub_eat(folder: Path, state: State) -> Path:
    save_json(
        folder / "config.json",
        {
            "depth": 2,
            "embed_dim": 32,
            "num_heads": 4,
            "mel_bins": 32,
            "layer_norm_first": False,
            "fixed_positions": True,
        },
    )
    return flat(folder, state)


STABLE = HubertConfig(
    conv_dim=16,
    conv_norm="layer",
    conv_bias=True,
    dim=32,
    ffn=48,
    heads=4,
    blocks=2,
    conv_kernel=16,
    norm_first=True,
    normalize=True,
)
FAIRSEQ_ARGS = argparse.Namespace(
    encoder_layers=2, encoder_embed_dim=32, encoder_attention_heads=4, layer_norm_first=False, extractor_mode="default"
)
VIT = {"heads": 4, "mel_bands": 32, "clip_frames": 64}

PUBLISHED = (
    Published(
        "beats-microsoft",
        "beats",
        "BEATs",
        "encoder.layers.1.fc1.weight",
        Beats.tiny,
        lambda e: {**beats_state(e), **head("predictor", 5)},
        as_torch("BEATs.pt", cfg=BEATS_CFG),
    ),
    Published(
        "beats-naturelm",
        "beats",
        "BEATs",
        "encoder.layers.0.self_attn.grep_a",
        lambda: Beats(replace(Beats.tiny().config, clamp=True)),
        lambda e: beats_state(e, repeat_table=False),
        naturelm,
        given={"mel_bands": 32},
    ),
    Published(
        "beats-avex",
        "beats",
        "BEATs",
        "backbone.encoder.pos_conv.0.parametrizations.weight.original0",
        Beats.tiny,
        lambda e: {
            **behind("backbone.", beats_state(e, parametrised=True)),
            **head("classifier", 3),
            "extra.scale": torch.ones(1),
        },
        avex,
        given={"mel_bands": 32},
        labels=("robin", "wren", "owl"),
        unexpected=("extra.scale",),
    ),
    Published(
        "hubert-fairseq",
        "hubert",
        "HuBERT, fairseq names",
        "encoder.layers.1.self_attn.k_proj.bias",
        Hubert.tiny,
        lambda e: {**hubert_state(e, "fairseq"), "mask_emb": torch.zeros(32), "label_embs_concat": torch.zeros(4, 8)},
        as_torch("hubert.pt", args=FAIRSEQ_ARGS, cfg=None),
    ),
    Published(
        "hubert-torchaudio",
        "hubert",
        "HuBERT, torchaudio names",
        "encoder.transformer.layers.0.feed_forward.output_dense.weight",
        Hubert.tiny,
        lambda e: hubert_state(e, "torchaudio"),
        torchaudio,
    ),
    Published(
        "hubert-transformers",
        "hubert",
        "HuBERT, transformers names",
        "hubert.encoder.layers.0.attention.q_proj.weight",
        lambda: Hubert(STABLE),
        lambda e: {
            **behind("hubert.", hubert_state(e, "transformers")),
            "hubert.masked_spec_embed": torch.zeros(32),
            **head("classifier", 2),
        },
        transformers,
        labels=("a", "b"),
    ),
    Published(
        "eat-fairseq",
        "eat",
        "EAT, fairseq names",
        "modality_encoders.IMAGE.context_encoder.norm.bias",
        Eat.tiny,
        lambda e: {**eat_state(e, fairseq=True), "modality_encoders.IMAGE.decoder.proj.weight": torch.zeros(3)},
        lambda folder, state: as_torch("eat.pt", cfg={"model": {"depth": 2}})(
            folder, {**state, "_ema": {"blocks.0.x": torch.zeros(1)}}
        ),
        given=VIT,
    ),
    Published(
        "eat-hub",
        "eat",
        "EAT, hub names",
        "model.blocks.1.attn.qkv.weight",
        Eat.tiny,
        lambda e: behind("model.", {**eat_state(e, fairseq=False), "fc_norm.weight": torch.zeros(32)}),
        hub_eat,
        given={"clip_frames": 64},
    ),
    Published(
        "eat-avex",
        "eat",
        "EAT, hub names",
        "backbone.model.extra_tokens",
        lambda: Eat(replace(Eat.tiny().config, fbank_mean=-5.553, fbank_std=4.606)),
        lambda e: behind("backbone.model.", eat_state(e, fairseq=False)),
        flat,
        given=VIT,
    ),
    Published(
        "birdmae-hub",
        "birdmae",
        "Bird-MAE, hub names",
        "blocks.0.mlp.fc2.weight",
        birdmae_with_a_cls_position,
        birdmae_state,
        flat,
        given={**VIT, "clip_s": 0.6},
    ),
)
