"""The official splits, and what a leaked recordist looks like."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from sklearn.model_selection import train_test_split
from tests.benchmarks import replicas

from tymbal.benchmarks import benchmark_sets, splits, to_corpus, verify
from tymbal.errors import DataError


def test_stratified_is_two_draws_of_rows_as_the_script_makes_them() -> None:
    labels = ["a", "b", "c"] * 10
    rows = list(zip(range(30), labels, strict=True))
    train, held = train_test_split(rows, test_size=0.4, random_state=42, shuffle=True, stratify=labels)
    validation, test = train_test_split(held, test_size=0.5, random_state=42, stratify=[label for _, label in held])
    folds = splits.stratified(labels)
    for name, part in (("train", train), ("validation", validation), ("test", test)):
        assert {row for row, fold in enumerate(folds) if fold == name} == {row for row, _ in part}
    assert Counter(zip(labels, folds, strict=True)) == {
        (label, fold): count for label in "abc" for fold, count in (("train", 6), ("validation", 2), ("test", 2))
    }


def test_numbers_and_text_are_drawn_apart() -> None:
    labels = [2, 10, 100] * 20  # as text 10 < 100 < 2
    assert splits.stratified(labels) != splits.stratified([str(label) for label in labels])


def test_recordists_by_hand() -> None:
    # Python's generator with seed 42 shuffles a b c d e to d b c e a; 3 train, 1 validation, 1 test
    folds = splits.by_recordist(list("abcdeabcde"))
    wanted = {"d": "train", "b": "train", "c": "train", "e": "validation", "a": "test"}
    assert folds == [wanted[name] for name in "abcdeabcde"]


def test_chunks_by_hand() -> None:
    assert [splits.by_chunk(chunk, 5) for chunk in range(5)] == ["train"] * 3 + ["validation", "test"]
    wanted = ["train"] * 60 + ["validation"] * 20 + ["test"] * 20  # at 0.6 and 0.8 the next fold begins
    assert [splits.by_chunk(chunk, 100) for chunk in range(100)] == wanted
    assert [splits.by_file(file) for file in range(12)] == ["train"] * 6 + ["validation"] * 3 + ["test"] * 3


def codes(data: Path, name: str) -> list[str]:
    (described,) = benchmark_sets("beans", [name])
    return [each.code for each in verify(data, described).departures]


HONEST = splits.by_recordist


def by_clip(recordists: Sequence[str]) -> list[str]:
    """Planted: clips drawn without a look at who recorded them."""
    return splits.stratified(["x", "y"] * (len(recordists) // 2))


def one_leaks(recordists: Sequence[str]) -> list[str]:
    """Planted: one clip of a test recordist in training."""
    folds = HONEST(recordists)
    folds[list(recordists).index("a")] = "train"
    return folds


@pytest.mark.parametrize("planted", [by_clip, one_leaks])
def test_a_leaked_recordist_is_caught(
    planted: Callable[[Sequence[str]], list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = replicas.cbi(tmp_path)
    (described,) = benchmark_sets("beans", ["cbi"])
    assert "leak" not in codes(data, "cbi")
    monkeypatch.setattr(splits, "by_recordist", planted)
    assert "leak" in codes(data, "cbi")
    with pytest.raises(DataError, match="tear"):
        to_corpus(data, described, tmp_path / "out")
