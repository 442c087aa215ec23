"""Tymbal: from a folder of animal recordings to tested findings.

Importing this package is free: nothing below is loaded before it is used.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

# public name -> module that defines it
_PUBLIC = {
    "Corpus": "tymbal.corpus",
    "DiagnoseConfig": "tymbal.probes",
    "FeatureStore": "tymbal.features",
    "Probe": "tymbal.probes",
    "ProbeConfig": "tymbal.probes",
    "StudyConfig": "tymbal.probes",
    "TymbalError": "tymbal.errors",
    "audit": "tymbal.corpus",
    "create_encoder": "tymbal.encoders",
    "diagnose": "tymbal.probes",
    "embed": "tymbal.features",
    "examples": "tymbal.features",
    "index": "tymbal.corpus",
    "make_split": "tymbal.corpus",
    "read_events": "tymbal.annotations",
    "run_study": "tymbal.probes",
    "write_events": "tymbal.annotations",
    "write_report": "tymbal.report",
}

__all__ = ["__version__", *sorted(_PUBLIC)]


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(importlib.import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'tymbal' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_PUBLIC])
