"""Embedding scores: time means that leave padding out, test against test or against training."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import normalized_mutual_info_score

from tymbal.benchmarks import benchmark_sets
from tymbal.benchmarks.embeddings import embedding_scores, time_means
from tymbal.benchmarks.runner import Part
from tymbal.evaluation import cluster
from tymbal.features import Examples


def part(values: np.ndarray, labels: list[str], names: tuple[str, ...]) -> Part:
    """One frame of `values` (n, dim) and a frame of padding that holds rubbish."""
    frames = np.stack([values, np.full_like(values, 1e6)], axis=1).astype(np.float32)
    mask = np.tile(np.array([True, False]), (len(values), 1))
    table = pl.DataFrame({"event_id": [str(row) for row in range(len(values))]})
    units = tuple(f"u{row}" for row in range(len(values)))
    return Part(Examples({"last": frames}, {"last": mask}, table), tuple((name,) for name in labels), units, names)


def test_time_means_see_real_frames_only() -> None:
    values = np.array([[1.0, 2.0], [3.0, 4.0]])
    assert time_means(part(values, ["a", "b"], ("a", "b")), "last").tolist() == values.tolist()


def test_training_is_the_database_of_individuals() -> None:
    (owls,) = benchmark_sets("what-matters", ["littleowl"])
    test = part(np.array([[1.0, 0.1], [0.1, 1.0]]), ["a", "b"], ("a", "b"))
    train = part(np.array([[0.1, 1.0], [1.0, 0.1], [0.1, 1.1]]), ["a", "b", "b"], ("a", "b"))
    scores = embedding_scores({"train": train, "test": test}, owls, "last")
    # query a: its one positive (cosine .198) is above one negative (.189), below the other (1): 1/2;
    # query b: both positives (.99996 and .198) are below the negative (1): 0
    assert scores["retrieval_auc"].value == pytest.approx((0.5 + 0.0) / 2)
    within = embedding_scores({"train": train, "test": test}, replace(owls, retrieval="test"), "last")
    assert within == {}  # no other test clip of either


def test_clusters_are_as_many_as_labels_present() -> None:
    (esc,) = benchmark_sets("what-matters", ["esc50"])
    random = np.random.default_rng(0)
    values, labels = random.normal(size=(30, 3)), [("x", "y", "z")[row % 3] for row in range(30)]
    scores = embedding_scores({"test": part(values, labels, ("w", "x", "y", "z"))}, esc, "last")
    wanted = normalized_mutual_info_score(labels, cluster(values.astype(np.float32), 3))
    assert scores["nmi"].value == pytest.approx(wanted, abs=1e-9)
