"""`tymbal doctor`: what is installed, what is missing, how fast this machine is."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import time

from tymbal import __version__
from tymbal.cli.common import EXIT_OK, Json, say, say_json, say_table

# distribution -> (extra that brings it, what it is for)
OPTIONAL = {
    "matplotlib": ("report", "pictures in reports"),
    "av": ("av", "M4A/AAC and damaged files"),
    "crowsetta": ("crowsetta", "more annotation formats"),
    "huggingface_hub": ("hub", "fetching published weights"),
    "onnxruntime": ("onnx", "ONNX graphs as encoders, export"),
    "transformers": ("transformers", "AST, wav2vec2, WavLM, Data2Vec"),
}
REQUIRED = ("torch", "numpy", "scipy", "scikit-learn", "polars", "soundfile", "soxr", "safetensors", "pydantic", "rich")


def doctor(*, json: Json = False) -> int:
    """Say what is installed, what is missing and how fast this machine is.

    Parameters
    ----------
    json : print one JSON object instead.
    """
    found = {name: _version(name) for name in (*REQUIRED, *OPTIONAL)}
    machine = _machine()
    if json:
        say_json({"tymbal": __version__, "packages": found, "machine": machine})
        return EXIT_OK
    say(f"tymbal {__version__}, Python {platform.python_version()} on {platform.platform()}")
    rows = []
    for name, version in found.items():
        extra, purpose = OPTIONAL.get(name, ("", ""))
        note = "" if version else f"missing: pip install 'tymbal[{extra}]'" if extra else "missing: reinstall tymbal"
        rows.append((name, version or "-", purpose, note))
    say_table(("package", "version", "for", ""), rows)
    for name, value in machine.items():
        say(f"{name.replace('_', ' ')}: {value}")
    return EXIT_OK


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _machine() -> dict[str, object]:
    import numpy as np
    import soundfile
    import torch

    matrix = np.ones((1024, 1024), dtype=np.float32)
    best = float("inf")
    for _ in range(5):
        start = time.perf_counter()
        matrix @ matrix
        best = min(best, time.perf_counter() - start)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    cuda = torch.cuda.get_device_name(0) if torch.cuda.is_available() else "none that torch can use"
    return {
        "cores": cores,
        "float32_gflop_per_s": round(2 * 1024**3 / best / 1e9),
        "gpu": cuda,
        "libsndfile": soundfile.__libsndfile_version__,
    }
