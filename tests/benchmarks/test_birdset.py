"""BirdSet on miniature copies: windows, quotas and folds by hand; pools, cut-down answers and planted departures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tests.benchmarks import replicas

from tymbal.benchmarks import BENCHMARKS, BenchConfig, Contents, benchmark_sets, run_benchmark, to_corpus, verify
from tymbal.benchmarks import birdset as room
from tymbal.benchmarks.birdset import Limits, event_quota, main_events, segment_of
from tymbal.benchmarks.dataset import BenchmarkSet
from tymbal.benchmarks.runner import cut_down
from tymbal.encoders import create_encoder
from tymbal.errors import DataError

QUICK = BenchConfig(heads=("logistic",), layers=("last",), frames=2)


def test_the_benchmark_as_published() -> None:
    sets = {described.name: described for described in BENCHMARKS["birdset"]}
    assert len(sets) == 8 + 7 + 7
    assert {name for name in sets if "-" not in name} == {*("POW", "PER", "NES", "UHH", "HSN", "NBP", "SSW", "SNE")}
    hsn = sets["HSN-LT"]
    assert (hsn.counts["test"], hsn.classes, hsn.recordings) == (12_000, 21, 17_460)
    assert hsn.train_on is not None
    assert (hsn.train_on.name, hsn.train_on.recordings, hsn.train_on.classes) == ("XCL", 528_434, 9_734)


@pytest.mark.parametrize(
    ("sizes", "per_class", "kept"),
    [
        ([7, 3, 1], 600, [7, 3, 1]),  # a rare class keeps all, however many a file has
        ([7, 3, 1], 5, [3, 3, 1]),  # 11 -> 7; the next cut would leave 3
        ([7, 3, 1], 3, [1, 1, 1]),
        ([6, 5, 5], 10, [5, 5, 5]),  # 16 -> 15, and then the largest has the five that are allowed
        ([4, 4], 5, [4, 4]),  # nothing lower to cut to
        ([1, 1, 1], 2, [1, 1, 1]),
        ([], 5, []),
    ],
)
def test_quotas_by_hand(sizes: list[int], per_class: int, kept: list[int]) -> None:
    assert event_quota(sizes, Limits(per_class, 5)) == kept


def test_main_events_by_hand() -> None:
    events = [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0], [6.0, 7.0]]
    assert main_events(events, [1, 0, -1, 1]) == [(0.0, 1.0), (6.0, 7.0)]
    assert main_events(events[:2], [1, 0]) == [(2.0, 3.0)]  # equal clusters: the lower number
    assert main_events(events[:1], [-1]) == [(0.0, 1.0)]  # a single event counts, noise or not
    assert main_events(events[:2], [-1, -1]) == main_events([], []) == [(0.0, 5.0)]


def test_segments_by_hand() -> None:
    assert segment_of((9.0, 11.0), 30.0) == (7.5, 12.5)
    assert segment_of((0.0, 1.0), 30.0) == (0.0, 5.0)
    assert segment_of((28.0, 30.0), 30.0) == (25.0, 30.0)
    assert segment_of((0.5, 1.0), 3.0) == (0.0, 3.0)


def check_set(data: Path) -> None:
    (described,) = benchmark_sets("birdset", ["HSN"])
    contents = verify(data, described).contents
    assert contents is not None
    table = contents.examples
    assert contents.labels == ("amerob", "norcar", "veery")
    first = table.filter(pl.col("recording").str.ends_with("XC000.ogg")).select("onset_s", "offset_s", "labels").rows()
    assert first == [(0.0, 5.0, ["amerob"]), (7.0, 12.0, ["amerob"])]  # the event of noise gives nothing
    test = table.filter(pl.col("fold") == "test")
    assert test.height == 9
    assert Counter(len(labels) for labels in test["labels"]) == {0: 3, 1: 3, 2: 3}
    assert test["unit"].unique().sort().to_list() == [f"HSN_00{n}_20200101_050000" for n in (1, 2, 3)]
    files = table.filter(pl.col("fold") != "test").group_by("recording").agg(pl.col("fold").n_unique(), pl.len())
    assert files["fold"].to_list() == [1] * 15  # no file is in training and validation
    assert Counter(files["len"]) == {2: 3, 1: 12}
    assert Counter(table.unique("recording")["fold"]) == {"train": 12, "validation": 3, "test": 9}


def test_a_set_by_hand(tmp_path: Path) -> None:
    check_set(replicas.birdset(tmp_path, "HSN", ("amerob", "norcar", "veery")))


def test_a_focal_window_carries_every_species_of_its_recording(tmp_path: Path) -> None:
    data = replicas.birdset(tmp_path, "HSN", ("amerob", "norcar", "veery"))
    path = data / "HSN/HSN_metadata_train.parquet"
    table = pl.read_parquet(path)
    both = [["veery", "amerob"], *table["ebird_code_multilabel"].to_list()[1:]]
    table.with_columns(pl.Series("ebird_code_multilabel", both)).write_parquet(path)
    (described,) = benchmark_sets("birdset", ["HSN"])
    contents = verify(data, described).contents
    assert contents is not None
    rows = contents.examples.filter(pl.col("recording").str.ends_with("XC000.ogg"))
    assert rows["labels"].to_list() == [["amerob", "veery"]] * 2


def test_a_pool_is_all_training_and_has_limits_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = replicas.pool(tmp_path, "XCM", ("amerob", "sora"))
    asked: list[Limits] = []

    def quota(sizes: Sequence[int], limits: Limits) -> list[int]:
        asked.append(limits)
        return event_quota(sizes, limits)

    monkeypatch.setattr(room, "event_quota", quota)
    found = room.read_pool(data / "XCM", room.XCM)
    assert found.labels == ("amerob", "sora")
    assert Counter(found.examples["fold"]) == {"train": 16}, "two events of every file: far from 500 of a species"
    assert asked == [Limits(500, 1)] * 2
    room.read_set(replicas.birdset(tmp_path, "HSN", ("amerob",)) / "HSN", room.HSN)
    assert asked[2:] == [Limits(600, 5)]


def a_soundscape_in_training(described: BenchmarkSet, folder: Path) -> Contents:
    found = described.read(folder, described)
    leaked = found.examples.filter(pl.col("fold") == "test").head(1).with_columns(fold=pl.lit("train"))
    return replace(found, examples=pl.concat([found.examples, leaked]))


def windows_drawn_alone(described: BenchmarkSet, folder: Path) -> Contents:
    """Training and validation drawn by window: a recording of two windows is in both."""
    found = described.read(folder, described)
    place = pl.int_range(pl.len()).over("recording")
    fold = pl.when(place > 0).then(pl.lit("validation")).otherwise(pl.col("fold"))
    return replace(found, examples=found.examples.with_columns(fold=fold))


@pytest.mark.parametrize("planted", [a_soundscape_in_training, windows_drawn_alone])
def test_a_leaked_recording_is_caught(planted: Callable[[BenchmarkSet, Path], Contents], tmp_path: Path) -> None:
    data = replicas.birdset(tmp_path, "HSN", ("amerob", "norcar", "veery"))
    (honest,) = benchmark_sets("birdset", ["HSN"])
    leaking = replace(honest, read=lambda folder, _: planted(honest, folder))
    assert "leak" not in [each.code for each in verify(data, honest).departures]
    (leak,) = [each for each in verify(data, leaking).departures if each.code == "leak"]
    assert leak.severity == "unexpected"
    with pytest.raises(DataError, match="tear"):
        to_corpus(data, leaking, tmp_path / "out")


@pytest.mark.parametrize(
    ("name", "planted"),
    [
        ("main_events", lambda events, clusters: [tuple(event) for event in events]),  # noise counts
        ("segment_of", lambda event, duration: (event[0], event[0] + 5.0)),  # not centred, past the end
        ("event_quota", lambda sizes, limits: [1] * len(sizes)),
    ],
)
def test_planted_departures_are_caught(
    name: str, planted: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = replicas.birdset(tmp_path, "HSN", ("amerob", "norcar", "veery"))
    monkeypatch.setattr(room, name, planted)
    with pytest.raises(AssertionError):
        check_set(data)


def test_answers_are_cut_down_to_the_test_species() -> None:
    scores = np.array([[0.9, 0.1, 0.3], [0.2, 0.8, 0.4]], dtype=np.float32)
    assert cut_down(scores, ("a", "b", "c"), ("c", "x", "b")).tolist() == [
        [pytest.approx(0.3), 0.0, pytest.approx(0.1)],
        [pytest.approx(0.4), 0.0, pytest.approx(0.8)],
    ]


def test_what_a_pool_lacks_is_said_of_every_set_that_leans_on_it(tmp_path: Path) -> None:
    data = replicas.birdset(tmp_path, "HSN", ("amerob", "norcar"))
    (described,) = benchmark_sets("birdset", ["HSN-MT"])
    found = verify(data, described)
    assert not found.ready
    assert [each.message.split(":")[0] for each in found.departures] == ["XCM", "POW"]
    assert "90 GB" in found.departures[0].mend
    assert "tar -xzf" in found.departures[0].mend


def test_dedicated_and_medium_training_end_to_end(tmp_path: Path) -> None:
    species = ("amerob", "norcar", "veery")
    data = replicas.birdset(replicas.birdset(tmp_path / "data", "HSN", species), "POW", ("amerob", "sora"))
    replicas.pool(data, "XCM", ("amerob", "norcar", "sora", "veery"))
    outcome = run_benchmark(
        "birdset", data, create_encoder("spectral"), tmp_path / "out", sets=["HSN", "HSN-MT"], config=QUICK
    )
    assert outcome.failures == ()
    for name in ("HSN", "HSN-MT"):
        found = outcome.results[name]["probes"]["logistic-last"]
        assert set(found) == {"cmap", "auroc", "top1"}
        assert found["top1"]["examples"] == 9
        assert found["cmap"]["units"] == 3
        assert found["top1"]["value"] > (0.9 if name == "HSN-MT" else 0.6), "0.83 where answers are not cut down"
    rows = pl.read_parquet(tmp_path / "out/results.parquet")
    theirs = rows.filter((pl.col("set") == "HSN-MT") & (pl.col("whose") == "published") & (pl.col("metric") == "cmap"))
    assert ("ConvNeXt-LT", 0.47) in theirs.select("model", "value").rows()
