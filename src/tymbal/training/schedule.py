"""The learning rate over a run: a linear climb, then a cosine to a fraction."""

from __future__ import annotations

import math


def rate_factor(step: int, steps: int, warmup_steps: int, final_fraction: float) -> float:
    """What the learning rate is multiplied by at `step` (0 … steps-1).

    Steps before `warmup_steps` climb as (step + 1) / (warmup_steps + 1), so that none is zero and the first step
    after them is at 1. From there (1 + cos(pi p)) / 2, p in 0 … 1, scaled to end at `final_fraction` on the last
    step (Loshchilov and Hutter 2017, SGDR, equation 5, without restarts).
    """
    if step < warmup_steps:
        return (step + 1) / (warmup_steps + 1)
    last = steps - 1
    progress = (step - warmup_steps) / (last - warmup_steps) if last > warmup_steps else 0.0
    return final_fraction + (1.0 - final_fraction) * 0.5 * (1.0 + math.cos(math.pi * min(progress, 1.0)))
