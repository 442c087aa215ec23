"""Recall where it is hard: by how many other calls sound at the same time, and by signal-to-noise ratio."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import polars as pl

from tymbal.evaluation.counting import Counted, divide
from tymbal.evaluation.detection.boxes import TIE, Floats, Integers, common_axis
from tymbal.evaluation.detection.outcomes import Outcomes
from tymbal.evaluation.detection.problem import Boxes, DetectionProblem
from tymbal.evaluation.intervals import CONFIDENCE, MIN_UNITS, resample, share_interval

SNR_EDGES_DB = (0.0, 5.0, 10.0, 20.0)
MOST_OVERLAPS = 3


@dataclass(frozen=True)
class Strata:
    """A way to sort references: `by` names it, `names` its strata in order, `number` (n,) that of each, -1 = none."""

    by: str
    names: tuple[str, ...]
    number: Integers


def count_overlaps(side: Boxes) -> Integers:
    """With how many others of its recording and channel, of any label, each event shares time, (n,); n log n."""
    if not len(side):
        return np.zeros(0, dtype=np.int64)
    base = common_axis(side.boxes, side.boxes, side.place, side.place)
    shift = 0.0 if base is None else base[side.place]
    # events that follow each other without a gap share no time, whatever the rounding
    onset, offset = side.boxes[:, 0] + shift + TIE, side.boxes[:, 1] + shift - TIE
    ended = np.searchsorted(np.sort(offset), onset, side="right")
    unbegun = len(side) - np.searchsorted(np.sort(onset), offset, side="left")
    return np.asarray(np.maximum(len(side) - 1 - ended - unbegun, 0), dtype=np.int64)


def overlap_strata(problem: DetectionProblem) -> Strata:
    """References by the number of others that sound while they do: 0, 1, 2, 3 or more."""
    names = (*(str(count) for count in range(MOST_OVERLAPS)), f"{MOST_OVERLAPS} or more")
    return Strata("others at the same time", names, np.minimum(count_overlaps(problem.references), MOST_OVERLAPS))


def snr_strata(problem: DetectionProblem, snr_db: Floats, edges_db: Sequence[float] = SNR_EDGES_DB) -> Strata:
    """References by SNR: snr_db (rows of the references' table,), NaN where unknown."""
    values = snr_db[problem.references.row]
    bounds = list(edges_db)
    names = (
        f"below {bounds[0]:g} dB",
        *(f"{low:g} to {high:g} dB" for low, high in pairwise(bounds)),
        f"{bounds[-1]:g} dB or more",
    )
    return Strata("SNR", names, np.where(np.isnan(values), -1, np.searchsorted(bounds, values, side="right")))


def recall_by(problem: DetectionProblem, outcomes: Outcomes, strata: Strata, *, seed: int = 0) -> pl.DataFrame:
    """One row per stratum that holds a reference: by, stratum, references, found, recall, low, high, units.

    Recall is that of the references counted in the stratum, its interval over the units that hold one (null below
    eight of them).
    """
    unit = problem.unit_of(problem.references)
    rows = []
    for number, name in enumerate(strata.names):
        chosen = outcomes.counted & (strata.number == number)
        if not chosen.any():
            continue
        held = np.bincount(unit[chosen], minlength=problem.units).astype(np.float64)
        found = np.bincount(unit[chosen & outcomes.found], minlength=problem.units).astype(np.float64)
        statistics = np.stack([found, held], axis=1)[held > 0]
        share, units = float(found.sum() / held.sum()), int((held > 0).sum())
        low, high = share_of_units(share, statistics, seed)
        rows.append((strata.by, name, int(held.sum()), int(found.sum()), share, low, high, units))
    return pl.DataFrame(rows, schema=_COLUMNS, orient="row")


def share_of_units(
    share: float, statistics: Floats, seed: int = 0, units: int | None = None
) -> tuple[float | None, float | None]:
    """95 % interval of a ratio of sums over units, statistics (units, 2), of which `units` count (default: all).

    (None, None) where fewer than MIN_UNITS count.
    """
    counting = len(statistics) if units is None else units
    if counting < MIN_UNITS:
        return None, None
    counted = Counted(statistics, lambda sums: divide(sums[:, 0], sums[:, 1]))
    low, high, _ = share_interval(share, resample(counted, len(statistics), 2000, seed), counting, CONFIDENCE)
    return low, high


_COLUMNS = {
    "by": pl.String,
    "stratum": pl.String,
    "references": pl.Int64,
    "found": pl.Int64,
    "recall": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "units": pl.Int64,
}
