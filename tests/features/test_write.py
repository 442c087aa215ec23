"""Tables of a store: row ranges, failures merged, records that count only when whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tymbal.features.plan import Stretch
from tymbal.features.work import LayerRows, StretchRows, UnitFailure, UnitRows
from tymbal.features.write import ShardWriter, failure_table, fault_table, shard_table, unit_table
from tymbal.jobs import Failure, Outcome, Shard, ShardOutcomes, Worked

STRETCH = Stretch("a.wav", None, "ab" * 16, 1000, 5000, 1000, 5000, 0, 5)


def rows(count: int, start_s: float) -> UnitRows:
    values = np.full((count, 2), start_s, dtype="<f2")
    return UnitRows(start_s, start_s + 1, (LayerRows(values, start_s), LayerRows(values[:1], start_s + 0.5)))


def failed(start_s: float, message: str = "no") -> UnitFailure:
    return UnitFailure(start_s, start_s + 1, Failure("a.wav", "AudioError", message))


def writer_in(tmp_path: Path) -> ShardWriter:
    return ShardWriter(tmp_path, ["x", "y"], [2, 2], "<f2", {1000: 1000})


def save(writer: ShardWriter, key: str = "k") -> Shard[Stretch]:
    shard = Shard(0, key, (STRETCH,))
    units = (rows(3, 0.0), failed(1.0), failed(2.0), failed(3.0, "other"), rows(2, 4.0))
    writer.save(shard, ShardOutcomes([Outcome("a.wav", worked=Worked(StretchRows(units)))]))
    return shard


def test_a_shard_is_its_rows_in_order_and_its_record(tmp_path: Path) -> None:
    writer = writer_in(tmp_path)
    save(writer)
    record = writer.record("k")
    assert record is not None
    assert [(each["file"], each["rows"]) for each in record["layers"]] == [
        ("layers/00-x/k.npy", 5),
        ("layers/01-y/k.npy", 2),
    ]
    assert np.load(tmp_path / "layers/00-x/k.npy")[:, 0].tolist() == [0, 0, 0, 4, 4]
    assert np.load(tmp_path / "layers/00-x/k.npy").dtype == np.float16
    units = unit_table(["x", "y"], [record, record])
    assert units["x.first_row"].to_list() == [0, 3, 5, 8]
    assert units["y.first_row"].to_list() == [0, 1, 2, 3]
    assert units["y.first_center_s"].to_list() == [0.5, 4.5, 0.5, 4.5]
    assert units["unit"].to_list() == [0, 1, 2, 3]
    assert shard_table(["x", "y"], [record])["layer"].to_list() == ["x", "y"]


def test_neighbouring_segments_that_failed_alike_are_one_row_across_shards_too(tmp_path: Path) -> None:
    writer = writer_in(tmp_path)
    save(writer)
    record = writer.record("k")
    assert record is not None
    told = [(row[2], row[3], row[4], row[6]) for row in record["failures"]]
    assert told == [(1.0, 3.0, 2, "no"), (3.0, 4.0, 1, "other")]
    following = {"failures": [["a.wav", None, 4.0, 6.0, 2, "AudioError", "other", ""]], "faults": []}
    table = failure_table([Failure("empty.wav", "AudioError", "none")], [record, following])
    assert table["recording"].to_list() == ["empty.wav", "a.wav", "a.wav"]
    assert table["units"].to_list() == [0, 2, 3]
    assert table["end_s"].to_list() == [None, 3.0, 6.0]


def test_a_stretch_that_failed_whole_fails_in_every_unit(tmp_path: Path) -> None:
    writer = writer_in(tmp_path)
    shard = Shard(0, "k", (STRETCH,))
    writer.save(shard, ShardOutcomes([Outcome("a.wav", failure=Failure("a.wav", "WorkerDied", "twice"))]))
    record = writer.record("k")
    assert record is not None
    assert record["failures"] == [["a.wav", None, 0.0, 5.0, 5, "WorkerDied", "twice", ""]]
    assert record["units"] == []
    assert not writer.is_done(shard)  # it may not die again
    assert np.load(tmp_path / "layers/00-x/k.npy").shape == (0, 2)


@pytest.mark.parametrize("damage", ["record", "json", "layer", "short"])
def test_a_shard_that_is_not_whole_is_not_there(tmp_path: Path, damage: str) -> None:
    writer = writer_in(tmp_path)
    shard = save(writer)
    assert writer.is_done(shard)
    layer = tmp_path / "layers/01-y/k.npy"
    if damage == "record":
        writer.record_path("k").unlink()
    elif damage == "json":
        writer.record_path("k").write_text('{"layers": ')
    elif damage == "layer":
        layer.unlink()
    else:
        layer.write_bytes(layer.read_bytes()[:-1])
    assert writer.record("k") is None
    assert not writer.is_done(shard)


def test_shards_of_an_earlier_corpus_are_cleared(tmp_path: Path) -> None:
    writer = writer_in(tmp_path)
    save(writer, "old")
    save(writer, "new")
    (tmp_path / "layers" / "02-gone").mkdir()
    (tmp_path / "layers" / "02-gone" / "new.npy").write_bytes(b"1")
    assert writer.clear_others({"new"}) == 4
    assert writer.record("old") is None
    assert writer.record("new") is not None
    assert not (tmp_path / "layers" / "02-gone" / "new.npy").exists()


def test_faults_are_told_once() -> None:
    row = ["a.wav", 1, "clipped", "loud"]
    table = fault_table([{"faults": [row, row]}, {"faults": [row, ["b.wav", 1, "clipped", "loud"]]}])
    assert table["recording"].to_list() == ["a.wav", "b.wav"]
