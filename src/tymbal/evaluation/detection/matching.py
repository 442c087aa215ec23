"""Which prediction found which reference: one to one, as many pairs as there can be, and among those the best.

Boxes that overlap fall into connected components, nearly all of them a single pair. Those, stars and components of up
to four by four are solved together by table; larger ones one by one (Jonker-Volgenant, scipy); components beyond
`LARGEST` cells keep the number of pairs (Hopcroft-Karp, scipy) and give up the sum of IoU.
"""

from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np
from scipy import sparse
from scipy.optimize import linear_sum_assignment
from scipy.sparse.csgraph import connected_components, maximum_bipartite_matching

from tymbal.errors import DataError
from tymbal.evaluation.detection.boxes import Booleans, Floats, Integers, Pairs, overlapping_pairs

LARGEST = 1_000_000  # references times predictions of a component for which the summed IoU is still maximised
_TABLE = 4  # references and predictions of a component solved by trying all permutations


def match_boxes(
    references: Any,
    predictions: Any,
    *,
    minimum_iou: float,
    reference_group: Any = None,
    prediction_group: Any = None,
) -> Pairs:
    """Match references (n, 2 | 4) and predictions (m, 2 | 4) one to one at IoU > `minimum_iou`.

    The number of pairs is the largest possible; among the matchings of that size the summed IoU is the largest (in
    components of more than LARGEST cells only the number is). Equal sums are decided by the order of the rows, so the
    answer is always the same. Pairs come in the order of the references.

    Arguments and errors as `overlapping_pairs`: groups (a recording, a class in a recording) keep boxes apart.
    """
    pairs = overlapping_pairs(
        references,
        predictions,
        minimum_iou=minimum_iou,
        reference_group=reference_group,
        prediction_group=prediction_group,
    )
    return assign(pairs, len(references), len(predictions))


def assign(pairs: Pairs, references: int, predictions: int) -> Pairs:
    """The matching of `match_boxes` out of pairs that may be matched, among so many references and predictions."""
    alone = (np.bincount(pairs.reference, minlength=references)[pairs.reference] == 1) & (
        np.bincount(pairs.prediction, minlength=predictions)[pairs.prediction] == 1
    )
    taken = alone.copy()
    rest = np.flatnonzero(~alone)
    if len(rest):
        taken[rest[_assign_components(pairs.take(rest), references, predictions)]] = True
    return _in_order(pairs, taken, references)


def _in_order(pairs: Pairs, taken: Booleans, references: int) -> Pairs:
    """The pairs taken, in the order of the references; each reference is in one at most."""
    place = np.full(references, -1, dtype=np.int64)
    place[pairs.reference[taken]] = np.flatnonzero(taken)
    return pairs.take(place[place >= 0])


def _numbered(rows: Integers, count: int) -> tuple[Integers, int]:
    """Rows renumbered 0 ... k-1 in their order, and k."""
    held = np.zeros(count, dtype=bool)
    held[rows] = True
    return (np.cumsum(held) - 1)[rows], int(held.sum())


def _assign_components(pairs: Pairs, references: int, predictions: int) -> Integers:
    """Numbers of the pairs taken."""
    left, lefts = _numbered(pairs.reference, references)
    right, rights = _numbered(pairs.prediction, predictions)
    size = lefts + rights
    graph = sparse.coo_array((np.ones(len(left), dtype=bool), (left, right + lefts)), shape=(size, size))
    _, component = connected_components(graph, directed=False)
    wide, tall = (np.bincount(part, minlength=component.max() + 1) for part in (component[:lefts], component[lefts:]))
    row, column = _within(component[:lefts])[left], _within(component[lefts:])[right]
    of = component[left].astype(np.int64)
    larger = np.maximum(wide, tall)[of]
    star = np.minimum(wide, tall)[of] == 1
    taken = [_stars(np.flatnonzero(star), of, pairs.iou)]
    for side in range(2, _TABLE + 1):
        chosen = np.flatnonzero(~star & (larger == side))
        taken.append(chosen[_by_table(of[chosen], row[chosen], column[chosen], pairs.iou[chosen], side)])
    chosen = np.flatnonzero(~star & (larger > _TABLE))
    order = chosen[np.argsort(of[chosen], kind="stable")]
    for part in np.split(order, np.flatnonzero(np.diff(of[order])) + 1):
        if len(part):
            taken.append(part[_one(row[part], column[part], pairs.iou[part])])
    return np.concatenate(taken)


