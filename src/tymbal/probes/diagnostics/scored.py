"""From scores of fits to what metrics take, and to numbers in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tymbal.config import to_plain
from tymbal.evaluation import Estimate, Judged, get_metric
from tymbal.probes.diagnostics.base import Rows
from tymbal.probes.study.task import Task


@dataclass(frozen=True)
class Part:
    """Examples (rows of the task, which may repeat), what their labels were (numbers), and the scores they got."""

    rows: Rows
    truth: Rows
    scores: NDArray[np.float32]

    @classmethod
    def of(cls, task: Task, rows: Rows, scores: NDArray[np.float32]) -> Part:
        """Scores (rows, labels) beside the task's own labels."""
        return cls(rows, task.targets[rows].argmax(axis=1), scores)

    @classmethod
    def joined(cls, parts: Sequence[Part]) -> Part:
        """One part under the other."""
        return cls(
            np.concatenate([part.rows for part in parts]),
            np.concatenate([part.truth for part in parts]),
            np.concatenate([part.scores for part in parts]),
        )

    def keep(self, wanted: NDArray[np.bool_]) -> Part:
        """The examples of a mask."""
        return Part(self.rows[wanted], self.truth[wanted], self.scores[wanted])

    def judged(self, task: Task, metric: str) -> Judged:
        """For `estimate` and `contrast`, with the task's units."""
        given = self.scores if get_metric(metric).takes == "scores" else self.scores.argmax(axis=1)
        return Judged(self.truth, given, task.units[self.rows].tolist())


def as_error(found: Estimate) -> Estimate:
    """1 - a metric, interval and units with it."""

    def flip(value: float | None) -> float | None:
        return None if value is None else 1.0 - value

    units = {name: flip(value) for name, value in found.per_unit.items()}
    return replace(found, value=1.0 - found.value, low=flip(found.high), high=flip(found.low), per_unit=units)


def chance_level(metric: str, truth: Rows) -> float | None:
    """What guessing reaches: 1 / labels for balanced accuracy, the commonest label's share for accuracy and top-1."""
    if metric == "balanced_accuracy":
        return 1 / len(np.unique(truth))
    if metric in ("accuracy", "top1"):
        return float(np.bincount(truth).max() / len(truth))
    return 0.5 if metric == "auroc" else None


def plain(found: Estimate) -> dict[str, Any]:
    """An Estimate or Difference as JSON."""
    return dict(to_plain(found))


def in_words(row: Mapping[str, Any], decimals: int = 2, *, sign: bool = False) -> str:
    """`0.41 [0.33, 0.50]`, or the value alone where there is no interval."""
    form = f"{'+' if sign else ''}.{decimals}f"
    if row.get("low") is None:
        return format(row["value"], form)
    return f"{row['value']:{form}} [{row['low']:{form}}, {row['high']:{form}}]"


def listed(names: Sequence[str], limit: int = 4) -> str:
    """`a, b and c`; past `limit` names the rest is counted."""
    shown = list(names[:limit])
    if len(names) > limit:
        shown.append(f"{len(names) - limit} more")
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)
