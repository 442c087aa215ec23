"""Solving for a head on cached examples, and the scores of a solved one."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from tymbal.probes.calibrating import fit_temperature
from tymbal.probes.config import ProbeConfig
from tymbal.probes.fitting import Fitted, Inputs, standardisation
from tymbal.probes.heads import Problem, SolvedHead, head_options
from tymbal.probes.heads.base import Float, sigmoid, softmax
from tymbal.probes.labels import class_weights
from tymbal.probes.objective import loss_weights
from tymbal.probes.pooling import Array


def fit_solved(
    head: SolvedHead,
    config: ProbeConfig,
    inputs: Inputs,
    targets: Array,
    rows: NDArray[np.int64],
    groups: NDArray[np.str_],
) -> Fitted:
    """Solve for the head on the standardised statistics of examples `rows`; groups (len(rows),)."""
    center, scale = standardisation(inputs, rows)
    values = _standardised(inputs.values[rows], center, scale)
    own = targets[rows].astype(np.float64)
    balanced = config.class_weight == "balanced"
    weights = own @ class_weights(targets[rows], config.class_weight) if not config.multilabel else np.ones(len(own))
    problem = Problem(values, own, weights, groups, config.multilabel, balanced, config.training.seed)
    solution = head.solve(problem, head_options(head, config.options))
    tensors = {"center": torch.from_numpy(center), "scale": torch.from_numpy(scale)}
    tensors |= {name: torch.from_numpy(np.ascontiguousarray(each)) for name, each in solution.tensors.items()}
    notes, temperature = dict(solution.notes), 1.0
    if config.calibrated:
        said, counted = solution.left_out, np.zeros(0, dtype=np.bool_)
        if said is not None:
            counted = said.counted
            weight = loss_weights(targets[rows], config)
            temperature = fit_temperature(said.logits[counted], own[counted], weight, config.multilabel)
        notes |= {"temperature": temperature, "calibrated_on": int(counted.sum())}
    return Fitted(tensors, inputs.dims, notes, temperature)


def _standardised(values: Array, center: Array, scale: Array) -> Float:
    # nan_to_num: a layer without frames counts as the mean of the training examples.
    return np.nan_to_num((values.astype(np.float64) - center) * scale)


def predict_solved(head: SolvedHead, config: ProbeConfig, fitted: Fitted, inputs: Inputs) -> Array:
    """Scores (n, classes), 0–1: softmax, or sigmoid for several labels."""
    tensors = {name: tensor.numpy() for name, tensor in fitted.tensors.items()}
    logits = head.logits(tensors, _standardised(inputs.values, tensors["center"], tensors["scale"]))
    logits = logits / fitted.temperature
    scores = sigmoid(logits) if config.multilabel else softmax(logits)
    return scores.astype(np.float32)
