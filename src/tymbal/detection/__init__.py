"""Detection: onset boxes in two directions from any encoder's frames, decoded, fused, scored, and run over anything."""

from tymbal.detection.boxes import UNKNOWN, Boxes, overlapping
from tymbal.detection.calibrating import Calibration, f1_score
from tymbal.detection.config import DetectorConfig
from tymbal.detection.decoding import DecodingConfig, EdgeMaps, decode_edges, suppress
from tymbal.detection.detector import Detector, read_examples
from tymbal.detection.evaluating import ceiling, evaluate
from tymbal.detection.fusion import Fused, fuse
from tymbal.detection.losses import LossConfig
from tymbal.detection.methods import METHODS, Method
from tymbal.detection.network import NetworkConfig
from tymbal.detection.running import RunResult, detect_channels, detect_sound, run_detector
from tymbal.detection.targets import EdgeTargets, TargetConfig, edge_targets

__all__ = [
    "METHODS",
    "UNKNOWN",
    "Boxes",
    "Calibration",
    "DecodingConfig",
    "Detector",
    "DetectorConfig",
    "EdgeMaps",
    "EdgeTargets",
    "Fused",
    "LossConfig",
    "Method",
    "NetworkConfig",
    "RunResult",
    "TargetConfig",
    "ceiling",
    "decode_edges",
    "detect_channels",
    "detect_sound",
    "edge_targets",
    "evaluate",
    "f1_score",
    "fuse",
    "overlapping",
    "read_examples",
    "run_detector",
    "suppress",
]
