"""The encoder file: what is refused, and why."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from tymbal.encoders import Encoder, LayerOutput, LayerSpec, create_encoder, load_encoder, registry, save_encoder
from tymbal.encoders.checkpoint import FORMAT, load_state, round_to_half
from tymbal.encoders.loading import load_checkpoint
from tymbal.encoders.registry import encoder_class
from tymbal.errors import EncoderError
from tymbal.units import FrameGrid


@dataclass(frozen=True)
class ToyConfig:
    """One weight matrix of `dim` columns."""

    dim: int = 3


class Toy(Encoder):
    """Frames of 10 samples, projected; it has weights, which `spectral` has not."""

    name = "toy"
    sample_rate = 100

    def __init__(self, config: ToyConfig | None = None) -> None:
        super().__init__()
        self.config = ToyConfig() if config is None else config
        self.projection = torch.nn.Linear(10, self.config.dim)
        self.register_buffer("offset", torch.zeros(1, dtype=torch.int64))

    @property
    def layers(self) -> tuple[LayerSpec, ...]:
        return (LayerSpec("out", self.config.dim, 1, FrameGrid(0.1, 0.045, 0.1), local=True),)

    def frames(self, samples: int) -> dict[str, int]:
        return {"out": samples // 10}

    def encode(self, waveform: Tensor, mask: Tensor) -> dict[str, LayerOutput]:
        values = self.projection(waveform.unfold(1, 10, 10))
        return {"out": LayerOutput(values[:, :, None], mask[:, 9::10])}


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> Toy:
    monkeypatch.setitem(registry.ENCODERS, "toy", f"{__name__}:Toy")
    find = registry.encoder_class
    monkeypatch.setattr(registry, "encoder_class", lambda name: Toy if name == "toy" else find(name))
    torch.manual_seed(0)
    return Toy(ToyConfig(dim=4))


def test_weights_buffers_and_configuration_come_back(toy: Toy, tmp_path: Path) -> None:
    path = tmp_path / "deep" / "toy.safetensors"
    save_encoder(toy, path)
    loaded = load_encoder(path)
    assert loaded.config == ToyConfig(dim=4)
    assert loaded.checksum == toy.checksum
    assert not loaded.projection.weight.requires_grad
    assert load_encoder(path, frozen=False).projection.weight.requires_grad
    x = torch.randn(2, 40)
    torch.testing.assert_close(loaded(x)["out"].values, toy(x)["out"].values, rtol=0, atol=0)


def test_numbers_of_float16_take_half_the_bytes_and_come_back_as_they_were(tmp_path: Path) -> None:
    encoder = encoder_class("melcnn").tiny()  # with running means, and counts in int64
    whole, half = tmp_path / "whole.safetensors", tmp_path / "half.safetensors"
    save_encoder(encoder, whole)
    before = {key: tensor.clone() for key, tensor in encoder.state_dict().items()}
    save_encoder(round_to_half(encoder), half)
    for key, tensor in encoder.state_dict().items():
        assert tensor.dtype == before[key].dtype
        torch.testing.assert_close(tensor, before[key], rtol=2**-11, atol=1e-7)
    loaded = load_encoder(half)
    assert loaded.checksum == encoder.checksum != load_encoder(whole).checksum
    assert {tensor.dtype for tensor in loaded.state_dict().values()} == {torch.float32, torch.int64}
    stored = load_file(half)
    numbers = sum(tensor.numel() for tensor in stored.values() if tensor.dtype == torch.float16)
    assert half.stat().st_size < whole.stat().st_size - 2 * numbers + 200
    assert load_checkpoint(half, channels=list(encoder.config.channels)).encoder.checksum == encoder.checksum
    with torch.no_grad():
        next(encoder.parameters()).fill_(1e6)
    with pytest.raises(EncoderError, match="beyond float16"):
        round_to_half(encoder)


def test_the_checksum_tells_weights_buffers_and_configurations_apart(toy: Toy) -> None:
    seen = {toy.checksum}
    toy.offset += 1
    seen.add(toy.checksum)
    with torch.no_grad():
        toy.projection.bias[0] += 1e-6
    seen.add(toy.checksum)
    seen.add(create_encoder("spectral").checksum)
    seen.add(create_encoder("spectral", hop_s=0.011).checksum)
    assert len(seen) == 5


def test_keys_shapes_types_and_numbers_that_do_not_fit_are_named(toy: Toy, tmp_path: Path) -> None:
    path = tmp_path / "toy.safetensors"
    save_encoder(toy, path)
    state = load_file(path)
    metadata = {"format": FORMAT, "name": "toy", "config": json.dumps({"dim": 4}), "checksum": toy.checksum}

    def load(changed: dict[str, Tensor], **words: str) -> Encoder:
        save_file(changed, path, metadata={**metadata, **words})
        return load_encoder(path)

    assert load(state).checksum == toy.checksum
    without = {key: value for key, value in state.items() if key != "projection.bias"}
    with pytest.raises(EncoderError, match=r"1 missing keys \(projection.bias\) and 0 unexpected"):
        load(without)
    with pytest.raises(EncoderError, match=r"1 unexpected keys \(head.weight\)"):
        load({**state, "head.weight": torch.zeros(1)})
    with pytest.raises(EncoderError, match=r"projection.bias has shape \(5,\)"):
        load({**state, "projection.bias": torch.zeros(5)})
    with pytest.raises(EncoderError, match="float16"):
        load({**state, "projection.bias": torch.zeros(4, dtype=torch.float16)})
    with pytest.raises(EncoderError, match="altered or damaged"):
        load({**state, "projection.bias": torch.zeros(4)})
    with pytest.raises(EncoderError, match="altered or damaged"):
        load(state, checksum="0" * 32)
    with pytest.raises(EncoderError, match="not a table"):
        load(state, config="[]")
    with pytest.raises(EncoderError, match="lacks name"):
        load(state, config="{")


def test_what_is_not_an_encoders_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    with pytest.raises(EncoderError, match="no such file"):
        load_encoder(path)
    save_file({"weight": torch.zeros(2)}, path)
    with pytest.raises(EncoderError, match="not of an encoder"):
        load_encoder(path)
    path.write_bytes(b"\x80\x04pickle, never loaded")
    with pytest.raises(EncoderError, match="cannot be read as safetensors"):
        load_encoder(path)


def test_a_failed_load_leaves_the_encoder_as_it_was(toy: Toy) -> None:
    before = toy.checksum
    with pytest.raises(EncoderError, match="missing"):
        load_state(toy, {"projection.weight": torch.zeros(4, 10)})
    assert toy.checksum == before


def test_the_same_encoder_is_the_same_bytes(tmp_path: Path) -> None:
    encoder = create_encoder("bagnet", blocks=1, wide_blocks=1)
    files = []
    for number in range(8):
        save_encoder(encoder, tmp_path / f"{number}")
        files.append((tmp_path / f"{number}").read_bytes())
    assert len(set(files)) == 1
    assert load_encoder(tmp_path / "0").checksum == encoder.checksum
