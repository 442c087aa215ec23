"""BEATs, all layers, through other engines than torch: what they would gain over `--precision`, and what they lose.

.venv/bin/python perf/runtimes.py [GRAPH]      (about two minutes)

GRAPH, where it is kept: the file of `tymbal encoders export beats --onnx GRAPH`. Engines that are not installed are
named and left out.

One thread, one 10-s clip, random weights; the variants take turns, and each row is the least CPU time of its turns.
The cosine is to float32 in torch, the mean over the frames of the worst layer. The last lines say why
`encoders.export` writes spectra as products with a matrix.
"""

from __future__ import annotations

import math
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"
sys.path.insert(0, str(Path(__file__).parent.parent))

import numpy as np  # noqa: E402 - after the number of threads is set
import torch  # noqa: E402
from torch import Tensor, nn  # noqa: E402

from machine import cpu_time, probe_line  # noqa: E402
from tymbal.encoders import Encoder  # noqa: E402
from tymbal.encoders.check import cosines, synthetic_sound  # noqa: E402
from tymbal.encoders.convolutions import power_spectra  # noqa: E402
from tymbal.encoders.export import _fourier, export_onnx  # noqa: E402
from tymbal.encoders.runtime import Precision, Runtime, with_runtime  # noqa: E402
from tymbal.encoders.source import open_encoder  # noqa: E402

RATE_HZ, CLIP_S, TURNS = 16000, 10, 3
Run = Callable[[], list[Tensor]]


def in_torch(encoder: Encoder, waveform: Tensor) -> dict[str, Run]:
    """Every precision that `tymbal embed` has."""

    def layers(each: Any) -> list[Tensor]:
        return [output.values for output in each(waveform).values()]

    runs: dict[str, Run] = {}
    for precision in get_args(Precision):
        low = with_runtime(encoder, Runtime(precision))
        runs[f"torch {precision}"] = lambda low=low: layers(low)  # type: ignore[misc]
    return runs


def in_onnxruntime(graph: Path, waveform: Tensor) -> dict[str, Run]:
    """The exported graph, and the same with its products in eight bits by onnxruntime's own tool."""
    import onnxruntime  # type: ignore[import-untyped]
    from onnxruntime.quantization import quantize_dynamic  # type: ignore[import-untyped]

    small = graph.with_name(f"{graph.stem}-int8.onnx")
    quantize_dynamic(graph, small, op_types_to_quantize=["MatMul", "Gemm"])
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    given = {"waveform": waveform.numpy()}
    runs: dict[str, Run] = {}
    for name, path in (("float32", graph), ("int8, dynamic", small)):
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        runs[f"onnxruntime {name}"] = lambda session=session: [torch.from_numpy(x) for x in session.run(None, given)]  # type: ignore[misc]
    return runs


def in_openvino(graph: Path, waveform: Tensor) -> dict[str, Run]:
    """The exported graph in float32, and in bfloat16 as OpenVINO chooses by itself on such processors."""
    import openvino  # type: ignore[import-not-found]

    core = openvino.Core()
    runs: dict[str, Run] = {}
    for name, kind in (("float32", "f32"), ("bfloat16", "bf16")):
        settings = {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": kind}
        model = core.compile_model(str(graph), "CPU", settings)
        runs[f"OpenVINO {name}"] = lambda model=model: [  # type: ignore[misc]
            torch.from_numpy(np.array(value)) for value in model(waveform.numpy()).values()
        ]
    return runs


def engines(folder: Path) -> dict[str, Run]:
    """Everything that is timed."""
    encoder = open_encoder("beats", random_weights=True).encoder
    waveform = synthetic_sound(RATE_HZ, CLIP_S)[None]
    runs = in_torch(encoder, waveform)
    graph = Path(sys.argv[1]) if len(sys.argv) > 1 else folder / "beats.onnx"
    if not graph.exists():
        export_onnx(encoder, graph, window_s=CLIP_S)
    for made in (in_onnxruntime, in_openvino):
        try:
            runs |= made(graph, waveform)
        except ImportError as error:
            print(f"left out: {error}")
    return runs


def compare(runs: dict[str, Run]) -> None:
    """Print speed and loss of each."""
    wanted = runs["torch float32"]()
    worst, best = {}, dict.fromkeys(runs, math.inf)
    for name, run in runs.items():  # the first run of each allocates
        pairs = zip(wanted, run(), strict=True)
        worst[name] = min(float(cosines(there.flatten(0, -2), found.flatten(0, -2)).mean()) for there, found in pairs)
    for _ in range(TURNS):
        for name, run in runs.items():
            start = time.process_time()
            run()
            best[name] = min(best[name], time.process_time() - start)
    print(f"\nCPU seconds a {CLIP_S}-s clip, all 13 layers of BEATs, one thread")
    for name, spent_s in best.items():
        ratio = best["torch float32"] / spent_s
        print(f"  {name:28s}{spent_s:7.3f} s  {ratio:5.2f} × torch float32   cosine {worst[name]:.6f}")


class Spectra(nn.Module):
    """Power spectra as the convolutional encoders take them, 800 samples every 160."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("window", torch.hann_window(800))

    def forward(self, waveform: Tensor) -> Tensor:
        return power_spectra(waveform, self.window, 160, reflect=True)  # type: ignore[arg-type]


def spectra(folder: Path) -> None:
    """Print what onnxruntime makes of a Fourier transform and of a product with a matrix in its place."""
    import onnxruntime

    waveform = synthetic_sound(RATE_HZ, CLIP_S)[None]
    exact = Spectra().double()(waveform.double()).float()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    print("\npower spectra of a 10-s clip in onnxruntime, windows of 800 samples")
    for name, table in (("its DFT", {}), ("a matrix product", {torch.ops.aten._fft_r2c.default: _fourier})):
        path = folder / "spectra.onnx"
        program: Any = torch.onnx.export(
            Spectra(), (waveform,), None, dynamo=True, verbose=False, custom_translation_table=table
        )
        program.save(str(path))
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        given = {session.get_inputs()[0].name: waveform.numpy()}
        found = torch.from_numpy(session.run(None, given)[0])
        apart = float((found - exact).abs().max() / exact.abs().max())
        spent_s = cpu_time(lambda session=session, given=given: session.run(None, given))
        print(f"  {name:28s}{1000 * spent_s:7.1f} ms   differs by {apart:.1e} of the largest value")


def main() -> None:
    torch.set_num_threads(1)
    print("$ .venv/bin/python", *sys.argv)
    print(probe_line(), flush=True)
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        compare(engines(Path(folder)))
        spectra(Path(folder))


if __name__ == "__main__":
    main()
