"""BEANS, labels per window, on miniature copies: every labelled window worked by hand."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import polars as pl
from tests.benchmarks import replicas

from tymbal.benchmarks import Contents, benchmark_sets, splits, verify


def contents(data: Path, name: str) -> Contents:
    (described,) = benchmark_sets("beans", [name])
    found = verify(data, described)
    assert found.ready, found.departures
    assert found.contents is not None
    return found.contents


def codes(data: Path, name: str) -> Counter[str]:
    (described,) = benchmark_sets("beans", [name])
    return Counter(each.code for each in verify(data, described).departures)


def test_dcase_windows_by_hand(tmp_path: Path) -> None:
    found = contents(replicas.dcase(tmp_path), "dcase")
    table = found.examples
    assert table.group_by("recording", "fold", maintain_order=True).len().rows() == [
        ("Training_Set/BV/long.wav", "train", 177),
        ("Training_Set/BV/long.wav", "validation", 59),
        ("Training_Set/BV/long.wav", "test", 29),
        ("Validation_Set/PB/short.wav", "train", 177),
        ("Validation_Set/PB/short.wav", "validation", 59),
        ("Validation_Set/PB/short.wav", "test", 1),  # 1.5 s, padded
    ]
    labelled = table.filter(pl.col("labels").list.len() > 0).select("recording", "onset_s", "labels").rows()
    long, short = "Training_Set/BV/long.wav", "Validation_Set/PB/short.wav"
    assert labelled == [
        *[(long, onset, ["AMRE"]) for onset in (0.0, 1.0, 2.0)],  # 1.5-3: [3, 5] touches only
        *[(long, onset, ["BBWA"]) for onset in (57.0, 58.0, 60.0)],  # 58.5-61, cut at 60: [57, 59] holds 0.5 of 1.5
        *[(long, onset, ["AMRE"]) for onset in (244.0, *range(245, 255))],  # AGGM is left out, POS of no length too
        (short, 240.0, ["Q"]),
    ]
    assert codes(tmp_path, "dcase") == {"absent_label": 1, "examples": 1, "rate": 1}


def test_enabirds_unknown_species_are_others(tmp_path: Path) -> None:
    table = contents(replicas.enabirds(tmp_path), "enabirds").examples
    assert Counter(table["fold"]) == {"train": 177, "validation": 59, "test": 59}
    labelled = table.filter(pl.col("labels").list.len() > 0).select("onset_s", "labels", "fold").rows()
    assert labelled == [
        *[(onset, ["EATO"], "train") for onset in (1.0, 2.0, 3.0)],
        *[(onset, ["OTHR"], "validation") for onset in (180.0, 181.0)],
    ]
    assert table["recording"].unique().to_list() == ["Recording_1/Recording_1_Segment_01.wav"]  # not the chunk in wav/


def test_gibbons_take_every_third_chunk(tmp_path: Path) -> None:
    table = contents(replicas.gibbons(tmp_path), "hainan-gibbons").examples
    assert Counter(table["chunk"]) == {0: 29 * 11, 3: 11}  # the fourth chunk has 5 s: one window of 4 s
    assert Counter(table["fold"]) == {"train": 30 * 6, "validation": 30 * 3, "test": 30 * 2}
    first = table.filter((pl.col("recording") == "HGSM3AC_00.wav") & (pl.col("labels").list.len() > 0))
    assert first.select("onset_s", "labels").rows() == [
        *[(onset, ["2"]) for onset in (8.0, 10.0, 12.0)],
        (180.0, ["1"]),  # type 0
    ]


def test_rfcx_decides_twenty_per_cent_as_the_rule_says(tmp_path: Path) -> None:
    found = contents(replicas.rfcx(tmp_path), "rfcx")
    one = found.examples.filter(pl.col("recording") == "r00.flac")
    assert one.select("onset_s", "labels").rows() == [
        (0.0, ["3"]),  # 8-20 s and 9-14 s share exactly 20 %, 7.9-20 s a little more
        (5.0, ["0", "2", "3"]),
        (10.0, ["0", "2", "3"]),
    ]
    files = found.examples.unique("recording", maintain_order=True)["fold"].to_list()
    assert files == splits.shuffled(10)
    assert found.count() == {"train": 18, "validation": 6, "test": 6}


def test_hiceas_paths_are_those_of_the_scripts(tmp_path: Path) -> None:
    found = contents(replicas.hiceas(tmp_path), "hiceas")
    assert found.count() == {"train": 9, "validation": 3, "test": 6}
    labelled = found.examples.filter(pl.col("labels").list.len() > 0).select("recording", "onset_s").rows()
    assert labelled == [(f"wav/{fold}1.wav", onset) for fold in ("train", "test") for onset in (5.0, 10.0)]
