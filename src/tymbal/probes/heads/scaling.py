"""One factor that turns decisions into honest logits, fitted on decisions about examples that were not seen."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize_scalar

from tymbal.probes.heads.base import Float, log_loss

_LEAST, _MOST = -12.0, 6.0  # exponents of e tried


def fit_scale(decisions: Float, targets: Float, weights: Float, multilabel: bool, offset: Float | float = 0.0) -> float:
    """The factor f > 0 for which f * decisions + offset has the least log loss.

    decisions (n, classes), targets (n, classes) 0/1, weights (n,), offset broadcast to decisions. Targets
    as Platt's (1999, section 2.2): of n examples all decided rightly it is not certain that the next will be, so that
    a share 1 / (n + 2) of every target is given to the other side; without it a few easy examples would ask for an
    infinite factor.
    """
    classes = targets.shape[1]
    doubt = 1.0 / (len(targets) + 2.0)
    other = doubt if multilabel or classes == 1 else doubt / (classes - 1)
    soft = targets * (1.0 - doubt) + (1.0 - targets) * other

    def loss(exponent: float) -> float:
        return log_loss(np.exp(exponent) * decisions + offset, soft, weights, multilabel)

    return float(np.exp(minimize_scalar(loss, bounds=(_LEAST, _MOST), method="bounded").x))
