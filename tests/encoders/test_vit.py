from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from tymbal.audio.frontends.kaldi import FLOAT_EPS
from tymbal.encoders.birdmae import HUGE, BirdMae
from tymbal.encoders.birdmae import LARGE as BIRDMAE_LARGE
from tymbal.encoders.eat import Eat, EatConfig
from tymbal.encoders.vit import VitBlock, VitConfig, half_full, sincos_positions
from tymbal.errors import ConfigError


@settings(max_examples=8, deadline=None)
@given(norm_first=st.booleans(), tokens=st.integers(1, 9), seed=st.integers(0, 99))
def test_a_block_equals_torch_own(norm_first: bool, tokens: int, seed: int) -> None:
    torch.manual_seed(seed)
    block = VitBlock(VitConfig(dim=16, ffn=24, heads=4, norm_first=norm_first)).double()
    for parameter in block.parameters():
        parameter.data = torch.randn_like(parameter) * 0.3
    twin = nn.TransformerEncoderLayer(
        16, 4, 24, dropout=0, activation="gelu", layer_norm_eps=1e-6, batch_first=True, norm_first=norm_first
    ).double()
    names = {
        "self_attn.in_proj_weight": "qkv.weight",
        "self_attn.in_proj_bias": "qkv.bias",
        "self_attn.out_proj.weight": "proj.weight",
        "self_attn.out_proj.bias": "proj.bias",
        **{f"linear{i}.{part}": f"fc{i}.{part}" for i in (1, 2) for part in ("weight", "bias")},
        **{f"norm{i}.{part}": f"norm{i}.{part}" for i in (1, 2) for part in ("weight", "bias")},
    }
    twin.load_state_dict({theirs: block.state_dict()[ours] for theirs, ours in names.items()})
    x = torch.randn(2, tokens, 16, dtype=torch.float64)
    torch.testing.assert_close(block(x), twin(x))
    (block(x) ** 2).sum().backward()
    (twin(x) ** 2).sum().backward()
    for theirs, ours in names.items():
        torch.testing.assert_close(block.get_parameter(ours).grad, twin.get_parameter(theirs).grad, msg=ours)


def test_positions_code_column_then_row() -> None:
    table = sincos_positions(3, 4, 8)  # 3 rows of 4 columns; 8 = (sin, sin, cos, cos) twice
    row, column = 2, 3
    angles = [[place / 10000 ** (i / 2) for i in range(2)] for place in (column, row)]
    wanted = [f(a) for pair in angles for f in (math.sin, math.cos) for a in pair]
    torch.testing.assert_close(table[row * 4 + column], torch.tensor(wanted))


def test_eat_lays_its_positions_time_major_and_birdmae_as_published() -> None:
    eat, bird = Eat.tiny(), BirdMae.tiny()  # 4 times by 2 frequencies
    torch.testing.assert_close(eat.positions[0], sincos_positions(4, 2, 32))
    torch.testing.assert_close(bird.positions[0], sincos_positions(2, 4, 32))


def test_a_whole_clip_is_computed_as_published() -> None:
    """EAT step by step for one clip shorter than 64 frames: patches, positions, CLS, norm, blocks."""
    torch.manual_seed(0)
    encoder = Eat.tiny().eval()
    encoder.cls_position += torch.randn(32)
    waveform = 0.1 * torch.randn(1, 400 + 160 * 49)  # 50 frames
    with torch.no_grad():
        picture = encoder.front_end(waveform).values
        assert picture.shape == (1, 50, 32)
        raw = picture * 2 * 4.569 - 4.268
        filled = (nn.functional.pad(raw, (0, 0, 0, 14)) + 4.268) / (2 * 4.569)
        patches = encoder.patch_embedding(filled[:, None]).flatten(2).transpose(1, 2)
        x = torch.cat([encoder.cls_token + encoder.cls_position, patches + sincos_positions(4, 2, 32)], dim=1)
        x = encoder.input_norm(x)
        for block in encoder.blocks:
            x = block(x)
        found = encoder(waveform)
    assert found["block1"].values.shape == (1, 3, 1, 32)  # the last patch holds 2 frames of 16
    torch.testing.assert_close(
        found["block1"].values[0, :, 0], x[0, 1:].reshape(4, 2, 32).mean(1)[:3], rtol=0, atol=1e-5
    )
    torch.testing.assert_close(found["cls"].values[0, 0, 0], x[0, 0], rtol=0, atol=1e-5)


