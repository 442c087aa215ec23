"""Mel spectrograms: CPU seconds of ours, nnAudio's and librosa's for the same numbers, in one process on one thread.

.venv/bin/python perf/mel.py

The peers are no dependencies; a throw-away environment with them runs this file too:
    python -m venv /tmp/peers && /tmp/peers/bin/pip install torch==2.13.0
    /tmp/peers/bin/pip install nnAudio==0.3.4 librosa==0.11.0
    PYTHONPATH=src /tmp/peers/bin/python perf/mel.py
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable

for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy as np  # noqa: E402 - after the number of threads is set
import torch  # noqa: E402

from machine import cpu_time, probe_line  # noqa: E402
from tymbal.audio.frontends import MelConfig, MelSpectrogram  # noqa: E402

# sample rate, FFT points, hop, bands, waveforms, seconds each
CASES = [
    (22050, 2048, 512, 128, 1, 60),
    (22050, 2048, 512, 128, 16, 5),
    (44100, 1024, 441, 64, 1, 60),
    (16000, 512, 160, 128, 1, 60),
    (250000, 2048, 512, 128, 1, 5),
]


def peer(name: str) -> object | None:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def nnaudio_mel(case: tuple[int, ...]) -> Callable[[torch.Tensor], torch.Tensor]:
    from nnAudio.features import MelSpectrogram as Theirs

    rate, n_fft, hop, bands = case[:4]
    module = Theirs(
        sr=rate, n_fft=n_fft, hop_length=hop, n_mels=bands, center=True, pad_mode="constant", htk=True, norm=None,
        fmin=0.0, fmax=None, verbose=False,
    )  # fmt: skip
    return lambda waveform: module(waveform)


def librosa_mel(case: tuple[int, ...]) -> Callable[[np.ndarray], np.ndarray]:
    import librosa

    rate, n_fft, hop, bands = case[:4]
    return lambda waveform: librosa.feature.melspectrogram(
        y=waveform, sr=rate, n_fft=n_fft, hop_length=hop, n_mels=bands, pad_mode="constant", htk=True, norm=None
    )


def measure(case: tuple[int, ...]) -> None:
    """Print one case: CPU seconds, × real time and ratios; stop where the numbers differ."""
    rate, n_fft, hop, bands, count, seconds = case
    waveform = 0.1 * torch.randn(count, rate * seconds, generator=torch.Generator().manual_seed(0))
    ours = MelSpectrogram(rate, MelConfig(n_fft=n_fft, hop_samples=hop, bands=bands))
    found = ours(waveform).values
    least = torch.stack([row.unfold(0, n_fft, hop)[: found.shape[1]].contiguous() for row in waveform])
    times = {"ours": cpu_time(lambda: ours(waveform)), "the FFTs alone": cpu_time(lambda: torch.fft.rfft(least))}
    checks = {}
    if peer("nnAudio"):
        theirs = nnaudio_mel(case)
        checks["nnAudio"] = theirs(waveform).transpose(1, 2)
        times["nnAudio"] = cpu_time(lambda: theirs(waveform), repeat=3)
    if peer("librosa"):
        other, array = librosa_mel(case), waveform.numpy()
        checks["librosa"] = torch.from_numpy(other(array)).transpose(1, 2)
        times["librosa"] = cpu_time(lambda: other(array))
    print(f"\n{rate} Hz, {n_fft} points, hop {hop}, {bands} bands, {count} × {seconds} s")
    for name, value in times.items():
        line = f"  {name:15s}{value * 1e3:9.2f} ms CPU {count * seconds / value:9.0f} × real time"
        line += "" if name == "ours" else f"   ours is {value / times['ours']:6.2f} × as fast"
        if name in checks:
            error = float((checks[name][:, : found.shape[1]] - found).abs().max() / found.abs().max())
            line += f"   greatest difference {error:.1e} of the maximum"
            if error > 1e-3:
                raise SystemExit(f"{name} computes something else: {error}")
        print(line)


def main() -> None:
    torch.set_num_threads(1)
    versions = [f"torch {torch.__version__}"]
    for name in ("nnAudio", "librosa"):
        module = peer(name)
        versions.append(f"{name} {getattr(module, '__version__', '?')}" if module else f"{name} not installed")
    print(probe_line())
    print(", ".join(versions), f"Python {sys.version.split()[0]}, least of several runs, one thread", sep=", ")
    with torch.inference_mode():
        for case in CASES:
            measure(case)


if __name__ == "__main__":
    main()
