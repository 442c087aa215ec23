"""Every encoder at full size: times real time, peak memory, one clip at a time and the best batch.

Run from the repository's root: .venv/bin/python perf/encoders_table.py [ENCODER ...]
Each encoder runs in a process of its own with one thread; CPU seconds, all layers, 10-s clips. Weights are random but
for those that come with Tymbal.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys

import torch

from machine import cpu_time, probe_line
from tymbal.encoders import list_encoders
from tymbal.encoders.known import KNOWN
from tymbal.encoders.source import open_encoder
from tymbal.errors import TymbalError

CLIP_S = 10
BATCHES = (1, 4, 8)
SPECTRAL_RATE_HZ = 44100
SHIPPED = tuple(each.name for each in KNOWN if each.shipped)
SKIPPED = {"onnx": "is whatever graph it is given"}


def measure(name: str) -> dict[str, float]:
    """Seconds of sound per CPU second for each batch size, and the peak memory of this process in MB after it."""
    torch.set_num_threads(1)  # a second thread waits by spinning, which counts as CPU time
    encoder = open_encoder(name, random_weights=None if name in SHIPPED else True).encoder
    if encoder.sample_rate is None:
        encoder = encoder.at_rate(SPECTRAL_RATE_HZ)
    found: dict[str, float] = {"parameters_m": sum(each.numel() for each in encoder.parameters()) / 1e6}
    for batch in BATCHES:
        waveform = torch.randn(batch, CLIP_S * int(encoder.sample_rate or SPECTRAL_RATE_HZ)) * 0.1
        with torch.inference_mode():
            seconds = cpu_time(lambda sound=waveform: encoder(sound), repeat=2)
        found[f"speed_{batch}"] = batch * CLIP_S / seconds
        found[f"memory_{batch}"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return found


def main(names: list[str]) -> None:
    print("$ .venv/bin/python perf/encoders_table.py")
    print(probe_line())
    print("x real time per CPU second, all layers, 10-s clips, float32; peak memory of the whole process")
    print(f"{'encoder':14s}{'M weights':>10s}" + "".join(f"{f'batch {b}':>11s}{'MB':>7s}" for b in BATCHES) + "   best")
    for name in names:
        if name in SKIPPED:
            print(f"{name:14s}{SKIPPED[name]:>20s}")
            continue
        done = subprocess.run([sys.executable, __file__, "--one", name], capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"{name:14s}{done.stderr.strip().splitlines()[-1]}")
            continue
        row = json.loads(done.stdout)
        best = max(BATCHES, key=lambda batch: row[f"speed_{batch}"])
        cells = "".join(f"{row[f'speed_{b}']:>11.1f}{row[f'memory_{b}']:>7.0f}" for b in BATCHES)
        print(f"{name:14s}{row['parameters_m']:>10.1f}{cells}   {best}", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        try:
            print(json.dumps(measure(sys.argv[2])))
        except TymbalError as error:
            sys.exit(str(error))
    else:
        main(sys.argv[1:] or [*list_encoders(), *SHIPPED])
