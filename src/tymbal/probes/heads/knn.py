"""The k-nearest-neighbour head: the labels of the most similar training examples, nothing fitted but k."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tymbal.errors import UsageError
from tymbal.probes.heads.base import Float, Problem, Solution, SolvedHead
from tymbal.probes.heads.inner import Rows, choose, inner_folds, out_of_fold

SHARPNESS = 0.07  # of the votes: exp(cosine / 0.07), as in both sources below
_BLOCK = 256  # examples whose neighbours are sought at a time


@dataclass(frozen=True)
class KnnOptions:
    """neighbours : numbers tried. folds : inner grouped folds that choose among them."""

    neighbours: tuple[int, ...] = (1, 3, 5, 9, 15, 25, 45)
    folds: int = 5


def solve(problem: Problem, options: KnnOptions) -> Solution:
    """Votes of the k nearest by cosine, each exp(cosine / 0.07) (Wu et al. 2018, arXiv 1805.01978, section 3.4).

    One more neighbour of average weight carries every label by its share among the training examples, so that no
    score is 0 and a lone neighbour is not certain. `class_weight="balanced"` weighs votes by class, or for several
    labels takes the odds as if each label were as common as its absence. k has the least log loss over inner folds of
    whole groups. Raises UsageError for a k below 1.
    """
    wanted = sorted(set(options.neighbours))
    if not wanted or wanted[0] < 1:
        raise UsageError(f"neighbours {options.neighbours}", where="knn", allowed="one number or more, each above 0")
    tried = [k for k in wanted if k <= len(problem.values)] or wanted[:1]
    unit = _unit_length(problem.values)

    def decide(train: Rows, held: Rows) -> Float:
        return _logits(_Memory.of(problem, unit, train), unit[held], tried)

    everything = np.ones(len(unit), dtype=np.bool_)
    tensors = _Memory.of(problem, unit, everything).tensors()
    inner = inner_folds(problem, options.folds)
    if inner is None:
        return Solution({**tensors, "neighbours": np.asarray([1])}, {"neighbours": 1})
    found = choose(problem, inner, out_of_fold(inner, problem.targets.shape[1], len(tried), decide))
    notes: dict[str, Any] = {
        "neighbours": tried[found.best],
        "inner_log_loss": found.losses[found.best],
        "inner_folds": int(inner.fold_of.max()) + 1,
        "left_out": inner.by,
    }
    return Solution({**tensors, "neighbours": np.asarray([tried[found.best]])}, notes, found.left_out)


def knn_logits(tensors: Mapping[str, NDArray[Any]], values: Float) -> Float:
    """Logits (n, classes) of standardised values (n, p)."""
    memory = _Memory(*(tensors[name] for name in ("examples", "targets", "votes", "prior", "lift")))
    return np.asarray(_logits(memory, _unit_length(values), [int(tensors["neighbours"][0])])[0])


@dataclass(frozen=True)
class _Memory:
    """What is remembered of n examples.

    examples (n, p) of unit length; targets (n, classes) 0/1; votes (n,) each one's weight; prior (classes,) shares;
    lift (classes,) added to the log odds of several labels, empty for one label.
    """

    examples: NDArray[Any]
    targets: NDArray[Any]
    votes: Float
    prior: Float
    lift: Float

    @classmethod
    def of(cls, problem: Problem, unit: Float, rows: Rows) -> _Memory:
        targets, weights = problem.targets[rows], problem.weights[rows]
        counts = weights @ targets
        if not problem.multilabel:
            prior = (counts + 1.0 / len(counts)) / (weights.sum() + 1.0)
            return cls(unit[rows], targets, weights, prior, np.zeros(0))
        prior = (counts + 0.5) / (weights.sum() + 1.0)
        lift = -np.log(prior / (1.0 - prior)) if problem.balanced else np.zeros(len(counts))
        return cls(unit[rows], targets, weights, prior, lift)

    def tensors(self) -> dict[str, NDArray[Any]]:
        """As a probe's file keeps them; float32 and bytes, for they are as many as the examples."""
        return {
            "examples": self.examples.astype(np.float32),
            "targets": self.targets.astype(np.uint8),
            "votes": self.votes,
            "prior": self.prior,
            "lift": self.lift,
        }


def _unit_length(values: Float) -> Float:
    lengths = np.linalg.norm(values, axis=1, keepdims=True)
    return np.asarray(values / np.maximum(lengths, 1e-12))


def _logits(memory: _Memory, unit: Float, neighbours: list[int]) -> Float:
    """(neighbours, n, classes) for examples of unit length (n, p)."""
    own = np.asarray(memory.examples, dtype=np.float64)
    most = min(max(neighbours), len(own))
    found = np.empty((len(neighbours), len(unit), memory.targets.shape[1]))
    for start in range(0, len(unit), _BLOCK):
        rows = slice(start, start + _BLOCK)
        similarity = unit[rows] @ own.T
        nearest = np.argsort(-similarity, axis=1, kind="stable")[:, :most]
        votes = np.exp((np.take_along_axis(similarity, nearest, axis=1) - 1.0) / SHARPNESS) * memory.votes[nearest]
        carried = np.cumsum(votes[..., None] * memory.targets[nearest], axis=1)
        cast = np.cumsum(votes, axis=1)[..., None]
        for index, k in enumerate(neighbours):
            k = min(k, most)
            shares = carried[:, k - 1] / np.maximum(cast[:, k - 1], 1e-300)
            found[index, rows] = _log_scores((k * shares + memory.prior) / (k + 1.0), memory.lift)
    return found


def _log_scores(shares: Float, lift: Float) -> Float:
    if not len(lift):
        return np.asarray(np.log(shares))
    return np.asarray(np.log(shares) - np.log1p(-shares) + lift)


KNN = SolvedHead("knn", KnnOptions, solve, knn_logits)
