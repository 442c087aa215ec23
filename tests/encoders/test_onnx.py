"""Any ONNX graph as an encoder: inner nodes as layers, windows lined up in time, faults named."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from tymbal.encoders import load_encoder, save_encoder
from tymbal.encoders.onnx import OnnxConfig, OnnxEncoder, OnnxTap
from tymbal.errors import EncoderError

onnx = pytest.importorskip("onnx", reason="the onnx extra is not installed: pip install 'tymbal[onnx]'")
pytest.importorskip("onnxruntime", reason="the onnx extra is not installed: pip install 'tymbal[onnx]'")

RATE, WINDOW, STRIDE = 1000, 1000, 100
KERNEL = np.random.default_rng(0).normal(size=(4, 1, STRIDE)).astype(np.float32)


def write_graph(path: Path, *, window: int | str = WINDOW) -> Path:
    """waveform (1, window) -> strided convolution -> relu (1, 4, frames) -> mean over time (1, 4)."""
    helper = onnx.helper
    nodes = [
        helper.make_node("Unsqueeze", ["waveform", "axes"], ["wide"]),
        helper.make_node("Conv", ["wide", "kernel"], ["conv"], strides=[STRIDE]),
        helper.make_node("Relu", ["conv"], ["relu"]),
        helper.make_node("ReduceMean", ["relu"], ["embedding"], axes=[2], keepdims=0),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("waveform", onnx.TensorProto.FLOAT, [1, window])],
        [helper.make_tensor_value_info("embedding", onnx.TensorProto.FLOAT, [1, 4])],
        [
            onnx.numpy_helper.from_array(KERNEL, "kernel"),
            onnx.numpy_helper.from_array(np.array([1], dtype=np.int64), "axes"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, path)
    return path


@pytest.fixture
def config(tmp_path: Path) -> OnnxConfig:
    path = write_graph(tmp_path / "tiny.onnx")
    return OnnxConfig(str(path), RATE, taps=(OnnxTap("relu", "bdt"), OnnxTap("embedding")))


def test_inner_nodes_are_layers_with_the_right_numbers(config: OnnxConfig) -> None:
    encoder = OnnxEncoder(config).freeze()
    waveform = torch.randn(2, 2500)
    out = encoder(waveform)
    padded = torch.nn.functional.pad(waveform, (0, 500)).numpy().reshape(2, 30, STRIDE)
    expected = np.maximum(padded @ KERNEL[:, 0].T, 0)
    np.testing.assert_allclose(out["relu"].values[:, :25, 0].numpy(), expected[:, :25], atol=1e-4)
    assert out["relu"].mask.sum(1).tolist() == [25, 25]
    assert not out["relu"].values[:, 25:].any()
    np.testing.assert_allclose(out["embedding"].values[:, 0, 0].numpy(), expected[:, :10].mean(1), atol=1e-4)
    assert {name: out[name].values.shape[1] for name in out} == encoder.frames(2500)
    assert [(spec.dim, spec.bands, spec.grid.hop_s) for spec in encoder.layers] == [(4, 1, 0.1), (4, 1, 1.0)]


def test_padding_and_batch_change_nothing(config: OnnxConfig) -> None:
    encoder = OnnxEncoder(config).freeze()
    waveform = torch.randn(2, 3000)
    mask = torch.ones(2, 3000, dtype=torch.bool)
    mask[1, 1200:] = False
    together = encoder(waveform, mask)["relu"]
    alone = encoder(waveform[1:, :1200])["relu"]
    assert torch.equal(together.values[1][together.mask[1]], alone.values[0][alone.mask[0]])


def test_travels_to_workers_and_its_checksum_covers_the_graph(config: OnnxConfig, tmp_path: Path) -> None:
    encoder = OnnxEncoder(config).freeze()
    there = pickle.loads(pickle.dumps(encoder))
    waveform = torch.randn(1, 1000)
    assert torch.equal(there(waveform)["relu"].values, encoder(waveform)["relu"].values)
    changed = bytearray(Path(config.path).read_bytes())
    changed[changed.find(KERNEL.tobytes())] ^= 1
    assert OnnxEncoder(config, bytes(changed)).checksum != encoder.checksum == there.checksum
    elsewhere = OnnxConfig(**{**vars(config), "path": str(Path(config.path).rename(tmp_path / "elsewhere.onnx"))})
    assert OnnxEncoder(elsewhere).checksum == encoder.checksum


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"taps": (OnnxTap("rellu"),)}, "no inner tensor 'rellu'.*relu"),
        ({"taps": (OnnxTap("relu", "bd"),)}, "does not fit the layout"),
        ({"window_samples": 999}, "the graph takes 1000"),
        ({"path": "/no/such.onnx"}, "cannot be read"),
    ],
)
def test_faults_are_named(config: OnnxConfig, changes: dict[str, object], message: str) -> None:
    with pytest.raises(EncoderError, match=message):
        OnnxEncoder(OnnxConfig(**{**vars(config), **changes}))  # type: ignore[arg-type]


def test_not_a_graph(tmp_path: Path) -> None:
    path = tmp_path / "not.onnx"
    path.write_bytes(b"<html>not found</html>")
    with pytest.raises(EncoderError, match="not an ONNX graph"):
        OnnxEncoder(OnnxConfig(str(path)))


def test_a_graph_of_free_length_needs_its_window_said(tmp_path: Path) -> None:
    path = write_graph(tmp_path / "free.onnx", window="samples")
    with pytest.raises(EncoderError, match="windows of any length"):
        OnnxEncoder(OnnxConfig(str(path), RATE))
    assert OnnxEncoder(OnnxConfig(str(path), RATE, window_samples=500)).frames(1000) == {"embedding": 2}


def test_a_saved_graph_needs_its_file_no_more(config: OnnxConfig, tmp_path: Path) -> None:
    encoder = OnnxEncoder(config).freeze()
    save_encoder(encoder, tmp_path / "saved.safetensors")
    Path(config.path).unlink()
    loaded = load_encoder(tmp_path / "saved.safetensors")
    assert loaded.checksum == encoder.checksum
    waveform = torch.randn(1, 1700)
    assert torch.equal(loaded(waveform)["relu"].values, encoder(waveform)["relu"].values)


def test_notes_in_the_graph_place_its_frames(config: OnnxConfig) -> None:
    """Nine frames every 0.11 s in a window of 1 s: no grid goes on into a second window."""
    model = onnx.load(config.path)
    entry = model.metadata_props.add()
    taps = [{"tensor": "relu", "layout": "bdt", "hop_s": 0.11, "first_center_s": 0.05}]
    entry.key = "tymbal"
    entry.value = json.dumps({"sample_rate_hz": RATE, "window_samples": WINDOW, "taps": taps})
    encoder = OnnxEncoder(OnnxConfig(), model.SerializeToString())
    assert encoder.sample_rate == RATE
    assert encoder.max_samples == WINDOW
    assert (encoder.layers[0].grid.hop_s, encoder.layers[0].grid.first_center_s) == (0.11, 0.05)
    assert encoder.frames(500) == {"relu": 5}
    assert encoder(torch.zeros(1, 500))["relu"].values.shape == (1, 5, 1, 4)
    with pytest.raises(EncoderError, match="1000 samples"):
        encoder(torch.zeros(1, 1001))
    told = OnnxEncoder(OnnxConfig(sample_rate_hz=2 * RATE, taps=(OnnxTap("embedding"),)), model.SerializeToString())
    assert (told.sample_rate, told.max_samples) == (2 * RATE, None)
    entry.value = "{}"
    with pytest.raises(EncoderError, match="damaged"):
        _ = OnnxEncoder(OnnxConfig(), model.SerializeToString()).layers


def test_the_session_has_as_many_threads_as_torch(config: OnnxConfig) -> None:
    encoder = OnnxEncoder(config)
    before = torch.get_num_threads()
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            assert encoder.opened.threads == threads
            assert encoder.opened is encoder.opened
    finally:
        torch.set_num_threads(before)
