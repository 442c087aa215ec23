"""What a user may write after --encoder, and what each leads to."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from tymbal.encoders import create_encoder, save_encoder
from tymbal.encoders.bagnet import BagNet
from tymbal.encoders.beats import Beats
from tymbal.encoders.onnx import tiny_graph
from tymbal.encoders.source import bind_rate, open_encoder
from tymbal.encoders.spectral import SpectralEncoder
from tymbal.errors import ConfigError, EncoderError, UsageError

SMALL = {"dim": 32, "ffn": 48, "heads": 4, "blocks": 2, "patch_dim": 16, "conv_kernel": 16}


def test_an_encoder_without_weights_needs_none() -> None:
    opened = open_encoder("spectral")
    assert opened.encoder.name == "spectral"
    assert opened.origin == "computed, no weights"
    assert opened.notes == ()


def test_random_weights_must_be_asked_for_and_are_the_same_each_time() -> None:
    with pytest.raises(EncoderError, match=r"esp-aves2-sl-beats-all.*--random-weights"):
        open_encoder("beats", **SMALL)
    torch.manual_seed(1)
    one = open_encoder("beats", random_weights=True, **SMALL)
    torch.manual_seed(2)
    state = torch.random.get_rng_state()
    two = open_encoder("beats", random_weights=True, **SMALL)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert one.encoder.checksum == two.encoder.checksum
    assert one.notes == ("its weights are random",)
    assert not one.encoder.train().training


def test_a_file_of_ours_and_a_published_one(tmp_path: Path) -> None:
    encoder = create_encoder("efficientnet", width=0.25, bands=32)
    save_encoder(encoder, tmp_path / "ours.safetensors")
    assert open_encoder(tmp_path / "ours.safetensors").encoder.checksum == encoder.checksum
    save_file({**encoder.state_dict(), "stray": torch.zeros(3)}, tmp_path / "theirs.safetensors")
    opened = open_encoder(tmp_path / "theirs.safetensors", bands=32)
    assert opened.origin == str(tmp_path / "theirs.safetensors")
    assert any("stray" in note for note in opened.notes)
    wave = 0.1 * torch.randn(1, 16000)
    for name, output in encoder(wave).items():
        assert torch.equal(opened.encoder(wave)[name].values, output.values)


def test_precision_is_chosen_where_it_is_opened(tmp_path: Path) -> None:
    save_encoder(Beats.tiny(), tmp_path / "beats.safetensors")
    exact = open_encoder(tmp_path / "beats.safetensors").encoder
    low = open_encoder(tmp_path / "beats.safetensors", precision="bfloat16").encoder
    assert (exact.numerics, low.numerics) == ("float32", "bfloat16")
    assert low.checksum != exact.checksum


def test_a_known_checkpoint_placed_by_hand_is_found_by_its_name_and_by_its_encoders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TYMBAL_WEIGHTS", str(tmp_path))
    with pytest.raises(EncoderError, match=r"Get BEATs_iter3_plus_AS2M\.pt \(about 361 MB, MIT\)"):
        open_encoder("beats-iter3-plus-as2m")
    with pytest.raises(EncoderError, match="no weights of its own"):
        open_encoder("cnn14")
    assert open_encoder("bagnet", random_weights=None).origin == "random weights"
    (tmp_path / "Cnn14_mAP=0.431.pth").write_bytes(b"<html>not the weights</html>")
    for random_weights in (False, None):
        with pytest.raises(EncoderError, match="a web page"):
            open_encoder("cnn14", random_weights=random_weights)


def test_published_weights_are_known_by_name_and_by_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TYMBAL_WEIGHTS", str(tmp_path))
    path = tmp_path / "esp-aves2-effnetb0-all.safetensors"
    save_encoder(create_encoder("efficientnet"), path)
    for source in ("esp-aves2-effnetb0-all", str(path)):
        known = open_encoder(source).known
        assert known is not None
        assert known.licence == "CC-BY-NC-SA"
    path.rename(tmp_path / "mine.safetensors")
    assert open_encoder(tmp_path / "mine.safetensors").known is None


def test_a_folder_of_an_encoders_name_is_not_taken_for_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("spectral").mkdir()
    assert open_encoder("spectral").origin == "computed, no weights"
    with pytest.raises(EncoderError, match="holds no file of weights"):
        open_encoder("./spectral")


def test_a_rate_is_bound_where_an_encoder_takes_any() -> None:
    spectral, bagnet = SpectralEncoder.tiny(), BagNet.tiny()
    assert bind_rate(spectral, None, 32000).sample_rate == 32000
    assert bind_rate(spectral, 8000, 32000).sample_rate == 8000
    assert bind_rate(bagnet, None, 32000) is bagnet is bind_rate(bagnet, 16000, 32000)
    with pytest.raises(UsageError, match=r"bagnet was made for 16000 Hz, not 8000.*allowed: 16000"):
        bind_rate(bagnet, 8000, 32000)


def test_onnx_graphs_with_their_settings_beside_them(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="the onnx extra is not installed: pip install 'tymbal[onnx]'")
    path = tmp_path / "graph.onnx"
    path.write_bytes(tiny_graph())
    (tmp_path / "graph.toml").write_text('sample_rate_hz = 500\n[[taps]]\ntensor = "conv"\nlayout = "bdt"\n')
    for source in (f"onnx:{path}", str(path)):
        encoder = open_encoder(source).encoder
        assert encoder.sample_rate == 500
        assert [spec.name for spec in encoder.layers] == ["conv"]
        assert open_encoder(source).notes == ()
    assert open_encoder(path, sample_rate_hz=700).encoder.sample_rate == 700
    moved = tmp_path / "moved.onnx"
    moved.write_bytes(path.read_bytes())
    assert open_encoder(moved).notes == (
        f"the graph does not state its sample rate: 32000 Hz is assumed; {tmp_path / 'moved.toml'} may state it",
    )
    (tmp_path / "graph.toml").write_text("sample_rate = 500\n")
    with pytest.raises(ConfigError, match=r"graph\.toml.*sample_rate"):
        open_encoder(path)
    with pytest.raises(EncoderError, match="onnx:FILE"):
        open_encoder("onnx", random_weights=True)
    with pytest.raises(EncoderError, match="cannot be read"):
        open_encoder(f"onnx:{tmp_path / 'none.onnx'}")


def test_an_unknown_name_lists_close_ones() -> None:
    with pytest.raises(EncoderError, match="esp-aves2-sl-beats-all"):
        open_encoder("esp-aves2-sl-beats-al")
    with pytest.raises(ConfigError, match="dimm"):
        open_encoder("beats", random_weights=True, dimm=3)
