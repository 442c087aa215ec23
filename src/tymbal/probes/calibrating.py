"""Temperature scaling: one number that makes a probe's scores honest and leaves the order of labels as it is."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tymbal.probes.heads.base import Float
from tymbal.probes.heads.scaling import fit_scale

LOWEST, HIGHEST = 0.05, 20.0  # beyond these float32 scores would tie where logits differ


def fit_temperature(logits: Any, targets: Any, weight: NDArray[np.float32], multilabel: bool) -> float:
    """The temperature T for which logits / T have the least log loss (Guo et al. 2017, arXiv 1706.04599, section 4.2).

    Parameters
    ----------
    logits : (n, classes) of examples that were not trained on. targets : (n, classes) 0/1.
    weight : (classes,) as training weighs classes, or positives of labels: with `class_weight="balanced"` scores are
        made honest for a population where classes are alike.

    Returns 1 where there is no example to judge by.
    """
    decisions, truth = np.asarray(logits, dtype=np.float64), np.asarray(targets, dtype=np.float64)
    weights: Float = np.ones(len(truth)) if multilabel else truth @ weight.astype(np.float64)
    if not weights.sum() > 0:
        return 1.0
    positive = weight.astype(np.float64) if multilabel else 1.0
    factor = fit_scale(decisions, truth, weights, multilabel, positive=positive)
    return float(np.clip(1.0 / factor, LOWEST, HIGHEST))
