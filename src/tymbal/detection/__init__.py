"""Detection: onset boxes in two directions from any encoder's frames, decoded, fused, scored, and run over anything."""

from tymbal.detection.boxes import UNKNOWN, Boxes, overlapping
from tymbal.detection.decoding import DecodingConfig, EdgeMaps, decode_edges, suppress
from tymbal.detection.fusion import Fused, fuse
from tymbal.detection.targets import EdgeTargets, TargetConfig, edge_targets

__all__ = [
    "UNKNOWN",
    "Boxes",
    "DecodingConfig",
    "EdgeMaps",
    "EdgeTargets",
    "Fused",
    "TargetConfig",
    "decode_edges",
    "edge_targets",
    "fuse",
    "overlapping",
    "suppress",
]
