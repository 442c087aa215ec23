from __future__ import annotations

import polars as pl

from tymbal.corpus.auditing.columns import determines, groupings, metadata_columns, units_per_label, words

CATS = pl.DataFrame(
    {
        "recording": [f"{n}.wav" for n in range(24)],
        "individual": [cat for cat in "ABCD" for _ in range(6)],
        "breed": [breed for breed in "PPQQ" for _ in range(6)],
        "context": ["food", "food", "brush"] * 8,
        "session": [str(n % 6 // 3 + 1) for n in range(24)],
        "take": [f"{n:02d}" for n in range(24)],
        "length_s": [f"{n / 7:.3f}" for n in range(24)],
        "weight": [f"{n % 5 + 0.5}" for n in range(24)],
        "fold": ["0", "1"] * 12,
        "tame": ["yes", "no"] * 12,
        "n_events": ["3", "4"] * 12,
    }
)


def test_words_of_names() -> None:
    assert words("src_file") == {"src", "file"}
    assert words("recordingSite2") == {"recording", "site"}


def test_only_columns_that_can_group_are_looked_at() -> None:
    assert metadata_columns(CATS, "individual") == ["breed", "context", "session"]


def test_counters_are_crossed_and_what_the_label_determines_is_left_out() -> None:
    found = {each.name: each for each in groupings(CATS, "individual")}
    assert set(found) == {"context", "individual+context+session"}
    crossed = found["individual+context+session"]
    assert crossed.crossed
    assert crossed.named
    assert len(crossed.sizes) == 16
    assert not found["context"].named


def test_an_alias_of_the_label_groups_nothing() -> None:
    table = CATS.with_columns(target=pl.col("individual").replace_strict({"A": "0", "B": "1", "C": "2", "D": "3"}))
    assert {each.name for each in groupings(table, "individual")} == {"context", "individual+context+session"}


def test_events_without_one_label_per_recording_can_still_be_grouped() -> None:
    table = CATS.with_columns(label=pl.lit(None, dtype=pl.String))
    named = {each.name for each in groupings(table, "label") if each.named}
    assert "individual" in named


def test_determines() -> None:
    assert determines(["a", "b", "a"], ["x", "x", "x"])
    assert not determines(["a", "a"], ["x", "y"])
    assert determines(["a", "a", None], ["x", None, "y"])
    assert not determines([None, None], ["x", "y"])
    assert units_per_label(["a", "a", None, "b"], ["x", "y", "x", None]) == {"a": {"x", "y"}}
