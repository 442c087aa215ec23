"""How often a 95 % interval covers the truth when units are few: ours, percentile and BCa. About three minutes.

`intervals.py proper`: the Brier score and the log likelihood alone, ours against value +- t se on the plain scale, and
how often that one leaves what the score can be.

Units of unequal size (1 + Poisson 8 examples), each with its own difficulty. The truth is measured on 20,000 units.
"""

from __future__ import annotations

import sys

import numpy as np
from scipy import stats

from machine import probe_line
from tymbal.evaluation import estimate_ratio, get_metric
from tymbal.evaluation.calibration import PROPER
from tymbal.evaluation.intervals import resample, share_interval

RESAMPLES, RUNS, CLASSES = 500, 600, 4


def draw(random: np.random.Generator, units: int, easy: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """reference (n,), scores (n, CLASSES) and groups (n,); `easy` shifts every unit towards right answers."""
    groups = np.repeat(np.arange(units), 1 + random.poisson(8, units))
    reference = random.integers(0, CLASSES, len(groups))
    reference[:CLASSES] = np.arange(CLASSES)
    scores = random.normal(size=(len(groups), CLASSES))
    scores += random.normal(size=(units, CLASSES))[groups] * 0.7
    scores[np.arange(len(groups)), reference] += easy + random.normal(size=units)[groups] * 0.7
    return reference, scores, groups


def bca(value: float, draws: np.ndarray, left_out: np.ndarray) -> tuple[float, float]:
    """Bias-corrected and accelerated interval (Efron 1987) from resamples and the jackknife over units."""
    pull = left_out.mean() - left_out
    lean = (pull**3).sum() / max(6 * (pull**2).sum() ** 1.5, 1e-12)
    below = np.clip((draws < value).mean() + (draws == value).mean() / 2, 1 / len(draws), 1 - 1 / len(draws))
    shift = stats.norm.ppf(below)
    z = shift + stats.norm.ppf([0.025, 0.975])
    low, high = np.nanquantile(draws, stats.norm.cdf(shift + z / (1 - lean * z)))
    return float(low), float(high)


def coverage(name: str, units: int, easy: float) -> str:
    """One line of the table."""
    metric, random = get_metric(name), np.random.default_rng(units)

    def bind(size: int) -> tuple[object, object]:
        reference, scores, groups = draw(random, size, easy)
        return metric.bind(reference, scores if metric.takes == "scores" else scores.argmax(axis=1), groups)

    problem, bound = bind(20_000)
    truth = bound(np.ones((1, problem.units)))[0]
    hits = np.zeros((3, RUNS))
    for run in range(RUNS):
        problem, bound = bind(units)
        draws, value = resample(bound, units, RESAMPLES, run), bound(np.ones((1, units)))[0]
        left_out = bound(1 - np.eye(units))
        found = (
            share_interval(value, draws, units, 0.95)[:2],
            tuple(np.nanquantile(draws, [0.025, 0.975])),
            bca(value, draws, left_out),
        )
        hits[:, run] = [low <= truth <= high for low, high in found]
    ours, percentile, corrected = hits.mean(axis=1)
    return f"{name:18s} {units:5d}  {truth:.3f}   {ours:.3f}    {percentile:.3f}       {corrected:.3f}"


def proper_coverage(name: str, units: int, easy: float) -> str:
    """One line of the table of proper scores."""
    random = np.random.default_rng(units)

    def values(size: int) -> tuple[np.ndarray, np.ndarray]:
        reference, scores, groups = draw(random, size, easy)
        given = np.exp(scores - scores.max(axis=1, keepdims=True))
        return PROPER[name](reference, given / given.sum(axis=1, keepdims=True)), groups

    truth, most = values(20_000)[0].mean(), 2.0 if name == "brier" else np.inf
    hits, outside = np.zeros((2, RUNS)), 0
    for run in range(RUNS):
        loss, groups = values(units)
        ones, told = np.ones(len(loss)), {"groups": groups, "unit_name": "unit", "resamples": RESAMPLES, "seed": run}
        ours = estimate_ratio(loss, ones, scale="logit" if name == "brier" else "log",
                              bounds=(0.0, 2.0 if name == "brier" else 35.0), **told)  # fmt: skip
        plain = estimate_ratio(loss, ones, **told)
        hits[:, run] = [each.low <= truth <= each.high for each in (ours, plain)]
        outside += plain.low < 0 or plain.high > most
    first, second = hits.mean(axis=1)
    return f"{name:18s} {units:5d}  {truth:.3f}   {first:.3f}    {second:.3f}   {outside / RUNS:.3f}"


def proper() -> None:
    """The table of proper scores."""
    print("metric             units  truth   ours     plain   plain leaves the range")
    for name in PROPER:
        for units in (8, 12, 20, 40):
            for easy in (1.0, 5.0):
                print(proper_coverage(name, units, easy), flush=True)


if __name__ == "__main__":
    print(probe_line())
    print(f"{RUNS} runs a line: a coverage of 0.95 is known to +- 0.018")
    if sys.argv[1:] == ["proper"]:
        proper()
        sys.exit()
    print("metric             units  truth   ours     percentile  BCa")
    for name in ("accuracy", "balanced_accuracy", "map", "auroc"):
        for units in (8, 12, 20, 40):
            for easy in (1.0, 3.0):
                print(coverage(name, units, easy), flush=True)
