"""Detections against references: matching of boxes that may overlap, and the metrics on top of it."""

from tymbal.evaluation.detection.boxes import Pairs, overlapping_pairs, pairwise_iou
from tymbal.evaluation.detection.matching import assign, match_boxes, match_by_score

__all__ = ["Pairs", "assign", "match_boxes", "match_by_score", "overlapping_pairs", "pairwise_iou"]