def _within(component: Integers) -> Integers:
    """Number of each node among those of its component, in order."""
    order = np.argsort(component, kind="stable")
    counts = np.bincount(component)
    within = np.empty(len(component), dtype=np.int64)
    within[order] = np.arange(len(component)) - np.repeat(np.cumsum(counts) - counts, counts)
    return within


def _stars(chosen: Integers, of: Integers, iou: Floats) -> Integers:
    """The pair of the highest IoU in each component of one reference or one prediction."""
    order = chosen[np.lexsort((-iou[chosen], of[chosen]))]
    return order[np.r_[True, np.diff(of[order]) > 0]] if len(order) else order


def _by_table(of: Integers, row: Integers, column: Integers, iou: Floats, side: int) -> Integers:
    """Pairs taken in components of at most side x side nodes: the best of all permutations, all components at once."""
    if not len(of):
        return np.zeros(0, dtype=np.int64)
    number = np.unique(of, return_inverse=True)[1]
    gain = np.zeros((int(number.max()) + 1, side, side))
    gain[number, row, column] = iou + (side + 1)  # one pair more outweighs every sum of IoU
    ways = np.array(list(permutations(range(side))))
    total = gain[:, np.arange(side), ways].sum(axis=2)  # (components, ways)
    best = ways[total.argmax(axis=1)]
    return np.flatnonzero(best[number, row] == column)


def _one(row: Integers, column: Integers, iou: Floats) -> Integers:
    """Pairs taken in one component."""
    shape = int(row.max()) + 1, int(column.max()) + 1
    partner = np.full(shape[0], -1, dtype=np.int64)
    if shape[0] * shape[1] <= LARGEST:
        gain = np.zeros(shape)
        gain[row, column] = iou + (min(shape) + 1)
        rows, columns = linear_sum_assignment(gain, maximize=True)
        partner[rows] = columns
    else:
        graph = sparse.csr_array((np.ones(len(row), dtype=bool), (row, column)), shape=shape)
        graph.sort_indices()
        partner[:] = maximum_bipartite_matching(graph, perm_type="column")
    return np.flatnonzero(partner[row] == column)


def match_by_score(pairs: Pairs, scores: Any, references: int) -> Pairs:
    """Match greedily as COCO does: in descending score every prediction takes the free reference of highest IoU.

    pairs : what may be matched (`overlapping_pairs`); scores (m,) of all predictions; references = how many there are.
    Equal scores are served in the order of the predictions; equal IoU goes to the first reference. Not the largest
    matching, but a prediction's fate depends on higher scores alone, so one pass serves every threshold.

    References all prefer the higher score, so serving in turn is the one stable matching: every round all free
    predictions propose to their best reference left, which keeps the highest score (Gale and Shapley 1962).
    """
    values = np.asarray(scores, dtype=np.float64)
    if values.ndim != 1 or np.isnan(values).any() or (len(pairs.prediction) and len(values) <= pairs.prediction.max()):
        raise DataError(
            f"scores of shape {values.shape}, or NaN among them", where="scores", allowed="a number for each prediction"
        )
    rank = np.empty(len(values), dtype=np.int64)
    rank[np.argsort(-values, kind="stable")] = np.arange(len(values))
    order = np.lexsort((pairs.reference, -pairs.iou, rank[pairs.prediction]))
    reference, turn = pairs.reference[order], rank[pairs.prediction[order]]
    last = np.r_[np.diff(turn) > 0, True] if len(turn) else np.zeros(0, dtype=bool)
    holder = np.full(references, -1, dtype=np.int64)  # number of the proposal each reference holds
    asking = np.flatnonzero(np.r_[True, last[:-1]]) if len(turn) else np.zeros(0, dtype=np.int64)
    while len(asking):
        wanted = reference[asking]
        held = holder[wanted]
        stake = np.unique(np.concatenate([asking, held[held >= 0]]))
        # the last write wins, so the highest score (the first turn) is written last
        stake = stake[np.argsort(-turn[stake], kind="stable")]
        holder[reference[stake]] = stake
        lost = stake[holder[reference[stake]] != stake]
        asking = lost[~last[lost]] + 1
    taken = np.zeros(len(order), dtype=bool)
    taken[order[holder[holder >= 0]]] = True
    return _in_order(pairs, taken, references)
