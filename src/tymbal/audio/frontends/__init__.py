"""Torch front ends: imported explicitly, so that reading sound never needs torch."""

from tymbal.audio.frontends.fir import FrameFilter
from tymbal.audio.frontends.kaldi import BEATS, KaldiConfig, KaldiFbank
from tymbal.audio.frontends.mel import BandedFilters, MelConfig, MelSpectrogram, hz_to_mel, mel_filters, mel_to_hz
from tymbal.audio.frontends.mfcc import MFCC, dct_matrix, deltas
from tymbal.audio.frontends.pcen import PCEN, PcenConfig
from tymbal.audio.frontends.stft import STFT, Frames, Framing, window

__all__ = [
    "BEATS",
    "MFCC",
    "PCEN",
    "STFT",
    "BandedFilters",
    "FrameFilter",
    "Frames",
    "Framing",
    "KaldiConfig",
    "KaldiFbank",
    "MelConfig",
    "MelSpectrogram",
    "PcenConfig",
    "dct_matrix",
    "deltas",
    "hz_to_mel",
    "mel_filters",
    "mel_to_hz",
    "window",
]