def test_long_sound_is_clip_after_clip() -> None:
    torch.manual_seed(0)
    encoder = Eat.tiny().eval()
    waveform = 0.1 * torch.randn(1, 16_000 * 2)
    clip = 64 * 160
    with torch.no_grad():
        whole = encoder(waveform)
        second = encoder(waveform[:, clip : 2 * clip + 240])  # its 64 frames end 240 samples into the third
    torch.testing.assert_close(whole["block1"].values[0, 4:8], second["block1"].values[0, :4], rtol=0, atol=1e-5)
    torch.testing.assert_close(whole["cls"].values[0, 1], second["cls"].values[0, 0], rtol=0, atol=1e-5)
    grids = {layer.name: layer.grid for layer in encoder.layers}
    assert grids["cls"].hop_s == pytest.approx(0.64)
    assert grids["block0"].hop_s == pytest.approx(0.16)


def test_birdmae_fills_with_silence_or_the_quietest_value() -> None:
    encoder = BirdMae.tiny().eval()  # clips of 64 frames; shorter than 0.6 s is padded with silence
    silence = (math.log(FLOAT_EPS) + 7.2) / (2 * 4.43)
    with torch.no_grad():
        for frames, fill in ((40, silence), (59, None)):
            waveform = 0.1 * torch.randn(1, 800 + 320 * (frames - 1))
            pictures, real = encoder.pictures(waveform, torch.ones_like(waveform, dtype=torch.bool))
            assert real.sum().item() == frames
            wanted = float(pictures[0, :frames].min()) if fill is None else fill
            torch.testing.assert_close(pictures[0, frames:], torch.full((64 - frames, 32), wanted))


def test_the_filter_banks_of_a_neighbour_change_nothing() -> None:
    """The published front end fills with the batch's smallest value."""
    encoder = BirdMae.tiny().eval()
    torch.manual_seed(0)
    one = 0.1 * torch.randn(1, 20_000)
    with torch.no_grad():
        alone, together = encoder(one), encoder(torch.cat([one, torch.zeros_like(one)]))
    torch.testing.assert_close(together["block1"].values[:1], alone["block1"].values, rtol=0, atol=1e-5)


def test_the_published_sizes() -> None:
    """ViT-B, 85.3 M: patches, CLS token and 12 blocks (positions are computed, not learnt); EAT's input norm too."""
    counts = {"eat": 85_254_144, "birdmae": 85_252_608, "large": 302_573_568, "huge": 630_008_320}
    with torch.device("meta"):
        built = {"eat": Eat(), "birdmae": BirdMae(), "large": BirdMae(BIRDMAE_LARGE), "huge": BirdMae(HUGE)}
    for name, encoder in built.items():
        assert sum(p.numel() for p in encoder.parameters()) == counts[name]
    assert built["eat"].frames(160_000)["block0"] == 62
    assert built["birdmae"].frames(160_000) == {
        **dict.fromkeys(("embedding", *(f"block{i}" for i in range(12))), 31),
        "cls": 1,
    }


def test_layers_follow_the_options() -> None:
    config = replace(Eat.tiny().config, norm_first=True, output_norm=True, cls=False, frequency="tokens")
    encoder = Eat(config).eval()
    assert [layer.name for layer in encoder.layers] == ["embedding", "block0", "block1", "norm"]
    with torch.no_grad():
        found = encoder(0.1 * torch.randn(1, 9000))
    assert found["norm"].values.shape[2:] == (2, 32)
    assert not torch.allclose(found["norm"].values, found["block1"].values)


def test_half_full_counts() -> None:
    assert [half_full(n, 16) for n in (0, 1, 7, 8, 23, 24, 32)] == [0, 1, 1, 1, 1, 2, 2]
    assert half_full(torch.tensor([0, 1, 24]), 16).tolist() == [0, 1, 2]


@pytest.mark.parametrize("wrong", [{"heads": 5}, {"clip_frames": 100}, {"mel_bands": 20}, {"frequency": "all"}])
def test_impossible_sizes_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="eat"):
        Eat(replace(EatConfig(), **wrong))


@pytest.mark.parametrize("kind", [Eat, BirdMae])
def test_sound_shorter_than_one_frame_keeps_a_frame(kind: type[Eat | BirdMae]) -> None:
    torch.manual_seed(0)
    encoder = kind.tiny().eval()
    least = encoder.min_samples
    sound = 0.1 * torch.randn(1, 4 * least)
    mask = torch.arange(4 * least)[None] < least // 20
    with torch.no_grad():
        short, long = encoder(sound[:, :least], mask[:, :least]), encoder(sound, mask)
    for name, output in long.items():
        assert output.mask[0].tolist() == [True] + [False] * (output.mask.shape[1] - 1)
        torch.testing.assert_close(output.values[0, 0], short[name].values[0, 0], rtol=0, atol=1e-5)
