"""The published table: whole, and true to itself."""

from __future__ import annotations

import polars as pl
import pytest

from tymbal.benchmarks import published
from tymbal.benchmarks.published import METRICS, SOURCES, table
from tymbal.errors import UsageError


def test_every_row_has_a_source_and_a_share() -> None:
    whole = table()
    assert whole.height == 1522
    assert set(whole["source"]) == set(SOURCES)
    assert whole.select("model", "dataset", "metric", "benchmark").is_duplicated().sum() == 0
    assert whole["value"].is_between(0, 1).all()


def test_values_by_hand() -> None:
    rows = published("beans", "watkins", "accuracy")
    assert dict(rows.filter(rows["source"] == "2210.14493").select("model", "value").iter_rows())["AVES-bio"] == 0.879
    assert rows["value"].is_sorted(descending=True)
    hsn = published("birdset", "HSN", "cmap")
    assert ("ConvNeXt-LT", 0.47) in hsn.select("model", "value").rows()
    assert published("what-matters", "watkins", "nmi").height == 20
    assert published("beans", "watkins", "ari").is_empty()


def test_means_are_the_means_of_their_sets() -> None:
    whole = table()
    sets = ["watkins", "cbi", "humbugdb", "bats", "dogs", "esc50"]
    part = whole.filter(whole["dataset"].is_in(sets) & (whole["metric"] == "retrieval_auc"))
    means = dict(part.group_by("model").agg(pl.col("value").mean()).iter_rows())
    for model, value in (
        published("what-matters", "MEAN:beans_cls", "retrieval_auc").select("model", "value").iter_rows()
    ):
        assert means[model] == pytest.approx(value, abs=0.0012)


def test_unknown_names_are_refused() -> None:
    with pytest.raises(UsageError, match="no benchmark"):
        published("bean", "watkins", "accuracy")
    with pytest.raises(UsageError, match="no set"):
        published("beans", "whales", "accuracy")
    assert set(METRICS["map"]) <= {*table()["metric"]}
