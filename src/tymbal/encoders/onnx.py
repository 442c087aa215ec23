"""Any ONNX graph as an encoder, its inner nodes as layers (Perch, BirdNET and other exported classifiers).

The graph is cut open at named inner tensors: each becomes an output beside the graph's own, so one run serves all
layers. The bytes of the graph are a buffer of the module: checksum, save and load cover them like any weights.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal, cast

import numpy as np
import torch
from torch import Tensor

from tymbal.config import from_plain
from tymbal.encoders.contract import Encoder, LayerOutput, LayerSpec
from tymbal.encoders.tokens import row_lengths, zero_padding
from tymbal.errors import EncoderError, require
from tymbal.units import FrameGrid

LAYOUTS = ("bd", "btd", "bdt", "bcft", "bctf", "btfc", "bftc")
METADATA = "tymbal"  # key of a graph's metadata: the JSON of sample_rate_hz, window_samples and taps
DEFAULT_RATE_HZ = 32000
BY_RANK = {2: "bd", 3: "btd", 4: "btfc"}


@dataclass(frozen=True)
class OnnxTap:
    """An inner tensor: `tensor` its name in the graph, `layout` the meaning of its axes.

    b batch, t time, f frequency, c or d channels; "bd" is one frame for the whole window. Empty: by rank
    (2: bd, 3: btd, 4: btfc). `hop_s` and `first_center_s` place the frames within a window; hop_s 0: they divide it
    evenly.
    """

    tensor: str
    layout: str = ""
    hop_s: float = 0.0
    first_center_s: float = 0.0


@dataclass(frozen=True)
class OnnxConfig:
    """How to feed the graph and where to cut it.

    What is left at its default is taken from the graph where `tymbal encoders export` wrote it there.

    Parameters
    ----------
    sample_rate_hz : 0 is as the graph says, else 32000.
    window_samples : 0 is the length that the graph's input declares; a graph of free length needs it said.
    taps : empty is the graph's own outputs.
    input_scale : multiplies the waveform (32768 for graphs fed with 16-bit numbers).
    """

    path: str = ""
    sample_rate_hz: int = 0
    window_samples: int = 0
    taps: tuple[OnnxTap, ...] = ()
    input_scale: float = 1.0


class OnnxEncoder(Encoder):
    """Cuts the waveform into the graph's windows, runs them, and lines their frames up in time.

    Sound after the last whole window runs in a window filled up with zeros; frames whose centre lies in the filling
    are left out. Every frame may see its whole window. A graph whose frames do not divide its window takes one window
    at a time: frames of a second would not lie on the grid of the first.

    Raises
    ------
    MissingExtraError without onnx and onnxruntime; EncoderError for a graph that cannot be read, an unknown tensor
    (close names are listed), a tensor whose shape does not fit its layout, or more sound than one window where frames
    do not divide it.
    """

    name: ClassVar[str] = "onnx"
    batching: ClassVar[Literal["masked", "equal_length"]] = "masked"
    graph: Tensor

    def __init__(self, config: OnnxConfig, graph: bytes | None = None) -> None:
        super().__init__()
        data = graph if graph is not None else _read(Path(config.path))
        self._path = config.path
        self.config = replace(config, path="")  # where the file lies changes no number: no part of the checksum
        self.register_buffer("graph", torch.frombuffer(bytearray(data), dtype=torch.uint8))
        self._opened: _Opened | None = None
        if graph is None:
            _ = self.opened  # a wrong file is told at once

    @classmethod
    def from_state(cls, config: OnnxConfig, state: Mapping[str, Tensor]) -> OnnxEncoder:
        """From a saved state, which holds the graph; its file may be gone."""
        if "graph" not in state:
            raise EncoderError("the key graph is missing", where=config.path or None, allowed="the bytes of a graph")
        return cls(config, graph=bytes(state["graph"].numpy()))

    @classmethod
    def tiny(cls) -> OnnxEncoder:
        """A strided convolution and its mean, for tests: no file."""
        return cls(OnnxConfig(sample_rate_hz=1000, taps=(OnnxTap("conv", "bdt"), OnnxTap("mean"))), tiny_graph())

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_opened": None}  # a session does not travel to worker processes; it is reopened

    @property
    def opened(self) -> _Opened:
        """The session over the graph, made when it is first needed."""
        # In as many threads as torch: embedding works in one, so that its rows do not depend on how many there are.
        if self._opened is None or self._opened.threads != torch.get_num_threads():
            self._opened = open_graph(bytes(self.graph.cpu().numpy()), replace(self.config, path=self._path))
        return self._opened

    @property
    def sample_rate(self) -> int:  # type: ignore[override]
        """As configured, else as the graph says."""
        return self.opened.sample_rate_hz

    @property
    def layers(self) -> tuple[LayerSpec, ...]:
        opened = self.opened
        window_s = opened.window_samples / opened.sample_rate_hz
        specs = []
        for tap, (frames, bands, dim) in zip(opened.taps, opened.shapes, strict=True):
            even = FrameGrid(window_s / frames, window_s / frames / 2, 2 * window_s)
            grid = FrameGrid(tap.hop_s, tap.first_center_s, 2 * window_s) if tap.hop_s else even
            specs.append(LayerSpec(tap.tensor, dim, bands, grid))
        return tuple(specs)

    @property
    def max_samples(self) -> int | None:
        """One window where the frames of a layer do not divide it: those of a second would lie off the grid."""
        opened = self.opened
        window_s = opened.window_samples / opened.sample_rate_hz
        for tap, (frames, _, _) in zip(opened.taps, opened.shapes, strict=True):
            if tap.hop_s and abs(tap.hop_s * frames - window_s) > 1e-9 * window_s:
                return opened.window_samples
        return None

    def frames(self, samples: int) -> dict[str, int]:
        """Those whose centres lie in the sound, and at least one."""
        windows = math.ceil(samples / self.opened.window_samples)
        counts = {}
        for spec, (frames, _, _) in zip(self.layers, self.opened.shapes, strict=True):
            centers = spec.grid.centers_s(windows * frames)
            counts[spec.name] = max(1, int((centers < samples / self.sample_rate).sum()))
        return counts

    def encode(self, waveform: Tensor, mask: Tensor) -> dict[str, LayerOutput]:
        """All layers; see `Encoder.encode`. Frames that are not real are zero."""
        batch, samples = waveform.shape
        window = self.opened.window_samples
        windows = math.ceil(samples / window)
        padded = torch.nn.functional.pad(waveform, (0, windows * window - samples))
        cut = padded.reshape(batch * windows, window)
        found = self.opened.run(cut.cpu().numpy().astype(np.float32) * np.float32(self.config.input_scale))
        out: dict[str, LayerOutput] = {}
        counts = [self.frames(length) if length else {} for length in row_lengths(mask)]
        kept = self.frames(samples)
        for spec, values in zip(self.layers, found, strict=True):
            joined = torch.from_numpy(values).to(waveform.device).reshape(batch, -1, spec.bands, spec.dim)
            joined = joined[:, : kept[spec.name]]
            real_counts = torch.tensor([count.get(spec.name, 0) for count in counts], device=waveform.device)
            real = torch.arange(joined.shape[1], device=waveform.device) < real_counts[:, None]
            out[spec.name] = LayerOutput(zero_padding(joined, real), real)
        return out


@dataclass(frozen=True)
class _Opened:
    """A runtime session, its threads, the name of its input, and what the graph and the configuration say together.

    states_rate : whether one of them states the sample rate.
    shapes : (frames, bands, dim) of every tap in one window.
    """

    session: Any
    threads: int
    input_name: str
    sample_rate_hz: int
    window_samples: int
    taps: tuple[OnnxTap, ...]
    states_rate: bool
    shapes: tuple[tuple[int, int, int], ...] = ()

    def run(self, cut: np.ndarray[Any, Any]) -> list[np.ndarray[Any, Any]]:
        """Every tap as (windows, frames, bands, dim), for windows (windows, samples)."""
        names = [tap.tensor for tap in self.taps]
        arrays = [self.session.run(names, {self.input_name: row[None]}) for row in cut]
        return [np.concatenate([to_frames(each[index], tap) for each in arrays]) for index, tap in enumerate(self.taps)]


def to_frames(values: np.ndarray[Any, Any], tap: OnnxTap) -> np.ndarray[Any, Any]:
    """One tensor in its layout as (windows, frames, bands, dim) float32."""
    layout = tap.layout or BY_RANK.get(values.ndim, "")
    if layout not in LAYOUTS or len(layout) != values.ndim:
        raise EncoderError(
            f"tensor {tap.tensor!r} of shape {values.shape} does not fit the layout {layout or 'by rank'!r}",
            where="onnx",
            allowed=", ".join(LAYOUTS),
            mend="Give the tap its layout.",
        )
    axes = layout.replace("c", "d")
    for missing in (axis for axis in "tfd" if axis not in axes):
        values, axes = values[..., None], axes + missing
    return np.ascontiguousarray(values.transpose([axes.index(axis) for axis in "btfd"]), dtype=np.float32)


def open_graph(data: bytes, config: OnnxConfig) -> _Opened:
    """A runtime session over the graph, cut open at its taps; the graph's own notes fill what `config` leaves open."""
    onnx: Any = require("onnx", "onnx")
    runtime: Any = require("onnxruntime", "onnx")
    try:
        model = onnx.load_from_string(data)
    except (ValueError, _decode_error()) as error:
        raise EncoderError(f"not an ONNX graph: {error}", where=config.path, mend="Export the model again.") from error
    weights = {item.name for item in model.graph.initializer}
    inputs = [item for item in model.graph.input if item.name not in weights]
    if len(inputs) != 1:
        names = ", ".join(item.name for item in inputs)
        raise EncoderError(f"the graph has {len(inputs)} inputs ({names})", where=config.path, allowed="one waveform")
    noted = _notes(model, config)
    taps = config.taps or noted.taps or tuple(OnnxTap(item.name) for item in model.graph.output)
    cut_open(onnx, model, [tap.tensor for tap in taps], config.path)
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads = torch.get_num_threads()
    session = runtime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    stated = config.sample_rate_hz or noted.sample_rate_hz
    rate = stated or DEFAULT_RATE_HZ
    opened = _Opened(session, threads, inputs[0].name, rate, window_of(inputs[0], config), taps, bool(stated))
    found = opened.run(np.zeros((1, opened.window_samples), dtype=np.float32))
    return replace(opened, shapes=tuple(cast("tuple[int, int, int]", values.shape[1:]) for values in found))


