"""AudioSet: comments above, several labels in quotes, names of classes beside it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tymbal.corpus.manifests.audioset import READER
from tymbal.corpus.manifests.base import Notes
from tymbal.corpus.manifests.registry import find_reader
from tymbal.errors import AnnotationError

SEGMENTS = """\
# Segments csv created Sun Mar  5 10:54:25 2017
# num_ytids=2, num_segs=2, num_unique_labels=2, num_positive_labels=3
# YTID, start_seconds, end_seconds, positive_labels
-0RWZT-miFs, 420.000, 430.000, "/m/03v3yw,/m/0k4j"
--PJHxphWEs, 30.000, 40.000, "/m/0k4j"
"""
CLASSES = 'index,mid,display_name\n0,/m/03v3yw,"Keys jangling"\n1,/m/0k4j,"Car, van"\n'


@pytest.fixture
def segments(tmp_path: Path) -> Path:
    (tmp_path / "eval_segments.csv").write_text(SEGMENTS)
    return tmp_path / "eval_segments.csv"


def test_labels_have_the_names_beside_them(segments: Path) -> None:
    segments.with_name("class_labels_indices.csv").write_text(CLASSES)
    assert find_reader(segments) is READER
    notes = Notes()
    keys, car = READER.read(segments, notes)
    assert [each.label for each in keys.heard] == ["Keys jangling", "Car, van"]
    assert (keys.span_s, keys.facts["video"]) == ((420.0, 430.0), "-0RWZT-miFs")
    assert {"-0RWZT-miFs_420000", "-0RWZT-miFs", "Y-0RWZT-miFs"} < set(keys.files)
    assert "--PJHxphWEs_30_40" in car.files
    assert notes.counts == {}


def test_an_ontology_serves_too_and_without_either_it_is_said(segments: Path) -> None:
    notes = Notes()
    assert [each.label for each in next(iter(READER.read(segments, notes))).heard] == ["/m/03v3yw", "/m/0k4j"]
    list(READER.read(segments, notes))
    assert "put class_labels_indices.csv beside the table" in notes.faults("m")[0][1].message
    ontology = [{"id": "/m/03v3yw", "name": "Keys"}, {"id": "/m/0k4j", "name": "Car"}]
    segments.with_name("ontology.json").write_text(json.dumps(ontology))
    assert [each.label for each in next(iter(READER.read(segments, Notes()))).heard] == ["Keys", "Car"]


def test_strong_labels_have_times_in_the_segment(tmp_path: Path) -> None:
    path = tmp_path / "audioset_eval_strong.tsv"
    path.write_text(
        "segment_id\tstart_time_seconds\tend_time_seconds\tlabel\ns9d-2_nhuJCQ_30000\t2.627\t7.237\t/m/053hz1\n"
    )
    assert find_reader(path) is READER
    (entry,) = READER.read(path, Notes())
    assert (entry.id, entry.span_s) == ("s9d-2_nhuJCQ_30000", (30.0, 40.0))
    assert (entry.heard[0].onset_s, entry.heard[0].offset_s) == (2.627, 7.237)


def test_a_row_that_is_no_segment_is_named(segments: Path) -> None:
    segments.write_text(SEGMENTS + "abc, 1.0\n")
    with pytest.raises(AnnotationError, match=r"row 6 is no segment: abc, 1\.0"):
        list(READER.read(segments, Notes()))
