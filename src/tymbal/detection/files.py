"""The detector file: one safetensors file that holds all a detector needs, and what it may be used on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tymbal
from tymbal.config import from_plain, to_plain
from tymbal.detection.calibrating import Calibration
from tymbal.detection.config import DetectorConfig
from tymbal.detection.detector import Detector
from tymbal.detection.energy import EnergyGate
from tymbal.detection.fitting import Fitted
from tymbal.errors import DataError
from tymbal.training import read_tensors, write_tensors

FORMAT = 1
KIND = "detector"
_MEND = "Give a file that Detector.save or tymbal detect train wrote, or train the detector again."


def save_detector(detector: Detector, path: Path) -> Path:
    """Write tensors, and as metadata: configuration, labels, layers, encoder, calibration and thresholds, notes."""
    state: dict[str, Any] = {
        "kind": KIND,
        "format": FORMAT,
        "tymbal_version": tymbal.__version__,
        "config": to_plain(detector.config),
        "labels": list(detector.labels_),
        "layers": [list(each) for each in detector.layers_],
        "channels": detector.channels_,
        "encoder_checksum": detector.encoder_checksum_,
        "provenance": to_plain(detector.provenance_),
        "calibration": to_plain(detector.calibration_),
        "gate": to_plain(detector.fitted_.gate),
        "notes": to_plain(detector.notes_),
    }
    write_tensors(path, detector.fitted_.tensors, state)
    return path


def load_detector(path: Path) -> Detector:
    """Inverse of `save_detector`. Raises DataError for files that are missing, damaged or of another format."""
    tensors, state = read_tensors(path, mend=_MEND)
    if state.get("kind") != KIND or state.get("format") != FORMAT:
        raise DataError(
            f"{state.get('kind') or 'no detector'} of format {state.get('format')!r}",
            where=path,
            allowed=f"{KIND} of format {FORMAT}",
            mend=_MEND,
        )
    detector = Detector(from_plain(DetectorConfig, state["config"], where=path))
    calibration = from_plain(Calibration, state["calibration"], where=path)
    gate = from_plain(EnergyGate, state["gate"], where=path) if state.get("gate") else None
    detector.fitted_ = Fitted(tensors, calibration, state["notes"], gate)
    detector.labels_ = tuple(state["labels"])
    detector.layers_ = tuple((name, int(width)) for name, width in state["layers"])
    detector.channels_ = int(state.get("channels", 1))
    detector.encoder_checksum_, detector.provenance_ = state["encoder_checksum"], state["provenance"]
    return detector