def _notes(model: Any, config: OnnxConfig) -> OnnxConfig:
    """What `export_onnx` wrote beside the graph, as a configuration; the default one where there is nothing."""
    for entry in model.metadata_props:
        if entry.key == METADATA:
            try:
                facts = json.loads(entry.value)
                fields = {name: facts[name] for name in ("sample_rate_hz", "window_samples", "taps")}
            except (json.JSONDecodeError, KeyError, TypeError) as error:
                raise EncoderError("the notes in its metadata are damaged", where=config.path) from error
            return from_plain(OnnxConfig, fields, where=config.path)
    return OnnxConfig()


def tiny_graph() -> bytes:
    """A graph for tests: waveform (1, 200) -> convolution of 8 channels every 20 samples -> mean over time."""
    onnx: Any = require("onnx", "onnx")
    helper = onnx.helper
    kernel = np.random.default_rng(0).normal(size=(8, 1, 20)).astype(np.float32) / 20
    axes = np.array([1], dtype=np.int64)
    graph = helper.make_graph(
        [
            helper.make_node("Unsqueeze", ["waveform", "axes"], ["wide"]),
            helper.make_node("Conv", ["wide", "kernel"], ["conv"], strides=[20]),
            helper.make_node("ReduceMean", ["conv"], ["mean"], axes=[2], keepdims=0),
        ],
        "tiny",
        [helper.make_tensor_value_info("waveform", onnx.TensorProto.FLOAT, [1, 200])],
        [helper.make_tensor_value_info("mean", onnx.TensorProto.FLOAT, [1, 8])],
        [onnx.numpy_helper.from_array(kernel, "kernel"), onnx.numpy_helper.from_array(axes, "axes")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    return bytes(model.SerializeToString())


def _decode_error() -> type[Exception]:
    protobuf: Any = require("google.protobuf.message", "onnx")
    return cast("type[Exception]", protobuf.DecodeError)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        mend = "Give the path of an .onnx file that is on this machine."
        raise EncoderError(f"cannot be read: {error.strerror}", where=path, mend=mend) from error


def cut_open(onnx: Any, model: Any, tensors: Sequence[str], where: str) -> None:
    """Make every named tensor an output of the graph, in place."""
    import difflib

    produced = {name for node in model.graph.node for name in node.output}
    present = {item.name for item in model.graph.output}
    for tensor in tensors:
        if tensor not in produced:
            near = difflib.get_close_matches(tensor, produced, n=5, cutoff=0.3)
            raise EncoderError(
                f"the graph has no inner tensor {tensor!r}",
                where=where,
                allowed=f"one of {len(produced)} names; close: {', '.join(near) or 'none'}",
            )
        if tensor not in present:
            model.graph.output.append(onnx.ValueInfoProto(name=tensor))


def window_of(item: Any, config: OnnxConfig) -> int:
    """Samples in one window: as configured, else as the graph's input declares."""
    declared = [dim.dim_value for dim in item.type.tensor_type.shape.dim]
    if len(declared) != 2:
        raise EncoderError(
            f"the input {item.name!r} has {len(declared)} axes", where=config.path, allowed="(batch, samples)"
        )
    fixed = declared[1]
    if fixed and config.window_samples not in (0, fixed):
        raise EncoderError(
            f"window_samples is {config.window_samples}, the graph takes {fixed}",
            where=config.path,
            allowed=f"0 or {fixed}",
        )
    if not fixed and not config.window_samples:
        raise EncoderError(
            "the graph takes windows of any length",
            where=config.path,
            mend="Set window_samples to the length it was trained on.",
        )
    return int(fixed or config.window_samples)
