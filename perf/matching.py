"""Matching of boxes and mAP at 100,000 and 1,000,000 references, in CPU seconds and in sorts of the same onsets."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from machine import cpu_time, probe_line
from tymbal.evaluation.detection import average_precision, match_boxes, match_by_score, overlapping_pairs, pairwise_iou

IOU = 0.5
DENSE = 2000  # references of the dense peer: every pair is tested, one assignment over all


def scene(references: int, rate_hz: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """References of ~0.15 s, `rate_hz` a second; 1.2 predictions for each, 70 % of the references found about right."""
    random = np.random.default_rng(seed)
    count, span_s = int(1.2 * references), references / rate_hz

    def boxes(number: int) -> np.ndarray:
        onset = random.uniform(0, span_s, number)
        return np.stack([onset, onset + np.exp(random.normal(np.log(0.15), 0.5, number))], axis=1)

    truth = boxes(references)
    truth = truth[np.argsort(truth[:, 0])]
    found = random.choice(references, int(0.7 * references), replace=False)
    near = truth[found] + random.normal(0, 0.02, (len(found), 2))
    near[:, 1] = np.maximum(near[:, 1], near[:, 0] + 0.01)
    said = np.concatenate([near, boxes(count - len(found))])
    return truth, said, random.random(count)


def mean_average_precision(truth: np.ndarray, said: np.ndarray, scores: np.ndarray, classes: int) -> float:
    """mAP over `classes` classes, labels drawn at random."""
    random = np.random.default_rng(1)
    labels = random.integers(0, classes, len(truth)), random.integers(0, classes, len(said))
    pairs = overlapping_pairs(truth, said, minimum_iou=IOU, reference_group=labels[0], prediction_group=labels[1])
    right = np.zeros(len(said), dtype=bool)
    right[match_by_score(pairs, scores, len(truth)).prediction] = True
    values = [
        average_precision(right[labels[1] == number], scores[labels[1] == number], int((labels[0] == number).sum()))
        for number in range(classes)
    ]
    return float(np.mean(values))


def main() -> None:
    """Print CPU seconds, best of three, and ratios."""
    print(probe_line())
    print("references  rate/s   pairs     matched   match s  sorts   mAP s   Hopcroft-Karp alone s")
    for references, rate_hz in ((100_000, 2), (100_000, 20), (1_000_000, 2)):
        truth, said, scores = scene(references, rate_hz)
        pairs = overlapping_pairs(truth, said, minimum_iou=IOU)
        matched = match_boxes(truth, said, minimum_iou=IOU)
        took = cpu_time(lambda t=truth, s=said: match_boxes(t, s, minimum_iou=IOU), repeat=3)
        onsets = truth[:, 0].copy(), said[:, 0].copy()
        sort = cpu_time(lambda o=onsets: (np.argsort(o[0], kind="stable"), np.argsort(o[1], kind="stable")), repeat=3)
        ranked = cpu_time(lambda t=truth, s=said, c=scores: mean_average_precision(t, s, c, 10), repeat=2)
        graph = csr_array(
            (np.ones(len(pairs.iou), bool), (pairs.reference, pairs.prediction)), shape=(len(truth), len(said))
        )
        flow = cpu_time(lambda g=graph: maximum_bipartite_matching(g, perm_type="column"), repeat=3)
        assert (maximum_bipartite_matching(graph, perm_type="column") >= 0).sum() == len(matched.iou)
        print(
            f"{references:10,}  {rate_hz:6d}  {len(pairs.iou):9,}  {len(matched.iou):9,}"
            f"  {took:7.3f}  {took / sort:5.1f}  {ranked:6.2f}  {flow:7.3f}"
        )
    truth, said, _ = scene(DENSE, 2)
    count = len(truth) * len(said)
    left, right = np.divmod(np.arange(count), len(said))

    def dense() -> None:
        iou = pairwise_iou(truth[left], said[right]).reshape(len(truth), len(said))
        linear_sum_assignment(np.where(iou > IOU, iou + len(truth), 0.0), maximize=True)

    theirs = cpu_time(dense, repeat=1)
    ours = cpu_time(lambda: match_boxes(truth, said, minimum_iou=IOU), repeat=5)
    ratio = theirs / ours
    print(f"{DENSE:,} references: ours {ours:.4f} s, all pairs and one assignment {theirs:.2f} s, {ratio:.0f} times")


if __name__ == "__main__":
    main()
