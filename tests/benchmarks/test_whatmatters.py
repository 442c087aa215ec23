"""The 26-set suite: its sets, individuals across years, repertoires, and BEANS sets with its metrics."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from tests.benchmarks import replicas

from tymbal.benchmarks import BENCHMARKS, BenchConfig, benchmark_sets, published, run_benchmark, to_corpus, verify
from tymbal.benchmarks.dataset import TEST, TRAIN, BenchmarkSet
from tymbal.benchmarks.whatmatters import tables_reader
from tymbal.encoders import create_encoder
from tymbal.errors import DataError

QUICK = BenchConfig(heads=("logistic",), layers=("last",), frames=2)


def test_the_suite_as_published() -> None:
    sets = BENCHMARKS["what-matters"]
    assert len(sets) == 26
    assert len({described.name for described in sets}) == 26
    assert "SSW" not in {described.name for described in sets}
    for described in sets:
        rows = published("what-matters", described.published or described.name, "retrieval_auc")
        hidden = "birdset" in described.folder  # BirdNET was trained on its test sets: its numbers were withheld
        assert rows.height == 20 - hidden, described.name
        assert described.certain or described.remark
    sizes = {described.name: described.classes for described in sets}
    assert (sizes["chiffchaff"], sizes["littleowl"], sizes["pipit"], sizes["macaques"]) == (10, 16, 10, 8)


def test_individuals_across_years(tmp_path: Path) -> None:
    names = [f"F{number}" for number in range(10)]
    data = replicas.individuals(tmp_path / "data", "chiffchaff_id", names)
    (described,) = benchmark_sets("what-matters", ["chiffchaff"])
    found = verify(data, described)
    assert [each.code for each in found.departures] == []
    assert found.counts == {"train": 40, "test": 40}
    outcome = run_benchmark(
        "what-matters", data, create_encoder("spectral"), tmp_path / "out", sets=["chiffchaff"], config=QUICK
    )
    result = outcome.results["chiffchaff"]
    auc = result["embedding"]["retrieval_auc"]
    assert (auc["units"], auc["unit_name"], auc["examples"]) == (10, "individual", 40)
    assert auc["low"] < auc["value"] <= auc["high"]
    assert set(result["embedding"]) == {"retrieval_auc", "precision_at_1"}
    rows = pl.read_parquet(tmp_path / "out/results.parquet").filter(pl.col("whose") == "published")
    assert rows.filter(pl.col("metric") == "retrieval_auc").height == 20


FIRST, SECOND = "acrossyear_fg_train.csv", "acrossyear_fg_test.csv"
(CHIFFCHAFF,) = benchmark_sets("what-matters", ["chiffchaff"])
COLUMNS = ("local_path", "individual_id")


def check_individuals(data: Path, described: BenchmarkSet) -> None:
    """One year to train on, the other to test; a bird is the unit; ten seconds of a clip; the first year searched."""
    found = verify(data, described)
    assert found.contents is not None
    assert "leak" not in [each.code for each in found.departures]
    rows = found.contents.examples.select("recording", "fold", "labels", "unit", "offset_s").rows()
    assert len(rows) == 24
    for recording, fold, labels, unit, offset_s in rows:
        bird, year, take = Path(recording).stem.split("_")
        assert fold == {"0": "train", "1": "test"}[year]
        assert labels == [bird]
        assert unit == bird
        assert offset_s == (10.0 if (bird, year, take) == ("F0", "1", "0") else None)
    assert described.retrieval == "train"


@pytest.fixture(scope="module")
def birds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three birds in two years; one clip lasts 10.5 s."""
    data = replicas.individuals(tmp_path_factory.mktemp("birds"), "chiffchaff_id", ["F0", "F1", "F2"])
    replicas.tone(data / "chiffchaff_id/v0.1.0/raw/audio/F0_1_0.wav", 10.5, rate=4000)
    return data


def test_individuals_by_hand(birds: Path) -> None:
    check_individuals(birds, CHIFFCHAFF)


@pytest.mark.parametrize(
    "planted",
    [
        replace(CHIFFCHAFF, read=tables_reader({TEST: FIRST, TRAIN: SECOND}, *COLUMNS, unit="individual_id")),
        replace(CHIFFCHAFF, read=tables_reader({TRAIN: SECOND, TEST: SECOND}, *COLUMNS, unit="individual_id")),
        replace(CHIFFCHAFF, read=tables_reader({TRAIN: FIRST, TEST: SECOND}, *COLUMNS)),
        replace(CHIFFCHAFF, max_s=None),
        replace(CHIFFCHAFF, retrieval="test"),
    ],
    ids=["years swapped", "the test year trained on", "the clip as unit", "whole clips", "one year searched"],
)
def test_planted_departures_are_caught(planted: BenchmarkSet, birds: Path) -> None:
    with pytest.raises(AssertionError):
        check_individuals(birds, planted)


