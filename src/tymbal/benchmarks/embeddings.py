"""Scores of an embedding alone, as the 26-set suite has them: retrieval by cosine and K-means, on time means."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from tymbal.benchmarks.dataset import TEST, TRAIN, BenchmarkSet
from tymbal.benchmarks.runner import Part
from tymbal.evaluation import RETRIEVAL, Estimate, cluster, estimate_clustering, estimate_retrieval, retrieve

CLUSTERING_NAMES = ("nmi", "ari")


def time_means(part: Part, layer: str) -> NDArray[np.float64]:
    """Mean over the real frames of one layer, (n, dim)."""
    values, mask = part.examples.features[layer], part.examples.masks[layer]
    total = np.where(mask[..., None], values, 0).sum(axis=1, dtype=np.float64)
    return np.asarray(total / mask.sum(axis=1)[:, None])


def embedding_scores(parts: Mapping[str, Part], described: BenchmarkSet, layer: str) -> dict[str, Estimate]:
    """The retrieval and clustering metrics that the set reports, of one layer: {metric: Estimate}.

    Retrieval ranks all test examples for each, or for sets of individuals the training examples for each test
    example. K-means gets as many clusters as there are labels among the test examples, one label each; sets of
    several labels per example have no clustering.
    """
    wanted = set(described.metrics)
    test = parts[TEST]
    values = time_means(test, layer)
    found: dict[str, Estimate] = {}
    if wanted & set(RETRIEVAL):
        database = None
        if described.retrieval == "train":
            train = parts[TRAIN]
            database = time_means(train, layer), train.membership()
        ranked = retrieve(values, test.membership(), database)
        found |= estimate_retrieval(ranked, groups=list(test.units), unit_name=described.unit_name)
    if wanted & set(CLUSTERING_NAMES) and not described.multilabel:
        truth = [names[0] for names in test.labels]
        kinds = len(set(truth))
        if 2 <= kinds <= len(truth):
            clusters = cluster(values, kinds).tolist()
            found |= estimate_clustering(truth, clusters, groups=list(test.units), unit_name=described.unit_name)
    return {name: row for name, row in found.items() if name in wanted}
