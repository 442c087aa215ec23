from __future__ import annotations

from collections.abc import Callable

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tymbal.corpus import Corpus, make_split, parse_folds
from tymbal.corpus.corpus import write_table
from tymbal.corpus.groups import straddling
from tymbal.corpus.splits import is_counter
from tymbal.errors import CorpusError, DataError, UsageError

Make = Callable[..., Corpus]

CATS = {
    "recording": [f"{cat}_{session}_{take}.wav" for cat in "ABCD" for session in "123" for take in "12"],
    "individual": [cat for cat in "ABCD" for _ in range(6)],
    "session": [session for _ in "ABCD" for session in "112233"],
    "published": [str(number % 2) for number in range(24)],
}


def test_groups_are_whole_every_example_once_and_again_the_same(make_corpus: Make) -> None:
    corpus = make_corpus(CATS, label="individual")
    report = make_split(corpus, "s", by="individual+session", folds=3, stratify="individual", seed=7)
    folds = corpus.folds("s")
    assert folds.height == 24
    assert folds["recording"].is_unique().all()
    assert straddling(folds["group"].to_list(), folds["fold"].to_list()) == []
    assert report.groups == 12
    assert report.missing == {}
    assert report.largest_deviation == pytest.approx(0)  # 3 sessions of every cat: one for each fold
    assert report.imbalance <= report.random_imbalance
    again = make_split(corpus, "s", by="individual+session", folds=3, stratify="individual", seed=7)
    assert corpus.folds("s").equals(folds)
    assert again.folds.equals(report.folds)
    assert Corpus.open(corpus.path).folds("s").equals(folds)


def test_several_schemes_live_side_by_side_and_unknown_ones_are_named(make_corpus: Make) -> None:
    corpus = make_corpus(CATS)
    make_split(corpus, "cats", by="individual", folds="each")
    make_split(corpus, "thirds", folds={"train": 0.5, "validation": 0.25, "test": 0.25})
    assert corpus.schemes == ["cats", "thirds"]
    assert sorted(corpus.folds("cats")["fold"].unique()) == ["A", "B", "C", "D"]
    assert dict(corpus.folds("thirds")["fold"].value_counts().iter_rows()) == {"train": 12, "validation": 6, "test": 6}
    with pytest.raises(CorpusError, match=r"no split 'x' \(allowed: cats, thirds\)"):
        corpus.folds("x")


def test_published_folds_are_kept_or_refused(make_corpus: Make) -> None:
    corpus = make_corpus(CATS)
    make_split(corpus, "p", folds="published")
    told = dict(corpus.recordings.select("recording", "published").iter_rows())
    assert dict(corpus.folds("p").select("recording", "fold").iter_rows()) == told
    with pytest.raises(DataError, match="tear 4 groups of individual"):
        make_split(corpus, "p", by="individual", folds="published")
    with pytest.raises(DataError, match="no column 'nope' with published folds"):
        make_split(corpus, "p", folds="nope")


def test_events_follow_their_recording_and_metadata(make_corpus: Make) -> None:
    events = {
        "recording": ["A_1_1.wav", "A_1_1.wav", "B_2_1.wav", "C_3_2.wav"],
        "onset_s": [0.0, 0.1, 0.0, 0.0],
        "offset_s": [0.1, 0.2, 0.1, 0.1],
        "label": ["x", "y", "x", "y"],
    }
    corpus = make_corpus(CATS, events)
    make_split(corpus, "s", by="individual", folds=4, stratify="label")
    examples = corpus.examples("label", scheme="s")
    assert examples["group"].to_list() == ["A", "A", "B", "C"]
    assert examples["fold"].n_unique() == 3
    assert examples["individual"].to_list() == ["A", "A", "B", "C"]
    whole = corpus.folds("s").filter(pl.col("event_id").is_null())
    assert whole.height == 24
    make_split(corpus, "r", by="event", folds=2)
    assert corpus.folds("r")["group"].n_unique() == 28


