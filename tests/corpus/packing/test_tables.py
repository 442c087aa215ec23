from __future__ import annotations

import csv
from pathlib import Path

from tymbal.annotations import read_events
from tymbal.corpus import Corpus
from tymbal.corpus.packing.licences import Terms, licences
from tymbal.corpus.packing.tables import write_open_tables, write_raven


def test_tables_and_folds_for_loaders_of_folders(corpus: Corpus, tmp_path: Path) -> None:
    names = ("recordings", "events", "coverage", "splits")
    tables = {name: getattr(corpus, name) for name in names}
    sums = {name: f"sum of {name}" for name in corpus.recordings["recording"]}
    write_open_tables(tmp_path / "d", tables, sums, licences(corpus.recordings, Terms("CC0")), "audio/")
    rows = list(csv.DictReader((tmp_path / "d/metadata.csv").read_text("utf-8").splitlines()))
    assert [row["file_name"] for row in rows] == [f"audio/{name}" for name in corpus.recordings["recording"]]
    assert rows[0]["sha256"] == "sum of a/one.wav"
    assert rows[0]["fold_places"] == "pond"
    assert {row["fold_shares"] for row in rows} == {"train", "test"}
    assert rows[1]["licence"] == "CC0"
    assert rows[2]["recordist"] == 'C "D" E'


def test_raven_tables_hold_every_event_with_times(corpus: Corpus, tmp_path: Path) -> None:
    write_raven(tmp_path, corpus.events)
    found = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.selections.txt"))
    assert [name.removesuffix(".Table.1.selections.txt") for name in found] == ["a/one.wav", "a/two.wav", "b/three.wav"]
    read = read_events(tmp_path / found[0])
    assert read.events["label"].to_list() == ["song", "call"]
    assert read.events["offset_s"].to_list() == [0.15, 0.3]