def test_a_clip_in_both_years_is_a_leak(tmp_path: Path) -> None:
    """Birds are in both years on purpose, so that it is the clip that must not be."""
    raw = replicas.individuals(tmp_path, "chiffchaff_id", ["F0", "F1"]) / "chiffchaff_id/v0.1.0/raw"
    both = [pl.read_csv(raw / file) for file in (FIRST, SECOND)]
    pl.concat([both[0], both[1].head(1)]).write_csv(raw / FIRST)
    (leak,) = [each for each in verify(tmp_path, CHIFFCHAFF).departures if each.code == "leak"]
    assert leak.severity == "unexpected"
    assert "1 clips are in more than one fold: audio/F0_1_0.wav" in leak.message
    with pytest.raises(DataError, match="tear 1 recordings"):
        to_corpus(tmp_path, CHIFFCHAFF, tmp_path / "out")


def test_sets_of_other_benchmarks_are_run_by_their_protocols() -> None:
    """All that decides windows, labels and splits is theirs; the metrics and the place are the suite's."""
    theirs = {each.name: each for family in ("beans", "birdset") for each in BENCHMARKS[family]}
    taken = [each for each in BENCHMARKS["what-matters"] if each.name in theirs]
    assert len(taken) == 6 + 5 + 7
    for each in taken:
        own = theirs[each.name]
        kept = {"family": own.family, "folder": own.folder, "metrics": own.metrics, "published": own.published}
        assert replace(each, **kept) == own
        assert each.folder.endswith(own.folder)
        assert each.metrics[0] == own.metrics[0]


@pytest.mark.parametrize(
    ("name", "folder", "files", "columns"),
    [
        (
            "macaques",
            "macaques_coo_calls/v0.1.0/raw",
            ("train.csv", "validation.csv", "test.csv"),
            ("local_path", "id"),
        ),
        (
            "zebrafinch",
            "zebra_finch_julie_elie/v0.1.0/raw",
            ("csv_data/test.csv",),
            ("local_path", "call_type_1", "id"),
        ),
        ("giant-otters", "giant_otters/v0.1.0/raw", ("giant_otters_annotations_test.csv",), ("path", "vocalization")),
        ("bengalese-finch", "bengalese_finch/v0.1.0/raw", ("Bird0.csv",), ("local_path", "call_type", "individual_id")),
        ("killer-whale", "srkw_orca", ("clips.csv",), ("recording", "label")),
    ],
)
def test_layouts_labels_and_units_by_hand(
    name: str, folder: str, files: tuple[str, ...], columns: tuple[str, ...], tmp_path: Path
) -> None:
    path, label, *unit = columns
    for number, file in enumerate(files):
        rows = [{path: f"{number}{take}.wav", label: "ab"[take % 2]} for take in range(4)]
        for take, row in enumerate(rows):
            row.update(dict.fromkeys(unit, f"animal {take // 2}"))
            replicas.tone(tmp_path / folder / row[path], 0.05)
        replicas.table(tmp_path / folder / file, rows)
    (described,) = benchmark_sets("what-matters", [name])
    contents = verify(tmp_path, described).contents
    assert contents is not None
    table = contents.examples
    assert table["labels"].list.first().to_list() == list("abab") * len(files)
    assert table["fold"].unique(maintain_order=True).to_list() == (
        ["train", "validation", "test"] if len(files) == 3 else ["test"]
    )
    units = table["unit"].to_list()
    if name == "macaques":
        assert units == list("abab") * 3
    else:
        assert units == ([f"animal {take // 2}" for take in range(4)] if unit else table["recording"].to_list())


def test_repertoires_have_no_probe_and_say_what_is_inferred(tmp_path: Path) -> None:
    data = replicas.bengalese_finch(tmp_path / "data")
    outcome = run_benchmark(
        "what-matters", data, create_encoder("spectral"), tmp_path / "out", sets=["bengalese-finch"], config=QUICK
    )
    result = outcome.results["bengalese-finch"]
    assert result["probes"] == {}
    assert result["embedding"]["nmi"]["value"] == pytest.approx(1.0)  # tones far apart
    assert result["embedding"]["ari"]["low"] is None  # one bird
    page = (tmp_path / "out/results.md").read_text()
    assert "inferred: bengalese-finch: Bird0 alone" in page
    assert "3 labels, 9 were published" in page


def test_beans_sets_carry_the_metrics_of_the_suite(tmp_path: Path) -> None:
    data = tmp_path / "data"
    replicas.esc50(data / "beans")
    outcome = run_benchmark(
        "what-matters", data, create_encoder("spectral"), tmp_path / "out", sets=["esc50", "dogs"], config=QUICK
    )
    result = outcome.results["esc50"]
    assert set(result["embedding"]) == {"retrieval_auc", "precision_at_1", "nmi", "ari"}
    assert result["probes"]["logistic-last"]["accuracy"]["value"] == 1.0
    rows = pl.read_parquet(tmp_path / "out/results.parquet")
    assert set(rows.filter(pl.col("whose") == "published")["source"]) == {"2508.11845"}
