from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.annotations.formats.helpers import put

from tymbal.annotations import read_events
from tymbal.annotations.formats.aoef import bounds
from tymbal.errors import AnnotationError


def loaded(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))["data"]


def test_an_evaluation_set(data: Callable[[str], Path]) -> None:
    path = data("annotation_formats") / "files/aoef/example_evaluation_set.json"
    whole = loaded(path)
    read = read_events(path)
    assert read.events["event_id"].to_list() == [item["uuid"] for item in whole["sound_event_annotations"]]
    shapes = {item["uuid"]: item["geometry"]["coordinates"] for item in whole["sound_events"]}
    expected = [shapes[item["sound_event"]] for item in whole["sound_event_annotations"]]
    assert read.events.select("onset_s", "low_hz", "offset_s", "high_hz").rows() == [tuple(box) for box in expected]
    assert read.coverage.height == len(whole["clip_annotations"])
    assert set(read.events["annotator"].drop_nulls()) == {"mbsantiago"}
    assert "Diclidurus albus" in set(read.events["label"])
    assert read.faults == ()


def test_a_model_run(data: Callable[[str], Path]) -> None:
    path = data("annotation_formats") / "files/aoef/example_model_run.json"
    whole = loaded(path)
    read = read_events(path)
    assert read.events.height == sum(len(item["tags"]) or 1 for item in whole["sound_event_predictions"])
    assert read.events["score"].to_list() == [item["tags"][0][1] for item in whole["sound_event_predictions"]]
    assert read.coverage.height == 0


def test_a_dataset_of_recordings_has_no_event_and_says_so(data: Callable[[str], Path]) -> None:
    read = read_events(data("annotation_formats") / "files/aoef/nips4b_dataset.json")
    assert read.events.height == 0
    assert [fault.code for fault in read.faults] == ["no_events"]
    assert "674 recordings" in read.faults[0].message


@pytest.mark.parametrize(
    ("kind", "coordinates", "box"),
    [
        ("BoundingBox", [1, 100, 2, 200], (1.0, 2.0, 100.0, 200.0)),
        ("TimeInterval", [1, 2], (1.0, 2.0, None, None)),
        ("TimeStamp", 1.5, (1.5, 1.5, None, None)),
        ("Point", [1, 100], (1.0, 1.0, 100.0, 100.0)),
        ("LineString", [[1, 100], [3, 50]], (1.0, 3.0, 50.0, 100.0)),
        ("Polygon", [[[1, 100], [3, 50], [2, 300]]], (1.0, 3.0, 50.0, 300.0)),
        ("Blob", [1, 2], None),
        ("BoundingBox", [1, "x", 2, 3], None),
        ("Polygon", [], None),
    ],
)
def test_bounds_of_geometries(kind: str, coordinates: Any, box: Any) -> None:
    assert bounds(kind, coordinates) == box


BASE: dict[str, Any] = {
    "collection_type": "annotation_project",
    "tags": [{"id": 0, "key": "quality", "value": "good"}, {"id": 1, "key": "species", "value": "owl"}],
    "recordings": [{"uuid": "r", "path": "a/r.wav", "duration": 10.0}],
    "clips": [
        {"uuid": f"c{i}", "recording": "r", "start_time": a, "end_time": b}
        for i, (a, b) in enumerate([(0, 10), (2, 4)])
    ],
    "sound_events": [{"uuid": "s", "recording": "r", "geometry": {"type": "TimeInterval", "coordinates": [1, 2]}}],
    "sound_event_annotations": [{"uuid": "a", "sound_event": "s", "tags": [0, 1]}],
    "clip_annotations": [{"uuid": "k0", "clip": "c0", "tags": [1]}, {"uuid": "k1", "clip": "c1", "tags": []}],
}


def aoef(tmp_path: Path, **parts: Any) -> Path:
    return put(tmp_path, json.dumps({"version": "1", "data": BASE | parts}), "x.json")


def test_tags_clip_labels_and_tasks(tmp_path: Path) -> None:
    done = [{"clip": "c1", "status_badges": [{"state": "completed"}]}, {"clip": "c0", "status_badges": []}]
    read = read_events(aoef(tmp_path, tasks=done))
    rows = read.events.select("label", "onset_s", "offset_s", "tags").rows()
    assert rows == [("owl", 1.0, 2.0, "quality=good; species=owl"), ("owl", None, None, "species=owl")]
    assert read.coverage.select("recording", "start_s", "end_s").rows() == [("a/r.wav", 2.0, 4.0)]
    quality = read_events(tmp_path / "x.json", label_column="quality")
    assert quality.events["label"].to_list() == ["good", None]


def test_lost_references_are_faults(tmp_path: Path) -> None:
    read = read_events(aoef(tmp_path, sound_events=[], clip_annotations=[]))
    assert [fault.code for fault in read.faults] == ["lost_event", "no_events"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"data": {"collection_type": "dataset"', "not valid JSON"),
        ('{"data": {"collection_type": "dataset", "recordings": 7}}', "not AOEF: data.recordings"),
        ('{"collection_type": "dataset"}', "not AOEF: data"),
        ('{"data": {"collection_type": ' + "[" * 100_000 + "]" * 100_000 + "}}", "not valid JSON"),
    ],
)
def test_damaged_files_are_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(AnnotationError, match=said):
        read_events(put(tmp_path, text, "x.json"))
