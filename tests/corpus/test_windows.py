"""Windows and their label sets, worked by hand and against a twin; planted departures from the rule are caught."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from tymbal.corpus import Corpus, index, label_windows, make_split, window_labels
from tymbal.corpus import windows as room
from tymbal.errors import DataError, UsageError


def by_the_rule(events: list[tuple[float, float]], start: float, width: float) -> bool:
    """One window, one label: the rule as the sentence says it."""
    end = start + width
    for onset, offset in events:
        if onset <= start and end <= offset:
            return True
        if (start <= onset <= end or start <= offset <= end) and min(width, offset - onset) != 0:
            overlap = (min(end, offset) - max(start, onset)) / min(end - start, offset - onset)
            if overlap > 0.2:
                return True
    return False


@settings(max_examples=80, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), width=st.sampled_from([2.0, 4.0, 10.0]))
def test_labels_equal_the_rule_one_by_one(seed: int, width: float) -> None:
    random = np.random.default_rng(seed)
    count = int(random.integers(0, 6))
    onsets = random.integers(0, 40, count) / 2  # half seconds: many edges meet, many shares are exactly 20 %
    offsets = onsets + random.integers(0, 30, count) / 2
    labels = random.integers(0, 3, count)
    starts = np.arange(8.0)
    found = window_labels(onsets, offsets, labels, starts_s=starts, window_s=width, classes=3)
    for window, label in np.ndindex(8, 3):
        own = [(float(a), float(b)) for a, b, c in zip(onsets, offsets, labels, strict=True) if c == label]
        assert found[window, label] == by_the_rule(own, float(starts[window]), width)


# window [0, 10]: 20 % exactly of the window, a little more, 20 % exactly of a short event, a little more, covered
HAND = [((8.0, 30.0), False), ((7.9, 30.0), True), ((9.0, 14.0), False), ((8.9, 13.9), True), ((-1.0, 11.0), True)]
HAND += [((5.0, 5.0), False), ((10.0, 12.0), False), ((2.0, 3.0), True)]


def check_label_rule() -> None:
    for (onset, offset), wanted in HAND:
        found = window_labels(
            np.array([onset]), np.array([offset]), np.array([0]), starts_s=np.array([0.0]), window_s=10.0, classes=1
        )
        assert bool(found[0, 0]) is wanted, (onset, offset)


def test_the_label_rule_by_hand() -> None:
    check_label_rule()


@pytest.mark.parametrize("planted", [0.2 - 1e-12, 0.25, 0.0])
def test_a_planted_threshold_is_caught(planted: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "OVERLAP", planted)  # the first one makes "> 0.2" into ">= 0.2"
    with pytest.raises(AssertionError):
        check_label_rule()


def make_corpus(folder: Path, *, coverage: str | None) -> Corpus:
    """Two recordings of 6 s and one of 1 s; three events of two labels, overlapping, in the first."""
    for name, seconds in (("a.wav", 6.0), ("b.wav", 6.0), ("c.wav", 1.0)):
        soundfile.write(folder / name, np.zeros(int(seconds * 1000)), 1000)
    (folder / "events.csv").write_text(
        "recording,onset_s,offset_s,label\na.wav,0.5,2.5,owl\na.wav,2.3,2.6,frog\na.wav,5.7,5.9,owl\n"
    )
    if coverage is not None:
        (folder / "coverage.csv").write_text(coverage)
    corpus = index(
        folder,
        out=folder / "corpus",
        annotations=[folder / "events.csv"],
        coverage=folder / "coverage.csv" if coverage is not None else None,
        workers=1,
    )
    make_split(corpus, "folds", by="recording", folds=2)
    return corpus


def test_windows_of_a_corpus_by_hand(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path, coverage="recording,start_s,end_s\na.wav,0,6\nb.wav,0.5,4.9\nc.wav,0,1\n")
    table = label_windows(corpus, "label", "folds", window_s=2.0, hop_s=1.0)
    own = table.filter(pl.col("recording") == "a.wav")
    assert own["onset_s"].to_list() == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert own["labels"].to_list() == [["owl"], ["frog", "owl"], ["frog", "owl"], [], ["owl"]]
    other = table.filter(pl.col("recording") == "b.wav")  # 4.4 s hold three windows of 2 s, all of them empty
    assert other["onset_s"].to_list() == [0.5, 1.5, 2.5]
    assert other["labels"].to_list() == [[], [], []]
    assert set(table["recording"]) == {"a.wav", "b.wav"}  # a second holds no window of two
    assert table["event_id"].n_unique() == table.height
    assert table.select("group", "fold").null_count().row(0) == (0, 0)
    assert table["fold"].n_unique() == 2


def test_without_coverage_an_empty_window_says_nothing(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path, coverage=None)
    with pytest.raises(DataError, match=r"no coverage.*--complete"):
        label_windows(corpus, "label", "folds", window_s=2.0, hop_s=1.0)


def test_windows_that_cannot_be(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path, coverage="recording,start_s,end_s\na.wav,0,6\n")
    with pytest.raises(UsageError, match="hop_s is 0"):
        label_windows(corpus, "label", "folds", window_s=2.0, hop_s=0.0)
    with pytest.raises(DataError, match="no covered stretch is as long as a window of 7 s"):
        label_windows(corpus, "label", "folds", window_s=7.0, hop_s=1.0)


def test_stretches_listened_to_for_some_labels_are_left_out(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path, coverage="recording,start_s,end_s,labels\na.wav,0,6,\nb.wav,0,6,owl\n")
    table = label_windows(corpus, "label", "folds", window_s=2.0, hop_s=2.0)
    assert set(table["recording"]) == {"a.wav"}
