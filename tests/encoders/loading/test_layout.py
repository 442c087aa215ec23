from __future__ import annotations

import pytest
import torch

from tymbal.encoders.loading import LAYOUTS, Layout, Rule
from tymbal.encoders.registry import encoder_class, list_encoders


def test_a_rule_maps_both_ways() -> None:
    rule = Rule("layers.{i}.attn.proj.*", "blocks.{i}.out.*")
    assert rule.map("layers.11.attn.proj.bias") == "blocks.11.out.bias"
    assert rule.source_of("blocks.3.out.weight") == "layers.3.attn.proj.weight"
    for other in (
        "layers.x.attn.proj.bias",
        "layers.1.attn.proj.scale",
        "a.layers.1.attn.proj.bias",
        "layers.1.attn_proj.bias",
    ):
        assert rule.map(other) is None


def test_a_rule_may_hold_several_numbers_and_the_tensors_of_a_batch_norm() -> None:
    rule = Rule("blocks.1.{j}.bn2.**", "features.2.{j}.block.1.1.**")
    assert rule.map("blocks.1.03.bn2.running_var") == "features.2.3.block.1.1.running_var"
    assert rule.map("blocks.1.0.bn2.num_batches_tracked") == "features.2.0.block.1.1.num_batches_tracked"
    assert rule.source_of("features.2.5.block.1.1.bias") == "blocks.1.5.bn2.bias"
    assert rule.map("blocks.2.0.bn2.bias") is None
    several = Rule("a.{i}.b.{j}.c.{k}.*", "x{k}.y{j}.z{i}.*")
    assert several.map("a.1.b.2.c.3.bias") == "x3.y2.z1.bias"
    assert several.source_of("x3.y2.z1.weight") == "a.1.b.2.c.3.weight"
    assert several.map("a.1.b.2.c.3.running_mean") is None


def test_the_prefix_is_what_stands_before_an_anchor() -> None:
    layout = Layout("x", "beats", ("stem.weight",), (), lambda state: {})
    assert layout.prefix(["stem.weight"]) == ""
    assert layout.prefix(["a.b.stem.weight", "ema.a.b.stem.weight"]) == "a.b."
    assert layout.prefix(["system.weight", "other"]) is None


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_every_key_of_the_full_encoder_has_a_name_in_the_layout(layout: Layout) -> None:
    assert layout.encoder in list_encoders()
    with torch.device("meta"):
        keys = list(encoder_class(layout.encoder)().state_dict())
    for key in keys:
        source = layout.source_of(key)
        if key not in ("positions", "cls_position"):
            assert key in [target for _, target in layout.map(source)], key
