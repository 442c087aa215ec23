"""Frames for docs/studies/detection.py: log-mel of 64 bands, windows of 16 ms every 5 ms, all recordings at 32 kHz.

Called by docs/studies/detection.sh with CORPUS STORE [WINDOW_S HOP_S].
"""

from __future__ import annotations

import sys

from tymbal.corpus import Corpus
from tymbal.encoders.spectral import SpectralConfig, SpectralEncoder
from tymbal.features import embed

if __name__ == "__main__":
    window_s, hop_s = (float(each) for each in sys.argv[3:5] or ("0.016", "0.005"))
    encoder = SpectralEncoder(SpectralConfig(window_s=window_s, hop_s=hop_s, sample_rate=32_000))
    embed(Corpus.open(sys.argv[1]), encoder, sys.argv[2], layers=["log_mel"], workers=1)