def test_too_few_groups_say_where_counters_restart(make_corpus: Make) -> None:
    corpus = make_corpus(CATS)
    with pytest.raises(DataError, match="restart in every individual: group by individual\\+session"):
        make_split(corpus, "s", by="session", folds=5)
    with pytest.raises(DataError, match="4 groups"):
        make_split(corpus, "s", by="individual", folds=5)


@pytest.mark.parametrize("folds", [{"train": 0.9, "test": 0.3}, {"train": 1.0}, {"train": 1.2, "test": -0.2}])
def test_shares_that_are_none_are_refused(make_corpus: Make, folds: dict[str, float]) -> None:
    with pytest.raises(DataError, match=r"folds: shares .* summing to 1"):
        make_split(make_corpus(CATS), "s", folds=folds)


@pytest.mark.parametrize("folds", [1, 0, -2, 2.5, True])
def test_impossible_folds_are_refused(make_corpus: Make, folds: object) -> None:
    with pytest.raises(UsageError, match=f"folds is {folds!r} .allowed: 2 or more, 'each', shares"):
        make_split(make_corpus(CATS), "s", folds=folds)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["../evil", "", ".hidden", "-o", "a b", "x" * 101])
def test_names_that_files_and_command_lines_cannot_carry_are_refused(make_corpus: Make, name: str) -> None:
    with pytest.raises(UsageError, match="name is "):
        make_split(make_corpus(CATS), name)


@given(
    groups=st.lists(st.sampled_from("abcdefgh"), min_size=8, max_size=24),
    labels=st.lists(st.sampled_from("xyz"), min_size=24, max_size=24),
    folds=st.integers(2, 4),
    seed=st.integers(0, 5),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_group_is_ever_in_two_folds(
    make_corpus: Make, groups: list[str], labels: list[str], folds: int, seed: int
) -> None:
    corpus = _fake(make_corpus, groups, labels[: len(groups)])
    if len(set(groups)) < folds:
        with pytest.raises(DataError):
            make_split(corpus, "s", by="site", folds=folds, stratify="kind", seed=seed)
        return
    report = make_split(corpus, "s", by="site", folds=folds, stratify="kind", seed=seed)
    table = corpus.folds("s")
    assert sorted(table["recording"]) == sorted(corpus.recordings["recording"])
    assert straddling(table["group"].to_list(), table["fold"].to_list()) == []
    assert table["fold"].n_unique() == folds
    assert report.folds["examples"].sum() == len(groups)


_made: list[Corpus] = []


def _fake(make_corpus: Make, groups: list[str], labels: list[str]) -> Corpus:
    if not _made or not _made[0].path.exists():
        _made[:] = [make_corpus({"recording": ["a.wav"]})]
    corpus = Corpus(_made[0].path, _made[0].root)
    base = corpus.recordings.drop("recording", "site")
    rows = pl.concat([base] * len(groups)).with_columns(
        recording=pl.Series([f"{number}.wav" for number in range(len(groups))]),
        site=pl.Series(groups),
        kind=pl.Series(labels),
    )
    corpus._tables["recordings"] = rows
    write_table(corpus.path / "splits.parquet", corpus.splits.clear())
    return corpus


def test_counters() -> None:
    assert is_counter(pl.Series(["1", "2", "3", "1"]))
    assert is_counter(pl.Series(["00", "01", "02"]))
    assert not is_counter(pl.Series(["2019", "2020"]))
    assert not is_counter(pl.Series(["a", "b"]))
    assert not is_counter(pl.Series(["1", "1"]))


def test_folds_as_written() -> None:
    assert parse_folds("5") == 5
    assert parse_folds("each") == "each"
    assert parse_folds("train=0.6, test=0.4") == {"train": 0.6, "test": 0.4}
    with pytest.raises(DataError, match="no list of shares"):
        parse_folds("train=a")
