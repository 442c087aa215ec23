"""Slow twins of training: the schedule, one AdamW step, the moving average, in plain float64 loops."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def rate_factors(steps: int, warmup_steps: int, final_fraction: float) -> list[float]:
    """Every factor of a run: a climb over warmup_steps + 1 points to 1, then half a cosine to final_fraction."""
    climb = list(np.linspace(0.0, 1.0, warmup_steps + 2)[1:-1])
    rest = steps - warmup_steps
    angles = np.linspace(0.0, math.pi, rest) if rest > 1 else np.zeros(rest)
    return [*climb, *(final_fraction + (1 - final_fraction) * (1 + math.cos(angle)) / 2 for angle in angles)]


def clip(gradients: list[Array], most: float) -> list[Array]:
    """All gradients scaled by one factor so that their joint norm is at most `most`."""
    norm = math.sqrt(sum(float(value) ** 2 for gradient in gradients for value in gradient.ravel()))
    return [gradient * min(1.0, most / (norm + 1e-6)) for gradient in gradients]


def adamw_step(
    weight: Array, gradient: Array, first: Array, second: Array, t: int, rate: float, decay: float
) -> tuple[Array, Array, Array]:
    """Loshchilov and Hutter 2019, algorithm 2, t counting from 1; returns weight and both moments."""
    beta1, beta2, epsilon = 0.9, 0.999, 1e-8
    first = beta1 * first + (1 - beta1) * gradient
    second = beta2 * second + (1 - beta2) * gradient**2
    hat1, hat2 = first / (1 - beta1**t), second / (1 - beta2**t)
    return weight - rate * decay * weight - rate * hat1 / (np.sqrt(hat2) + epsilon), first, second


def moving_average(weights: list[Array], decay: float) -> Array:
    """The mean after each of weights[1:] was taken in, starting from weights[0]."""
    mean = weights[0].copy()
    for t, weight in enumerate(weights[1:], 1):
        d = min(decay, (1 + t) / (10 + t))
        mean = d * mean + (1 - d) * weight
    return mean
