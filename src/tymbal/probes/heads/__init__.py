"""Heads by name. To add one: a file with a `TrainedHead` or `SolvedHead`, and its line in `HEADS`."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from tymbal.config import check_fields, from_plain
from tymbal.errors import UsageError
from tymbal.probes.heads.attention import ATTENTION
from tymbal.probes.heads.base import Problem, Solution, SolvedHead, TrainedHead
from tymbal.probes.heads.k_sparse import K_SPARSE
from tymbal.probes.heads.knn import KNN
from tymbal.probes.heads.linear import LINEAR
from tymbal.probes.heads.logistic import LOGISTIC
from tymbal.probes.heads.lstm import LSTM
from tymbal.probes.heads.mlp import MLP
from tymbal.probes.heads.moment import MOMENT
from tymbal.probes.heads.nearest_mean import NEAREST_MEAN
from tymbal.probes.heads.prototypes import PROTOTYPES
from tymbal.probes.heads.query_attention import QUERY_ATTENTION
from tymbal.probes.heads.ridge import RIDGE
from tymbal.probes.heads.self_attention import SELF_ATTENTION
from tymbal.probes.heads.transformer import TRANSFORMER

Head = TrainedHead | SolvedHead

TRAINED: tuple[TrainedHead, ...] = (
    LINEAR,
    MLP,
    ATTENTION,
    QUERY_ATTENTION,
    SELF_ATTENTION,
    TRANSFORMER,
    LSTM,
    PROTOTYPES,
    MOMENT,
)
SOLVED: tuple[SolvedHead, ...] = (RIDGE, LOGISTIC, NEAREST_MEAN, KNN, K_SPARSE)
HEADS: dict[str, Head] = {**{head.name: head for head in TRAINED}, **{head.name: head for head in SOLVED}}


def get_head(name: str) -> Head:
    """The head called `name`. Raises UsageError with the names there are."""
    if name not in HEADS:
        raise UsageError(f"unknown head {name!r}", parameter="head", allowed=", ".join(HEADS))
    return HEADS[name]


def head_options(head: Head, options: dict[str, Any]) -> Any:
    """The head's options dataclass from plain values.

    Raises ConfigError naming an unknown or ill-typed field, UsageError for one of those that many heads share outside
    its range; the others the head checks itself.
    """
    where = f"options of head {head.name}"
    found = from_plain(head.options, options, where=where)
    check_fields(found, _shared_ranges(found), where=where)
    return found


def _shared_ranges(options: Any) -> Iterator[tuple[str, bool, str]]:
    yield "dropout", 0 <= getattr(options, "dropout", 0.0) < 1, "0 to below 1"
    yield "entropy", math.isfinite(getattr(options, "entropy", 0.0)), "a finite number"
    yield "queries", getattr(options, "queries", 1) >= 1, "1 or more"


__all__ = ["HEADS", "Head", "Problem", "Solution", "SolvedHead", "TrainedHead", "get_head", "head_options"]
