"""The table of published numbers that ships."""

from __future__ import annotations

from tymbal.benchmarks.fewshot import BENCHMARKS
from tymbal.benchmarks.fewshot.published import SOURCES, published_rows, table


def test_every_number_is_a_share_with_a_source() -> None:
    numbers = table()
    assert set(numbers["benchmark"].to_list()) <= set(BENCHMARKS)
    assert set(numbers["source"].to_list()) == set(SOURCES)
    assert numbers["value"].is_between(0, 1).all()
    assert numbers.select("benchmark", "dataset", "model", "metric").is_duplicated().sum() == 0


def test_f_lies_between_precision_and_recall_where_all_are_given() -> None:
    rows = published_rows("dcase5")
    baseline = dict(rows.filter(rows["model"] == "official baseline").select("metric", "value").rows())
    assert set(baseline) == {"f", "precision", "recall"}
    low, high = sorted((baseline["precision"], baseline["recall"]))
    assert low < baseline["f"] < high


def test_nothing_is_published_by_set_of_fasd13() -> None:
    assert published_rows("fasd13").is_empty()
