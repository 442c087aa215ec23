from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file
from tests.reference.beats import bucket
from tests.reference.beats import transform as slow_transform
from torch import Tensor

from tymbal.encoders.beats import Beats, BeatsConfig, relative_buckets, share_out
from tymbal.encoders.loading import load_checkpoint
from tymbal.errors import ConfigError

GOLDEN = {"patch_dim": 32, "dim": 64, "ffn": 128, "heads": 4, "blocks": 3}
LAYERS = ("embedding", "block0", "block1", "block2")


@pytest.fixture(scope="module")
def golden(data: Callable[[str], Path]) -> dict[str, Tensor]:
    return load_file(data("golden") / "beats_tiny" / "expected.safetensors")


def published(data: Callable[[str], Path], **config: object) -> Beats:
    loaded = load_checkpoint(data("golden") / "beats_tiny" / "weights.safetensors", "beats", **config)
    assert loaded.unexpected == ()
    assert isinstance(loaded.encoder, Beats)
    return loaded.encoder


def sample_mask(golden: dict[str, Tensor], kind: str) -> Tensor:
    if kind == "full":
        return torch.ones_like(golden["full.waveform"], dtype=torch.bool)
    return golden["padded.sample_padding"] == 0


@pytest.mark.parametrize("kind", ["full", "padded"])
def test_the_network_equals_a_public_implementation(
    kind: str, golden: dict[str, Tensor], data: Callable[[str], Path]
) -> None:
    """From that implementation's own filter bank: nothing but the network differs."""
    encoder = published(data)
    picture = golden[f"{kind}.fbank"]
    tokens = encoder.patch_embedding(picture.unsqueeze(1)).flatten(2).transpose(1, 2)
    tokens = encoder.projection(encoder.patch_norm(tokens))
    mask = share_out(share_out(sample_mask(golden, kind), picture.shape[1]), tokens.shape[1])
    outputs = dict(zip(LAYERS, [tokens, *encoder.transform(tokens, mask)], strict=True))
    for name, values in outputs.items():
        torch.testing.assert_close(values, golden[f"{kind}.{name}"], rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", ["full", "padded"])
def test_waveforms_to_layers_equal_a_public_implementation_padding_included(
    kind: str, golden: dict[str, Tensor], data: Callable[[str], Path]
) -> None:
    """To 1e-4 and 1e-4 of the value: both filter banks are off by up to 8e-5 from one in float64."""
    outputs, token_mask = published(data).published_tokens(golden[f"{kind}.waveform"], sample_mask(golden, kind))
    if kind == "padded":
        assert torch.equal(~token_mask, golden["padded.token_padding"].bool())
    for name in LAYERS:
        torch.testing.assert_close(outputs[name], golden[f"{kind}.{name}"], rtol=1e-4, atol=1e-4)


def test_encode_gives_the_same_tokens_as_frames(golden: dict[str, Tensor], data: Callable[[str], Path]) -> None:
    waveform = golden["full.waveform"]
    kept = published(data, frequency="tokens")(waveform)
    mean, joined = published(data)(waveform), published(data, frequency="concat")(waveform)
    for name in LAYERS:
        wanted = golden[f"full.{name}"].reshape(2, 12, 8, 64)
        torch.testing.assert_close(kept[name].values, wanted, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(mean[name].values[:, :, 0], wanted.mean(2), rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(joined[name].values[:, :, 0], wanted.flatten(2), rtol=1e-4, atol=1e-4)


def test_a_padded_row_is_the_row_alone_where_the_published_code_differs(
    golden: dict[str, Tensor], data: Callable[[str], Path]
) -> None:
    encoder = published(data)
    mask = sample_mask(golden, "padded")
    length = int(mask[1].sum())
    together, alone = encoder(golden["padded.waveform"], mask), encoder(golden["padded.waveform"][1:, :length])
    for name in LAYERS:
        found = together[name]
        assert int(found.mask[1].sum()) == encoder.frames(length)[name] == 6
        torch.testing.assert_close(found.values[1, :6], alone[name].values[0], rtol=0, atol=1e-5)
        assert not found.values[1, 6:].any()
    theirs = golden["padded.block2"][1].reshape(12, 8, 64)[:6].mean(1)
    assert float((theirs - alone["block2"].values[0, :, 0]).abs().max()) > 0.01


def test_buckets_equal_a_slow_twin() -> None:
    found = relative_buckets(900, 320, 800)
    assert found.tolist() == [bucket(distance, 320, 800) for distance in range(-899, 900)]


@settings(max_examples=6, deadline=None)
@given(tokens=st.integers(2, 7), real=st.integers(1, 7), seed=st.integers(0, 99))
def test_the_transformer_equals_a_slow_twin_gradients_included(tokens: int, real: int, seed: int) -> None:
    torch.manual_seed(seed)
    config = replace(Beats.tiny().config, dim=16, ffn=12, heads=2, conv_kernel=4, conv_groups=4, buckets=8)
    encoder = Beats(replace(config, max_distance=6)).double()
    for parameter in encoder.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    sizes = {"heads": 2, "groups": 4, "blocks": 2, "buckets": 8, "max_distance": 6}
    x = torch.randn(1, tokens, 16, dtype=torch.float64)
    mask = torch.arange(tokens)[None] < real
    state = {key: value.detach().clone().requires_grad_() for key, value in encoder.state_dict().items()}
    slow_in, fast_in = x[0].clone().requires_grad_(), x.clone().requires_grad_()
    slow, fast = slow_transform(slow_in, mask[0], state, sizes), encoder.transform(fast_in, mask)
    for mine, twin in zip(fast, slow, strict=True):
        torch.testing.assert_close(mine[0], twin)
    weight = torch.randn_like(slow[-1])
    (slow[-1] * weight).sum().backward()
    (fast[-1][0] * weight).sum().backward()
    torch.testing.assert_close(fast_in.grad[0], slow_in.grad)
    for key, parameter in encoder.named_parameters():
        if key.startswith(("blocks", "relative", "position", "input_norm")):
            torch.testing.assert_close(parameter.grad, state[key].grad, msg=key)


def test_the_published_size() -> None:
    """90.3 M parameters: everything but the AudioSet head; the shared table counted once."""
    with torch.device("meta"):
        encoder = Beats()
    assert sum(parameter.numel() for parameter in encoder.parameters()) == 90_311_792
    assert [layer.name for layer in encoder.layers] == ["embedding", *(f"block{i}" for i in range(12))]
    assert encoder.frames(160_000) == dict.fromkeys((layer.name for layer in encoder.layers), 62)
    grid = encoder.layers[1].grid
    assert grid.hop_s == pytest.approx(0.16)
    assert grid.first_center_s == pytest.approx((199.5 + 7.5 * 160) / 16000)


def test_delivery_rate_and_front_end_rate_are_apart() -> None:
    """BirdCODE: 32 kHz sound through a filter bank set for 16 kHz."""
    with torch.device("meta"):
        encoder = Beats(BeatsConfig(sample_rate_hz=32_000, frequency="concat"))
    assert encoder.sample_rate == 32_000
    last = encoder.layers[-1]
    assert encoder.frames(5 * 32_000)[last.name] == 62
    assert (last.dim, last.bands) == (8 * 768, 1)
    assert last.grid.hop_s == pytest.approx(0.08)
    assert encoder.layers[0].grid.receptive_s == pytest.approx((400 + 15 * 160) / 32_000)


def test_clamping_is_a_choice() -> None:
    torch.manual_seed(0)
    plain = Beats.tiny().eval()
    clamped = Beats(replace(plain.config, clamp=True)).eval()
    clamped.load_state_dict(plain.state_dict())
    loud = 3 * torch.randn(1, 8000)
    with torch.no_grad():
        torch.testing.assert_close(clamped(loud)["block1"].values, plain(loud.clamp(-1, 1))["block1"].values)
        assert not torch.allclose(clamped(loud)["block1"].values, plain(loud)["block1"].values)


def test_it_travels_to_another_process() -> None:
    encoder = Beats.tiny()
    assert pickle.loads(pickle.dumps(encoder)).checksum == encoder.checksum


@pytest.mark.parametrize("wrong", [{"heads": 5}, {"mel_bands": 100}, {"frequency": "median"}])
def test_impossible_sizes_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="beats"):
        Beats(replace(BeatsConfig(), **wrong))


def test_sound_shorter_than_one_frame_keeps_a_frame() -> None:
    torch.manual_seed(0)
    encoder = Beats.tiny().eval()
    least = encoder.min_samples
    sound = 0.1 * torch.randn(1, 4 * least)
    mask = torch.arange(4 * least)[None] < least // 20
    with torch.no_grad():
        short, long = encoder(sound[:, :least], mask[:, :least]), encoder(sound, mask)
    for name, output in long.items():
        assert output.mask[0].tolist() == [True] + [False] * (output.mask.shape[1] - 1)
        torch.testing.assert_close(output.values[0, 0], short[name].values[0, 0], rtol=0, atol=1e-5)
