from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from tymbal.annotations.tables import COVERAGE
from tymbal.corpus import Corpus, index
from tymbal.corpus.coverage import close_coverage, complete_coverage, read_coverage
from tymbal.errors import AnnotationError

RECORDINGS = pl.DataFrame({"recording": ["a.wav", "b.wav"], "duration_s": [10.0, 20.0]})


def test_blank_cells_mean_from_end_to_end_and_every_label(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text("recording,start_s,end_s,labels,annotator\na.wav,1,,owl; frog,Ada\nb.wav,,5,,\n")
    table, faults = read_coverage(path)
    assert faults == ()
    closed = close_coverage(table, RECORDINGS)
    assert closed.select("recording", "start_s", "end_s", "annotator").rows() == [
        ("a.wav", 1.0, 10.0, "Ada"),
        ("b.wav", 0.0, 5.0, None),
    ]
    assert closed["labels"].to_list() == [["owl", "frog"], None]


def test_coverage_never_reaches_past_the_recording() -> None:
    table = pl.DataFrame({"recording": ["a.wav"], "end_s": [99.0]})
    full = pl.concat([pl.DataFrame(schema=COVERAGE), table], how="diagonal_relaxed")
    assert close_coverage(full, RECORDINGS)["end_s"].to_list() == [10.0]


def test_complete_covers_recordings_with_events_once() -> None:
    events = pl.DataFrame({"recording": ["b.wav", "b.wav"]})
    assert complete_coverage(events, RECORDINGS).select("recording", "start_s", "end_s").rows() == [
        ("b.wav", 0.0, 20.0)
    ]


def test_what_is_no_coverage_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text("recording,onset_s,offset_s,label\na.wav,0,1,x\n")
    with pytest.raises(AnnotationError, match=r"holds no coverage.*--complete"):
        read_coverage(path)
    with pytest.raises(AnnotationError, match="no such coverage table"):
        read_coverage(tmp_path / "nope.csv")


def test_a_corpus_honours_a_coverage_table(make_corpus: Callable[..., Corpus], tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text("recording,start_s,end_s,labels\na.wav,0.1,0.2,owl\nlost.wav,0,1,\n")
    corpus = make_corpus({"recording": ["a.wav", "b.wav"]}, coverage=path)
    assert corpus.covered("a.wav", 0.1, 0.2, label="owl") is True
    assert corpus.covered("a.wav", 0.1, 0.2, label="frog") is False
    assert corpus.covered("a.wav", 0.0, 0.2, label="owl") is False
    assert corpus.covered("b.wav", 0.1, 0.2, label="owl") is False
    assert corpus.covered_seconds("owl") == pytest.approx(0.1)
    assert "lost.wav" in corpus.faults["message"].to_list()[0]


def test_real_boxed_bats_say_themselves_what_was_listened_to(data: Callable[[str], Path], tmp_path: Path) -> None:
    bats = data("bats_neotropical")
    corpus = index(bats / "audio", out=tmp_path / "c", workers=1, annotations=bats / "annotations")
    assert corpus.events.height == 225
    assert corpus.faults.filter(pl.col("code") == "no_recording").is_empty()
    assert corpus.coverage["recording"].n_unique() == 5  # every clip of the project is marked as completed
