"""BEATs, all layers, in every precision against plain float32 eager code: CPU seconds on two cores, and what is lost.

.venv/bin/python perf/beats.py            (about three minutes)

As `tymbal embed` does, two processes work at once, one thread each, on the same 10-s clips; the variants take turns,
and each process counts its own CPU seconds (the least of several turns). Weights are random: no published ones are at
hand. So the loss is measured on two sets of them: the paper's initialisation, and one pushed towards trained networks
(`strained`): attention logits four times as large, position bias of a unit, norm gains spread over e^±0.5 with eight
channels in 768 another 8 times larger, biases everywhere.
"""

from __future__ import annotations

import math
import multiprocessing
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import get_args

for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"
sys.path.insert(0, str(Path(__file__).parents[1]))

import torch  # noqa: E402 - after the number of threads is set
from tests.reference.beats_eager import run as plain  # noqa: E402
from torch import Tensor  # noqa: E402

from machine import cpu_time, probe_line  # noqa: E402
from tymbal.encoders import create_encoder  # noqa: E402
from tymbal.encoders.beats import Beats  # noqa: E402
from tymbal.encoders.check import cosines, synthetic_sound  # noqa: E402
from tymbal.encoders.runtime import Precision, Runtime, with_runtime  # noqa: E402

RATE_HZ, CLIP_S, TURNS, CORES = 16000, 10, 6, 2
PRECISIONS = get_args(Precision)


def beats() -> Beats:
    """The full-size network from the paper's initialisation."""
    torch.manual_seed(0)
    return create_encoder("beats")  # type: ignore[return-value]


def strained(encoder: Beats) -> Beats:
    """Weights pushed towards what training makes of them."""
    dice = torch.Generator().manual_seed(1)

    def noise(like: Tensor, scale: float) -> Tensor:
        return scale * torch.randn(like.shape, generator=dice)

    encoder.relative_bias.weight.copy_(noise(encoder.relative_bias.weight, 1.0))
    for block in encoder.blocks:
        block.q_proj.weight.mul_(2.0)
        block.k_proj.weight.mul_(2.0)
        for norm in (block.attention_norm, block.output_norm):
            norm.weight.mul_(noise(norm.weight, 0.5).exp())
            norm.weight[torch.randperm(len(norm.weight), generator=dice)[:8]] *= 8
            norm.bias.add_(noise(norm.bias, 0.3))
        for name in ("q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2"):
            linear = getattr(block, name)
            linear.bias.add_(noise(linear.bias, 0.1))
    return encoder


def variants(batch: int) -> dict[str, Callable[[], object]]:
    """What is timed: the plain code, and the encoder in every precision."""
    encoder = beats()
    waveform = torch.stack([synthetic_sound(RATE_HZ, CLIP_S, seed) for seed in range(batch)])
    found: dict[str, Callable[[], object]] = {"plain eager float32": lambda: plain(encoder, waveform)}
    for precision in PRECISIONS:
        low = with_runtime(encoder, Runtime(precision))
        found[f"tymbal {low.numerics}"] = lambda low=low: low(waveform)  # type: ignore[misc]
    return found


def work(batch: int, barrier: object, queue: object) -> None:
    """One of the processes: CPU seconds a clip of each variant."""
    torch.set_num_threads(1)
    with torch.inference_mode():
        found = variants(batch)
        best = dict.fromkeys(found, math.inf)
        for _ in range(TURNS):
            for name, function in found.items():
                barrier.wait()  # type: ignore[attr-defined]
                start = time.process_time()
                function()
                best[name] = min(best[name], (time.process_time() - start) / batch)
    queue.put(best)  # type: ignore[attr-defined]


def products() -> str:
    """Matrix products as the network has them, in each kind of number: which precision pays follows from these."""
    frames, weight = torch.randn(496, 768), torch.randn(3072, 768)
    low, low_weight = frames.bfloat16(), weight.bfloat16()
    values, integers = frames.mul(30).to(torch.int8), weight.mul(30).to(torch.int8).T
    functions: dict[str, Callable[[], object]] = {
        "float32": lambda: torch.nn.functional.linear(frames, weight),
        "bfloat16": lambda: torch.nn.functional.linear(low, low_weight),
        "int8": lambda: torch._int_mm(values, integers),
    }
    work = 2 * frames.shape[0] * weight.numel() / 1e9
    told = [f"{name} {work / cpu_time(function, repeat=20):.0f}" for name, function in functions.items()]
    return "matrix products, G operations per CPU second: " + ", ".join(told)


def speed(batch: int) -> None:
    """Print CPU seconds a clip, the mean of the processes, and the ratio to the plain code."""
    context = multiprocessing.get_context("spawn")
    barrier, queue = context.Barrier(CORES), context.Queue()
    processes = [context.Process(target=work, args=(batch, barrier, queue)) for _ in range(CORES)]
    for process in processes:
        process.start()
    results = [queue.get() for _ in processes]
    for process in processes:
        process.join()
    means = {name: sum(result[name] for result in results) / CORES for name in results[0]}
    base = next(iter(means.values()))
    print(f"\nbatch of {batch}: CPU seconds a {CLIP_S}-s clip, all 13 layers, {CORES} processes of one thread at once")
    for name, spent_s in means.items():
        real = CORES * CLIP_S / spent_s
        print(f"  {name:45s}{spent_s:7.3f} s  {base / spent_s:5.2f} × plain   {real:5.0f} × real time on {CORES} cores")


def loss(title: str, encoder: Beats) -> None:
    """Print the cosine of every layer to the plain float32 code."""
    waveform = synthetic_sound(RATE_HZ, CLIP_S, seed=7)[None]
    wanted = {name: tokens.unflatten(1, (-1, 8)).mean(2) for name, tokens in plain(encoder, waveform).items()}
    print(f"\ncosine to plain float32, {title}: mean of the frames (worst frame)")
    names = [spec.name for spec in encoder.layers]
    print(f"  {'':45s}" + "".join(f"{name:>22s}" for name in ("embedding", "block5", "block11", "worst layer")))
    for precision in PRECISIONS:
        low = with_runtime(encoder, Runtime(precision))
        found = low(waveform)
        each = {name: cosines(wanted[name], found[name].values[:, :, 0]) for name in names}
        worst = min(names, key=lambda name: float(each[name].mean()))
        told = [
            f"{float(each[name].mean()):.6f} ({float(each[name].min()):.6f})"
            for name in (names[0], names[6], names[12], worst)
        ]
        print(f"  tymbal {low.numerics:38s}" + "".join(f"{text:>22s}" for text in told))


def main() -> None:
    torch.set_num_threads(1)
    print(probe_line())
    print(f"torch {torch.__version__}; {products()}")
    for batch in (1, 4):
        speed(batch)
    with torch.inference_mode():
        loss("the paper's initialisation", beats())
        loss("strained weights", strained(beats()))


if __name__ == "__main__":
    main()
