"""Detections against references: matching of boxes that may overlap, and the metrics on top of it."""

from tymbal.evaluation.detection.alarms import Rate, false_alarms, poisson_rate
from tymbal.evaluation.detection.boxes import Pairs, overlapping_pairs, pairwise_iou
from tymbal.evaluation.detection.curves import confusions, detection_reliability, threshold_curve
from tymbal.evaluation.detection.fewshot import FewshotScores, score_fewshot
from tymbal.evaluation.detection.matching import assign, match_boxes, match_by_score
from tymbal.evaluation.detection.metrics import (
    DETECTION,
    DetectionMetric,
    estimate_detection,
    get_detection_metric,
    metric_names,
    paired_detection_difference,
)
from tymbal.evaluation.detection.outcomes import Outcomes, judge
from tymbal.evaluation.detection.problem import DetectionProblem, DetectionSettings, make_detection_problem
from tymbal.evaluation.detection.psds import PSDS1, PSDS2, PsdsSettings
from tymbal.evaluation.detection.ranking import average_precision
from tymbal.evaluation.detection.scores import (
    DetectionScores,
    problem_against_corpus,
    score_against_corpus,
    score_detections,
)
from tymbal.evaluation.detection.snr import measure_snr

__all__ = [
    "DETECTION",
    "PSDS1",
    "PSDS2",
    "DetectionMetric",
    "DetectionProblem",
    "DetectionScores",
    "DetectionSettings",
    "FewshotScores",
    "Outcomes",
    "Pairs",
    "PsdsSettings",
    "Rate",
    "assign",
    "average_precision",
    "confusions",
    "detection_reliability",
    "estimate_detection",
    "false_alarms",
    "get_detection_metric",
    "judge",
    "make_detection_problem",
    "match_boxes",
    "match_by_score",
    "measure_snr",
    "metric_names",
    "overlapping_pairs",
    "paired_detection_difference",
    "pairwise_iou",
    "poisson_rate",
    "problem_against_corpus",
    "score_against_corpus",
    "score_detections",
    "score_fewshot",
    "threshold_curve",
]
