from __future__ import annotations

import copy

import pytest
import torch
from tests.probes.finetuning.conftest import build

from tymbal.encoders.contract import Encoder
from tymbal.encoders.spectral import SpectralEncoder
from tymbal.errors import EncoderError, UsageError
from tymbal.probes.finetuning.adapters import (
    LowRankLinear,
    add_low_rank,
    check_trainable,
    depths,
    merge_low_rank,
    prepare,
)
from tymbal.probes.finetuning.config import FinetuneConfig

LINEAR = ("beats", "birdmae", "eat", "hubert")


def noise(encoder: Encoder) -> torch.Tensor:
    return 0.1 * torch.randn(2, max(encoder.min_samples, 4000), generator=torch.Generator().manual_seed(1))


def last(encoder: Encoder) -> tuple[str, ...]:
    return (encoder.layers[-1].name,)


@pytest.mark.parametrize("name", LINEAR)
def test_adapters_begin_at_zero_and_merge(name: str) -> None:
    plain, encoder = build(name), build(name)
    sound = noise(encoder)
    names = add_low_rank(encoder, rank=2, alpha=4.0, targets=())
    assert names
    encoder.freeze()
    first, own = encoder(sound), plain(sound)
    assert all(torch.equal(first[layer].values, own[layer].values) for layer in own)
    with torch.no_grad():
        for part in encoder.modules():
            if isinstance(part, LowRankLinear):
                part.lora_b.normal_(std=0.05, generator=torch.Generator().manual_seed(2))
    adapted = encoder(sound)
    top = last(encoder)[0]
    assert (adapted[top].values - own[top].values).abs().max() > 1e-3
    merge_low_rank(encoder)
    assert not any(isinstance(part, LowRankLinear) for part in encoder.modules())
    assert encoder.state_dict().keys() == plain.state_dict().keys()
    merged = encoder(sound)
    for layer, output in merged.items():
        torch.testing.assert_close(output.values, adapted[layer].values, rtol=1e-5, atol=1e-5)


def test_the_scale_is_alpha_over_rank() -> None:
    plain = torch.nn.Linear(5, 3)
    adapted = LowRankLinear(plain, rank=2, alpha=6.0)
    torch.nn.init.normal_(adapted.lora_b)
    x = torch.randn(4, 5)
    wanted = plain(x) + 3.0 * x @ adapted.lora_a.T @ adapted.lora_b.T
    torch.testing.assert_close(adapted(x), wanted)


def test_targets_choose_maps_by_name() -> None:
    encoder = build("hubert")
    every = add_low_rank(copy.deepcopy(encoder), 2, 2.0, ())
    some = add_low_rank(copy.deepcopy(encoder), 2, 2.0, ("q_proj", "*v_proj"))
    assert some
    assert set(some) < set(every)
    assert all(name.endswith(("q_proj", "v_proj")) for name in some)
    with pytest.raises(UsageError, match=r"no linear map of hubert matches 'w_q'.*q_proj"):
        add_low_rank(encoder, 2, 2.0, ("w_q",))


@pytest.mark.parametrize("name", ["hubert", "beats", "efficientnet"])
def test_each_mode_names_what_it_trains(name: str) -> None:
    full, norm = build(name), build(name)
    everything = prepare(full, FinetuneConfig(mode="full"), last(full))
    norms = prepare(norm, FinetuneConfig(mode="layernorm"), last(norm))
    assert 0 < len(norms) < len(everything)
    assert set(norms) < set(everything)
    assert all("norm" in type(norm.get_submodule(each.rpartition(".")[0])).__name__.lower() for each in norms)
    assert {each for each, value in norm.named_parameters() if value.requires_grad} == set(norms)
    assert not full.training
    if name != "efficientnet":
        low = build(name)
        found = prepare(low, FinetuneConfig(mode="lora", rank=2), last(low))
        assert {each.rpartition(".")[2] for each in found} == {"lora_a", "lora_b"}


def test_blocks_above_the_tap_rest() -> None:
    encoder = build("hubert")
    names = [spec.name for spec in encoder.layers]
    lower = prepare(encoder, FinetuneConfig(mode="full"), (names[0],))
    whole = build("hubert")
    upper = prepare(whole, FinetuneConfig(mode="full"), (names[-1],))
    assert set(lower) < set(upper)
    found = depths(whole, upper, (names[-1],))
    assert found.keys() == upper.keys()
    assert {each for each, depth in found.items() if depth == len(names) - 1} == set(lower)
    assert min(found.values()) == 0


def test_what_cannot_be_trained_is_refused() -> None:
    with pytest.raises(EncoderError, match="no weights"):
        check_trainable(SpectralEncoder.tiny().at_rate(8000))
    halved = build("hubert")
    halved.numerics = "int8"
    with pytest.raises(EncoderError, match="take no gradient"):
        check_trainable(halved)
    with pytest.raises(EncoderError, match=r"no linear maps.*full, layernorm"):
        prepare(build("bagnet"), FinetuneConfig(mode="lora"), ("block2",))
    multiplies = build("hubert")
    multiplies.lowers = False
    with pytest.raises(EncoderError, match=r"multiplies by itself.*full, layernorm"):
        prepare(multiplies, FinetuneConfig(mode="lora"), ("block1",))
