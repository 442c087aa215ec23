"""Export to ONNX: the graph gives torch's numbers, carries what `onnx:` needs, and a wrong one is not written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tymbal.encoders import create_encoder
from tymbal.encoders import export as room
from tymbal.encoders.bagnet import BagNet
from tymbal.encoders.cnn14 import Cnn14
from tymbal.encoders.export import TOLERANCE, export_onnx, fourier_matrix
from tymbal.encoders.hubert import Hubert
from tymbal.encoders.registry import encoder_class, list_encoders
from tymbal.encoders.runtime import Runtime, with_runtime
from tymbal.encoders.spectral import SpectralEncoder
from tymbal.errors import EncoderError, UsageError

for _module in ("onnx", "onnxruntime", "onnxscript"):
    pytest.importorskip(_module, reason="the onnx extra is not installed: pip install 'tymbal[onnx]'")


def test_an_exported_encoder_comes_back_with_its_layers_and_numbers(tmp_path: Path) -> None:
    encoder = Hubert.tiny().freeze()
    path = tmp_path / "hubert.onnx"
    found = export_onnx(encoder, path, window_s=0.5)
    assert found.size_bytes == path.stat().st_size
    assert set(found.differences) == {"embedding", "block0", "block1"}
    assert max(found.differences.values()) < TOLERANCE
    there = create_encoder("onnx", path=str(path))
    assert there.sample_rate == 16000
    assert there.max_samples == 8000
    waveform = 0.1 * torch.randn(2, 8000, generator=torch.Generator().manual_seed(0))
    for spec, same in zip(encoder.layers, there.layers, strict=True):
        assert (same.name, same.dim, same.bands) == (spec.name, spec.dim, spec.bands)
        assert (same.grid.hop_s, same.grid.first_center_s) == (spec.grid.hop_s, spec.grid.first_center_s)
        wanted, output = encoder(waveform)[spec.name], there(waveform)[spec.name]
        torch.testing.assert_close(output.values, wanted.values, rtol=1e-4, atol=1e-4)
        assert torch.equal(output.mask, wanted.mask)
    with pytest.raises(EncoderError, match=r"8000 samples \(0.5 s\) or fewer.*--segment"):
        there(torch.zeros(1, 8001))


@pytest.mark.parametrize("points", [2, 15, 400, 512, 800])
def test_the_fourier_matrix_is_the_transform(points: int) -> None:
    frames = np.random.default_rng(points).standard_normal((3, points))
    wanted = np.fft.rfft(frames)
    found = (frames @ fourier_matrix(points).astype(np.float64)).reshape(3, -1, 2)
    assert found.shape[1] == wanted.shape[1]
    np.testing.assert_allclose(found[..., 0] + 1j * found[..., 1], wanted, atol=2e-7 * points)


@pytest.mark.parametrize("kind", [BagNet, Cnn14])
def test_spectra_in_a_graph_are_as_exact_as_torchs(kind: type[BagNet] | type[Cnn14], tmp_path: Path) -> None:
    """Windows of 400 samples in BagNet, of which onnxruntime's own transform keeps four digits."""
    found = export_onnx(kind.tiny().freeze(), tmp_path / "graph.onnx", window_s=0.5)
    assert max(found.differences.values()) < 5e-6
    import onnx

    assert not {"DFT", "STFT"} & {node.op_type for node in onnx.load(found.path).graph.node}


def test_a_graph_whose_numbers_differ_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "compare", lambda encoder, graph, waveform: {"stem": 1e-6, "block0": 2e-4})
    with pytest.raises(EncoderError, match=r"'block0' differs.*Nothing was written"):
        export_onnx(BagNet.tiny().freeze(), tmp_path / "wrong.onnx", window_s=0.2)
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_exported_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "none.onnx"
    with pytest.raises(EncoderError, match="any rate"):
        export_onnx(SpectralEncoder.tiny(), path)
    with pytest.raises(EncoderError, match="float32"):
        export_onnx(with_runtime(BagNet.tiny(), Runtime("bfloat16")), path)
    with pytest.raises(UsageError, match="s or more"):
        export_onnx(Cnn14.tiny(), path, window_s=0.01)
    assert not path.exists()


@pytest.mark.full
@pytest.mark.parametrize("name", [name for name in list_encoders() if name != "onnx"])
def test_every_encoder_exports(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    encoder = encoder_class(name).tiny().freeze()
    encoder = encoder if encoder.sample_rate is not None else encoder.at_rate(8000)
    window_s = max(1.0, 1.5 * encoder.min_samples / int(encoder.sample_rate or 0))
    found = export_onnx(encoder, tmp_path / f"{name}.onnx", window_s=window_s)
    assert list(found.differences) == [spec.name for spec in encoder.layers]
    assert max(found.differences.values()) < 1e-5
