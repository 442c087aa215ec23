"""Encoders in fewer bits: close to float32, still keeping the contract, and never taken for another."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tymbal.encoders import Encoder, create_encoder, list_encoders, save_encoder
from tymbal.encoders.check import agreement, synthetic_sound
from tymbal.encoders.registry import encoder_class
from tymbal.encoders.runtime import Runtime, with_runtime
from tymbal.errors import EncoderError, MissingExtraError, UsageError

LOW = ("bfloat16", "int8", "int8-bfloat16")
LOWERED = {
    "bfloat16": {"ast", "bagnet", "beats", "birdmae", "cnn14", "data2vec", "eat", "efficientnet", "hubert", "wav2vec2"}
    | {"melcnn", "meltransformer"},
    "int8": {"ast", "beats", "birdmae", "data2vec", "eat", "hubert", "meltransformer", "wav2vec2"},
}
LOWERED["int8-bfloat16"] = LOWERED["int8"]
CASES = [(name, precision) for precision in LOW for name in sorted(LOWERED[precision])]
_TINY: dict[str, Encoder] = {}


def tiny(name: str) -> Encoder:
    if name not in _TINY:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            try:
                encoder = encoder_class(name).tiny().freeze()
            except MissingExtraError as error:
                pytest.skip(str(error))
        _TINY[name] = encoder if encoder.sample_rate is not None else encoder.at_rate(8000)
    return _TINY[name]


def sound(encoder: Encoder, rows: int = 2) -> Tensor:
    rate = int(encoder.sample_rate or 0)
    seconds = max(1.2, 1.5 * encoder.min_samples / rate)
    return torch.stack([synthetic_sound(rate, seconds, seed) for seed in range(rows)])


@pytest.mark.parametrize(("name", "precision"), CASES)
def test_each_layer_is_close_to_float32(name: str, precision: str) -> None:
    exact = tiny(name)
    low, waveform = with_runtime(exact, Runtime(precision)), sound(exact)  # type: ignore[arg-type]
    wanted, found = exact(waveform), low(waveform)
    assert low.layers == exact.layers
    assert list(found) == list(wanted)
    lost = {layer: agreement(wanted[layer].values[0], found[layer].values[0]) for layer in wanted}
    assert min(each.mean for each in lost.values()) > 0.999, lost
    assert max(each.difference for each in lost.values()) > 0, "nothing was lowered"
    for layer, output in found.items():
        assert output.values.dtype == torch.float32
        assert torch.equal(output.mask, wanted[layer].mask)


@pytest.mark.parametrize(("name", "precision"), CASES)
def test_it_stays_frozen_deterministic_and_alone_in_a_batch(name: str, precision: str) -> None:
    low = with_runtime(tiny(name), Runtime(precision))  # type: ignore[arg-type]
    assert not low.train().training
    waveform = sound(low, 3)
    first, again, alone = low(waveform), low(waveform), low(waveform[1:2])
    for layer, output in first.items():
        assert torch.equal(output.values, again[layer].values)
        assert agreement(alone[layer].values[0], output.values[1]).mean > 0.9999
    there = pickle.loads(pickle.dumps(low))
    assert torch.equal(there(waveform)[layer].values, first[layer].values)
    assert there.checksum == low.checksum


@pytest.mark.parametrize("precision", LOW)
@pytest.mark.parametrize("name", ["beats", "hubert", "eat"])
def test_padding_never_reaches_real_frames(name: str, precision: str) -> None:
    low = with_runtime(tiny(name), Runtime(precision))  # type: ignore[arg-type]
    waveform = sound(low)
    length = waveform.shape[1] - waveform.shape[1] // 4
    mask = torch.ones_like(waveform, dtype=torch.bool)
    mask[1, length:] = False
    padded, alone = low(torch.where(mask, waveform, 1e4), mask), low(waveform[1:2, :length])
    for layer, output in padded.items():
        real = output.values[1][output.mask[1]]
        assert agreement(alone[layer].values[0][alone[layer].mask[0]], real).mean > 0.9999


def test_the_encoder_it_was_made_from_is_left_alone() -> None:
    exact = tiny("beats")
    before, checksum = {key: value.clone() for key, value in exact.state_dict().items()}, exact.checksum
    low = with_runtime(exact, Runtime("int8"))
    assert type(low) is type(exact)
    assert exact.checksum == checksum
    assert all(torch.equal(exact.state_dict()[key], value) for key, value in before.items())
    assert any(value.dtype == torch.int8 for value in low.state_dict().values())
    assert with_runtime(exact, Runtime()) is exact


def test_precision_is_part_of_the_checksum() -> None:
    exact = tiny("beats")
    made = {"float32": exact, **{precision: with_runtime(exact, Runtime(precision)) for precision in LOW}}  # type: ignore[arg-type]
    assert len({each.checksum for each in made.values()}) == 4
    assert [each.numerics for each in made.values()] == list(made)
    other = create_encoder("beats", **{**vars(exact.config), "fbank_mean": 1.0})
    assert with_runtime(other, Runtime("bfloat16")).checksum != made["bfloat16"].checksum


def test_what_is_no_integer_in_int8_is_float32_or_bfloat16_as_its_name_says() -> None:
    types = {}
    for precision in ("int8", "int8-bfloat16"):
        low = with_runtime(tiny("hubert"), Runtime(precision))  # type: ignore[arg-type]
        types[precision] = {value.dtype for value in low.state_dict().values()}
        assert {block.product_dtype for block in low.blocks} == {torch.bfloat16 if "bfloat16" in precision else None}  # type: ignore[operator, union-attr]
    assert types["int8"] == {torch.float32, torch.int8}
    assert types["int8-bfloat16"] == {torch.float32, torch.int8, torch.bfloat16}


@pytest.mark.parametrize("precision", LOW)
def test_what_cannot_be_lowered_is_refused_by_name(precision: str) -> None:
    for name in set(list_encoders()) - LOWERED[precision]:
        with pytest.raises(EncoderError, match=rf"{name} has no linear maps.*allowed: float32"):
            with_runtime(tiny(name), Runtime(precision))  # type: ignore[arg-type]


def test_every_registered_encoder_is_in_one_of_the_lists() -> None:
    assert set(list_encoders()) - LOWERED["bfloat16"] == {"onnx", "picture", "spectral", "wavlm"}


def test_rounded_weights_are_neither_saved_nor_rounded_again(tmp_path: Path) -> None:
    low = with_runtime(tiny("beats"), Runtime("int8"))
    with pytest.raises(EncoderError, match="rounded"):
        save_encoder(low, tmp_path / "low.safetensors")
    with pytest.raises(EncoderError, match="already"):
        with_runtime(low, Runtime("bfloat16"))
    with pytest.raises(UsageError, match="float32, bfloat16, int8, int8-bfloat16"):
        Runtime("int4")  # type: ignore[arg-type]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU that torch can use")
def test_bfloat16_on_a_gpu() -> None:
    exact = tiny("beats")
    low = with_runtime(exact, Runtime("bfloat16")).to("cuda")
    found = low(sound(exact).cuda())
    for layer, output in exact(sound(exact)).items():
        assert agreement(output.values[0], found[layer].values[0].cpu()).mean > 0.999
    with pytest.raises(EncoderError, match="CPUs only"):
        with_runtime(create_encoder("hubert").to("cuda"), Runtime("int8"))
