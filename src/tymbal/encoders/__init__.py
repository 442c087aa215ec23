"""Encoders: waveforms to named layers on known time grids; one file per architecture, found by name."""

from tymbal.encoders.checkpoint import load_encoder, save_encoder
from tymbal.encoders.contract import Encoder, LayerOutput, LayerSpec
from tymbal.encoders.registry import create_encoder, list_encoders

__all__ = [
    "Encoder",
    "LayerOutput",
    "LayerSpec",
    "create_encoder",
    "list_encoders",
    "load_encoder",
    "save_encoder",
]
