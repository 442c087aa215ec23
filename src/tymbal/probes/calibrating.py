"""Temperature scaling: one number that makes a probe's scores honest and leaves the order of labels as it is."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from tymbal.probes.heads.base import Float, log_loss

_SPREAD = 0.5  # of log T beforehand: networks need 1 to 3 (Guo et al., table 1 of the supplement)
_REACH = 3.0  # |log T| at most; beyond it float32 scores would tie where logits differ


def fit_temperature(logits: Any, targets: Any, weight: NDArray[np.float32], multilabel: bool) -> float:
    """The temperature T that makes softmax(logits / T) honest (Guo et al. 2017, arXiv 1706.04599, section 4.2).

    The least log loss plus (log T)^2 / (2 * 0.5^2) over all examples together: of a handful, all decided rightly, the
    loss alone would ask for T = 0; among hundreds the second term is nothing.

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

    def loss(exponent: float) -> float:
        told = log_loss(np.exp(-exponent) * decisions, truth, weights, multilabel, positive)
        return told + exponent**2 / (2 * _SPREAD**2 * len(truth))

    return float(np.exp(minimize_scalar(loss, bounds=(-_REACH, _REACH), method="bounded").x))
