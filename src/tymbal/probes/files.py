"""The probe file: one safetensors file that holds all a probe needs to predict, and what it may be used on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import tymbal
from tymbal.config import from_plain, to_plain
from tymbal.errors import DataError
from tymbal.probes.config import ProbeConfig
from tymbal.probes.fitting import Fitted
from tymbal.training import read_tensors, write_tensors

if TYPE_CHECKING:
    from tymbal.probes.probe import Probe

FORMAT = 1
_MEND = "Give a file that Probe.save or tymbal probe wrote, or fit the probe again."


def save_probe(probe: Probe, path: Path) -> Path:
    """Write tensors, and as metadata: configuration, layers, labels, encoder, preprocessing, notes, version."""
    state: dict[str, Any] = {
        "format": FORMAT,
        "tymbal_version": tymbal.__version__,
        "config": to_plain(probe.config),
        "layers": list(probe.layers_),
        "dims": list(probe.dims_),
        "input_dims": list(probe.fitted_.dims),
        "labels": list(probe.labels_),
        "temperature": probe.fitted_.temperature,
        "encoder_checksum": probe.encoder_checksum_,
        "preprocessing": {
            "statistics": list(probe.config.statistics),
            "norm": probe.config.norm,
            "features": to_plain(probe.provenance_),  # encoder, sample rate, segment, pooling of the store
        },
        "notes": to_plain(probe.notes_),
    }
    write_tensors(path, probe.fitted_.tensors, state)
    return path


def load_probe(path: Path) -> Probe:
    """Inverse of `save_probe`. Raises DataError for files that are missing, damaged or of another format."""
    from tymbal.probes.probe import Probe

    tensors, state = read_tensors(path, mend=_MEND)
    if state.get("format") != FORMAT:
        raise DataError(f"probe of format {state.get('format')!r}", where=path, allowed=FORMAT, mend=_MEND)
    probe = Probe(from_plain(ProbeConfig, state["config"], where=path))
    temperature = float(state.get("temperature", 1.0))  # files from before there was one have none
    probe.fitted_ = Fitted(tensors, tuple(state["input_dims"]), state["notes"], temperature)
    probe.layers_, probe.dims_ = tuple(state["layers"]), tuple(state["dims"])
    probe.labels_, probe.encoder_checksum_ = tuple(state["labels"]), state["encoder_checksum"]
    probe.provenance_, probe.notes_ = state["preprocessing"]["features"], state["notes"]
    return probe
