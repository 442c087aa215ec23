"""Metrics with intervals: numpy and polars in, Estimates out. No torch, no drawing."""

from tymbal.evaluation.calibration import CALIBRATION, estimate_calibration, reliability
from tymbal.evaluation.clustering import CLUSTERING, cluster, estimate_clustering
from tymbal.evaluation.contrasts import Judged, contrast, estimate_ratio
from tymbal.evaluation.counting import confusion, per_class
from tymbal.evaluation.intervals import (
    MIN_UNITS,
    Difference,
    Estimate,
    SeedSpread,
    estimate,
    estimate_classes,
    estimate_labels,
    holm,
    paired_difference,
    seed_spread,
)
from tymbal.evaluation.means import PairedMean, mean_over_sets, paired_mean
from tymbal.evaluation.metrics import METRICS, Metric, get_metric, measure
from tymbal.evaluation.problem import encode
from tymbal.evaluation.retrieval import RETRIEVAL, Retrieved, estimate_mean, estimate_retrieval, retrieve

__all__ = [
    "CALIBRATION",
    "CLUSTERING",
    "METRICS",
    "MIN_UNITS",
    "RETRIEVAL",
    "Difference",
    "Estimate",
    "Judged",
    "Metric",
    "PairedMean",
    "Retrieved",
    "SeedSpread",
    "cluster",
    "confusion",
    "contrast",
    "encode",
    "estimate",
    "estimate_calibration",
    "estimate_classes",
    "estimate_clustering",
    "estimate_labels",
    "estimate_mean",
    "estimate_ratio",
    "estimate_retrieval",
    "get_metric",
    "holm",
    "mean_over_sets",
    "measure",
    "paired_difference",
    "paired_mean",
    "per_class",
    "reliability",
    "retrieve",
    "seed_spread",
]
