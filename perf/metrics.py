"""Two thousand resamples of macro mAP, AUROC and accuracy: ours against copying examples into scikit-learn."""

from __future__ import annotations

import time

import numpy as np
from sklearn import metrics as peer

from machine import probe_line
from tymbal.evaluation import estimate

EXAMPLES, CLASSES, RESAMPLES, PEER_RESAMPLES = 10_000, 50, 2000, 5


def seconds(work: object) -> float:
    """CPU seconds of one call."""
    start = time.process_time()
    work()  # type: ignore[operator]
    return time.process_time() - start


def main() -> None:
    """Print CPU seconds and ratios; scikit-learn's are for PEER_RESAMPLES, scaled."""
    random = np.random.default_rng(0)
    reference = random.integers(0, CLASSES, EXAMPLES)
    scores = random.normal(size=(EXAMPLES, CLASSES))
    scores[np.arange(EXAMPLES), reference] += 1.5
    member, said = reference[:, None] == np.arange(CLASSES), scores.argmax(axis=1)

    def copied(measure: object) -> float:
        drawn = [random.integers(0, EXAMPLES, EXAMPLES) for _ in range(PEER_RESAMPLES)]
        return seconds(lambda: [measure(rows) for rows in drawn]) * RESAMPLES / PEER_RESAMPLES  # type: ignore[operator]

    peers = {
        "map": copied(lambda rows: peer.average_precision_score(member[rows], scores[rows], average="macro")),
        "auroc": copied(lambda rows: peer.roc_auc_score(member[rows], scores[rows], average="macro")),
        "accuracy": copied(lambda rows: peer.accuracy_score(reference[rows], said[rows])),
    }
    print(probe_line())
    print(f"{EXAMPLES:,} examples, {CLASSES} classes, {RESAMPLES:,} resamples; CPU seconds")
    for name, theirs in peers.items():
        given = said if name == "accuracy" else scores
        for groups, unit in ((None, "example"), (random.integers(0, 41, EXAMPLES).tolist(), "session of 41")):

            def ours(name: str = name, given: np.ndarray = given, groups: list[int] | None = groups) -> None:
                estimate(name, reference, given, groups=groups, unit_name="unit", resamples=RESAMPLES)

            took = min(seconds(ours) for _ in range(2))
            print(
                f"{name:9s} unit = {unit:14s} ours {took:8.3f}  scikit-learn {theirs:8.1f}  ratio {theirs / took:7.0f}"
            )


if __name__ == "__main__":
    main()
