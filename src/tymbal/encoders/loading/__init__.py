"""Loading published weights, whatever container and names they come in. See `load_checkpoint`."""

from __future__ import annotations

from tymbal.encoders.loading.classifier import Classifier
from tymbal.encoders.loading.container import Container, read_container
from tymbal.encoders.loading.labels import read_labels
from tymbal.encoders.loading.layout import Constant, Layout, Rule, Variant
from tymbal.encoders.loading.layouts import LAYOUTS
from tymbal.encoders.loading.load import Loaded, load_checkpoint
from tymbal.encoders.loading.selftest import write_selftest

__all__ = [
    "Classifier",
    "Constant",
    "Container",
    "LAYOUTS",
    "Layout",
    "Loaded",
    "Rule",
    "Variant",
    "load_checkpoint",
    "read_container",
    "read_labels",
    "write_selftest",
]
