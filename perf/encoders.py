"""Encoders: seconds of sound per CPU second, all layers, one thread.

.venv/bin/python perf/encoders.py [NAME ...]      (default: spectral)
"""

from __future__ import annotations

import os
import sys

for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import torch  # noqa: E402 - after the number of threads is set

from machine import cpu_time, probe_line  # noqa: E402
from tymbal.audio.frontends.stft import STFT  # noqa: E402
from tymbal.encoders import Encoder, create_encoder  # noqa: E402
from tymbal.encoders.spectral import SpectralEncoder  # noqa: E402

RATES_HZ = (8_000, 22_050, 44_100, 96_000, 250_000)
SEGMENT_S, BATCH = 10, 4


def parts(encoder: SpectralEncoder, waveform: torch.Tensor) -> dict[str, float]:
    """CPU seconds of the two pieces that cost most, and of the transforms without which there is no spectrogram."""
    stft: STFT = encoder.mel.stft
    frames = torch.cat([row.unfold(0, stft.n_fft, stft.framing.hop_samples) for row in waveform]).contiguous()
    return {
        "mel power": cpu_time(lambda: encoder.mel(waveform)),
        "scattering": cpu_time(lambda: encoder.scattering(waveform)),
        "the mel's FFTs alone": cpu_time(lambda: torch.fft.rfft(frames)),
    }


def measure(name: str, rate_hz: int) -> None:
    """Print one line for an encoder at a rate, and for `spectral` its parts."""
    encoder: Encoder = create_encoder(name).at_rate(rate_hz)
    waveform = 0.1 * torch.randn(BATCH, SEGMENT_S * rate_hz, generator=torch.Generator().manual_seed(0))
    sound_s, spent_s = BATCH * SEGMENT_S, cpu_time(lambda: encoder(waveform), repeat=3)
    kept = sum(layer.bands * layer.dim / layer.grid.hop_s for layer in encoder.layers)
    print(
        f"{name:12s}{rate_hz:7d} Hz  {sound_s / spent_s:7.0f} × real time, {spent_s / sound_s * 1e3:6.2f} ms CPU a "
        f"second, {waveform.numel() / spent_s / 1e6:5.1f} M samples/s, {kept:7.0f} values a second"
    )
    if isinstance(encoder, SpectralEncoder):
        for part, value in parts(encoder, waveform).items():
            print(f"{'':25s}{part:22s}{value / spent_s:5.0%} of it")


def main(names: list[str]) -> None:
    torch.set_num_threads(1)
    print(probe_line())
    print(f"torch {torch.__version__}, segments of {SEGMENT_S} s in batches of {BATCH}, all layers, one thread")
    with torch.inference_mode():
        for name in names:
            fixed = create_encoder(name).sample_rate
            for rate_hz in RATES_HZ if fixed is None else (fixed,):
                measure(name, rate_hz)


if __name__ == "__main__":
    main(sys.argv[1:] or ["spectral"])
