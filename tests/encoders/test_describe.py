"""Descriptions: what stands in the list without computing, and in full where an encoder is opened."""

from __future__ import annotations

from pathlib import Path

import pytest

from tymbal.encoders import describe as room
from tymbal.encoders import list_encoders, save_encoder
from tymbal.encoders.beats import Beats
from tymbal.encoders.describe import describe, list_described
from tymbal.encoders.known import KNOWN
from tymbal.errors import MissingExtraError, UsageError


def test_the_list_has_every_encoder_in_its_published_size() -> None:
    pytest.importorskip("transformers", reason="its encoders are in the list")
    found = {each.name: each for each in list_described()}
    assert list(found) == list_encoders()
    beats, cnn14, spectral = found["beats"], found["cnn14"], found["spectral"]
    assert (beats.sample_rate_hz, beats.layers, beats.dims, beats.frames_per_s) == (16000, 13, (768, 768), (6.25, 6.25))
    assert beats.receptive_ms is not None
    assert beats.receptive_ms[0] == pytest.approx(175.0)
    assert beats.receptive_ms[1] is None
    assert beats.parameters == pytest.approx(90.3e6, rel=1e-3)
    assert (cnn14.dims, cnn14.frames_per_s) == ((64, 2048), (3.125, 50.0))
    assert (spectral.sample_rate_hz, spectral.parameters) == (None, 0)
    assert (found["onnx"].layers, found["onnx"].dims) == (0, None)


def test_each_checkpoint_stands_with_its_encoder_and_no_two_abouts_are_the_same() -> None:
    pytest.importorskip("transformers", reason="its encoders are in the list")
    found = list_described()
    assert sorted(name for each in found for name in each.checkpoints) == sorted(entry.name for entry in KNOWN)
    assert len({each.about for each in found}) == len(found)


def test_an_encoder_whose_extra_is_missing_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise MissingExtraError("no transformers", mend="pip install 'tymbal[transformers]'")

    monkeypatch.setattr(room, "overview", missing)
    assert {each.missing for each in list_described()} == {"pip install 'tymbal[transformers]'"}


def test_a_file_is_described_by_what_was_loaded(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    save_encoder(Beats.tiny(), path)
    found = describe(str(path))
    assert (found.name, found.origin, found.sample_rate_hz, found.described_at_hz) == ("beats", str(path), 16000, 16000)
    assert found.parameters == sum(each.numel() for each in Beats.tiny().parameters())
    assert found.licence == "as whoever published the file states"
    assert [(layer.name, layer.local) for layer in found.layers] == [
        ("embedding", True),
        ("block0", False),
        ("block1", False),
    ]
    assert found.layers[0].hop_ms * found.layers[0].frames_per_s == pytest.approx(1000)
    assert (found.layers[0].receptive_ms, found.layers[1].receptive_ms) == (pytest.approx(175.0), None)
    assert found.real_time > 1
    assert {entry.encoder for entry in found.checkpoints} == {"beats"}


def test_the_rate_is_the_encoders_or_the_one_asked_for() -> None:
    native = describe("spectral", sample_rate_hz=8000)
    assert (native.sample_rate_hz, native.described_at_hz, native.parameters) == (None, 8000, 0)
    assert native.licence.startswith("Apache-2.0")
    with pytest.raises(UsageError, match="made for 16000 Hz, not 8000"):
        describe("bagnet", sample_rate_hz=8000)
