"""An encoder as an ONNX graph with all layers as outputs, checked against the runtime before it is called done."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tymbal.encoders.contract import Encoder
from tymbal.encoders.onnx import METADATA
from tymbal.errors import EncoderError, UsageError, require
from tymbal.units import to_samples

TOLERANCE = 1e-4  # of a layer's largest value


@dataclass(frozen=True)
class Exported:
    """What was written: samples in a window, and per layer the greatest difference to torch, as a part of its largest
    value."""

    path: Path
    window_samples: int
    sample_rate_hz: int
    size_bytes: int
    differences: dict[str, float]


class _AllLayers(nn.Module):
    """Waveforms (batch, samples) to a tuple of all layers (batch, frames, bands, dim), all samples real."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, waveform: Tensor) -> tuple[Tensor, ...]:
        mask = torch.ones_like(waveform, dtype=torch.bool)
        return tuple(output.values for output in self.encoder.encode(waveform, mask).values())


def export_onnx(encoder: Encoder, path: str | Path, *, window_s: float = 10.0) -> Exported:
    """Write `encoder`, front end included, for windows of `window_s` seconds, batch of one; then run it and compare.

    The graph's input is `waveform` (1, samples), its outputs are the layers (1, frames, bands, dim) by name; rate,
    window and grids are in its metadata.

    Raises
    ------
    MissingExtraError without the onnx extra; UsageError for a window shorter than the encoder takes; EncoderError for
    an encoder without a rate or in lower precision, one that does not export, or a graph whose results differ by more
    than `TOLERANCE`: then no file is written.
    """
    for module in ("onnxscript", "onnxruntime"):
        require(module, "onnx")
    if encoder.sample_rate is None:
        raise EncoderError("it takes any rate", where=encoder.name, mend="Give one (--rate), or call at_rate.")
    if encoder.numerics != "float32":
        raise EncoderError(f"it runs in {encoder.numerics}", where=encoder.name, mend="Export the float32 encoder.")
    samples = to_samples(window_s, encoder.sample_rate)
    if samples < encoder.min_samples:
        least_s = encoder.min_samples / encoder.sample_rate
        raise UsageError(
            f"a window of {window_s} s is too short for {encoder.name}",
            parameter="window_s",
            allowed=f"{least_s:.4f} s or more",
        )
    noise = 0.1 * torch.randn(1, samples, generator=torch.Generator().manual_seed(0))
    graph = _graph(encoder, noise)
    differences = compare(encoder, graph, noise)
    worst = max(differences, key=lambda name: differences[name])
    if not differences[worst] <= TOLERANCE:  # NaN too
        raise EncoderError(
            f"the graph's layer {worst!r} differs from torch's by {differences[worst]:.2g} of its largest value",
            where=encoder.name,
            allowed=f"{TOLERANCE:g}",
            mend="Nothing was written. Another version of torch or onnxscript may export it rightly.",
        )
    from tymbal.jobs.atomic import write_bytes

    write_bytes(Path(path), graph)
    return Exported(Path(path), samples, encoder.sample_rate, len(graph), differences)


def _graph(encoder: Encoder, waveform: Tensor) -> bytes:
    with torch.no_grad(), _quiet():
        try:
            program: Any = torch.onnx.export(
                _AllLayers(encoder),
                (waveform,),
                None,
                dynamo=True,
                input_names=["waveform"],
                verbose=False,
                external_data=False,
                custom_translation_table={torch.ops.aten._fft_r2c.default: _fourier},
            )
        except RuntimeError as error:  # every error of the exporter is one
            first = str(error).strip().partition("\n")[0]
            raise EncoderError(f"it does not export: {first}", where=encoder.name) from error
    model = program.model_proto
    _name_outputs(model.graph, [spec.name for spec in encoder.layers])
    entry = model.metadata_props.add()
    entry.key, entry.value = METADATA, json.dumps(_facts(encoder, waveform.shape[1]), sort_keys=True)
    return bytes(model.SerializeToString())


def _fourier(self: Any, dim: list[int], normalization: int, onesided: bool) -> Any:
    """A real Fourier transform of the last axis as one product with a matrix of cosines and sines.

    onnxruntime's own, for lengths that are no power of two, takes eight times as long and is a digit less exact
    (perf/results/runtimes.txt).
    """
    script: Any = require("onnxscript", "onnx")
    op = script.opset18
    points, bins = int(self.shape[-1]), int(self.shape[-1]) // 2 + 1
    if len(dim) != 1 or dim[0] not in (-1, len(self.shape) - 1) or normalization or not onesided:
        raise RuntimeError("a Fourier transform other than of the last axis, as it stands")
    spectrum = op.MatMul(self, op.Constant(value=_constant(fourier_matrix(points))))
    return op.Reshape(spectrum, op.Constant(value_ints=[*[0] * (len(self.shape) - 1), bins, 2]))


def fourier_matrix(points: int) -> NDArray[np.float32]:
    """(points, bins · 2): frames times it are the real and imaginary parts of their transforms, in turn."""
    # The phase is taken modulo a turn while it is a whole number: nothing is lost to rounding.
    turns = np.outer(np.arange(points), np.arange(points // 2 + 1)) % points / points
    waves = np.stack([np.cos(2 * np.pi * turns), -np.sin(2 * np.pi * turns)], axis=-1)
    return waves.reshape(points, -1).astype(np.float32)


def _constant(values: NDArray[np.float32]) -> Any:
    onnx: Any = require("onnx", "onnx")
    return onnx.numpy_helper.from_array(values)


def _name_outputs(graph: Any, names: list[str]) -> None:
    """Give the outputs the layers' names; inner values that had such a name by chance (of an operator) get another."""
    renamed = {name: f"{name}_inner" for name in names}
    renamed |= {item.name: name for item, name in zip(graph.output, names, strict=True)}
    for item in (*graph.output, *graph.value_info, *graph.initializer):
        item.name = renamed.get(item.name, item.name)
    for node in graph.node:
        for values in (node.input, node.output):
            values[:] = [renamed.get(name, name) for name in values]


def _facts(encoder: Encoder, samples: int) -> dict[str, Any]:
    """What `onnx:` needs to know: the fields of its configuration."""
    taps = [
        {
            "tensor": spec.name,
            "layout": "btfc",
            "hop_s": spec.grid.hop_s,
            "first_center_s": spec.grid.first_center_s,
        }
        for spec in encoder.layers
    ]
    return {
        "encoder": encoder.name,
        "checksum": encoder.checksum,
        "sample_rate_hz": encoder.sample_rate,
        "window_samples": samples,
        "taps": taps,
    }


def compare(encoder: Encoder, graph: bytes, waveform: Tensor) -> dict[str, float]:
    """Per layer, the greatest difference between onnxruntime and torch as a part of the layer's largest value."""
    runtime: Any = require("onnxruntime", "onnx")
    session = runtime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    names = [spec.name for spec in encoder.layers]
    found = session.run(names, {"waveform": waveform.numpy()})
    with torch.inference_mode():
        wanted = encoder(waveform)
    return {
        name: float((torch.from_numpy(values) - wanted[name].values).abs().max())
        / max(float(wanted[name].values.abs().max()), torch.finfo(torch.float32).tiny)
        for name, values in zip(names, found, strict=True)
    }


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The exporter talks of its own affairs: to the log, as warnings, to the screen."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
