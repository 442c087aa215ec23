"""Writes librosa_golden.safetensors, which the tests compare with; run by hand where librosa 0.11 is installed:

python tests/audio/frontends/make_librosa_golden.py
"""

from pathlib import Path

import librosa
import numpy as np
from safetensors.numpy import save_file

RATE_HZ, N_FFT, HOP, BANDS = 16000, 512, 160, 20


def main() -> None:
    """Mel filters, mel power, cepstra and PCEN of a fifth of a second of rising noise, by librosa in float64."""
    waveform = np.random.default_rng(7).standard_normal(3200) * np.linspace(0.01, 0.3, 3200)
    found = {"waveform": waveform}
    for scale, norm in (("htk", None), ("slaney", "slaney")):
        shape = {"n_mels": BANDS, "fmin": 50.0, "htk": scale == "htk", "norm": norm, "dtype": np.float64}
        found[f"filters_{scale}"] = librosa.filters.mel(sr=RATE_HZ, n_fft=N_FFT, **shape)
        spectrum = np.abs(librosa.stft(waveform, n_fft=N_FFT, hop_length=HOP, win_length=400, pad_mode="constant")) ** 2
        found[f"mel_{scale}"] = found[f"filters_{scale}"] @ spectrum
    found["mfcc"] = librosa.feature.mfcc(S=np.log(found["mel_htk"] + 1e-10), n_mfcc=13)
    energy = np.abs(np.random.default_rng(8).standard_normal((3, 300))) ** 2
    found["energy"] = energy
    found["pcen"] = librosa.pcen(energy, b=0.1, gain=0.8, bias=2.0, power=0.5, eps=1e-6)
    path = Path(__file__).with_name("librosa_golden.safetensors")
    save_file({key: np.ascontiguousarray(value, dtype=np.float32) for key, value in found.items()}, path)


if __name__ == "__main__":
    main()
