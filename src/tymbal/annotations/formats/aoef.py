"""AOEF JSON, which whombat and soundevent write: datasets, annotation sets, evaluation sets, model runs.

Read by our own code: the JSON needs no optional package. Any geometry becomes its bounds in time and frequency; the
label is the value of the species tag (or of the key asked for as label column), all tags ride along in `tags`. A
prediction is one event per tag, with that tag's score. Annotated clips are coverage, except those whose task is not
marked as completed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import polars as pl

from tymbal.annotations.coverage import whole_coverage
from tymbal.annotations.formats.base import Format
from tymbal.annotations.source import Reading, Source
from tymbal.annotations.tables import make_coverage

if TYPE_CHECKING:
    from tymbal.annotations.formats.aoef_models import Data

_KEYS = ("dwc:scientificName", "species", "scientific_name", "label", "class", "event", "common_name")  # of the label


def sniff(source: Source) -> float:
    """1 for JSON that names its collection type near the beginning, 0.5 for any JSON called .json."""
    if not source.first_lines or not source.first_lines[0].lstrip().startswith("{"):
        return 0.0
    return 1.0 if '"collection_type"' in source.text[:4000] else 0.5 if source.name.lower().endswith(".json") else 0.0


def read(source: Source) -> Reading:
    """Read events and coverage; AnnotationError says where the JSON is not AOEF."""
    from pydantic import ValidationError

    from tymbal.annotations.formats.aoef_models import File

    mend = "Export it again from whombat or soundevent (AOEF JSON)."
    try:
        data = File.model_validate(json.loads(source.text)).data
    except (json.JSONDecodeError, RecursionError) as error:
        raise source.error(f"not valid JSON: {error}", mend=mend) from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        raise source.error(f"not AOEF: {place}: {first['msg']}", mend=mend) from error
    book = _Book(source, data)
    rows = [*book.annotations(), *book.predictions(), *book.clip_labels()]
    if not rows:
        source.fault("no_events", f"a {data.collection_type} with {len(data.recordings)} recordings and no sound event")
    schema = {
        "event_id": pl.String(),
        "recording": pl.String(),
        "onset_s": pl.Float64(),
        "offset_s": pl.Float64(),
        "low_hz": pl.Float64(),
        "high_hz": pl.Float64(),
        "label": pl.String(),
        "score": pl.Float64(),
        "annotator": pl.String(),
        "tags": pl.String(),
    }
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    return Reading({}, {name: frame[name] for name in frame.columns}, None, book.coverage())


_Row = tuple[
    str, str, float | None, float | None, float | None, float | None, str | None, float | None, str | None, str | None
]


class _Book:
    """The file's cross-references, looked up once."""

    def __init__(self, source: Source, data: Data) -> None:
        self._source, self._data = source, data
        self._tags = {tag.id: tag for tag in data.tags}
        self._users = {user.uuid: user.username or user.name or user.uuid for user in data.users}
        self._recordings = {recording.uuid: recording for recording in data.recordings}
        self._events = {event.uuid: event for event in data.sound_events}
        self._clips = {clip.uuid: clip for clip in data.clips}

    def annotations(self) -> Iterator[_Row]:
        """One event per sound event annotation."""
        for item in self._data.sound_event_annotations:
            place = self._place(item.sound_event)
            if place is not None:
                label, tags = self._label(item.tags)
                yield item.uuid, *place, label, None, self._users.get(item.created_by or ""), tags

    def predictions(self) -> Iterator[_Row]:
        """One event per tag of each prediction; without tags one with the prediction's own score."""
        for item in self._data.sound_event_predictions:
            place = self._place(item.sound_event)
            if place is None:
                continue
            if not item.tags:
                yield item.uuid, *place, None, item.score, None, None
            for number, (tag, score) in enumerate(item.tags):
                name = item.uuid if number == 0 else f"{item.uuid}-{number}"
                label, tags = self._label([tag])
                yield name, *place, label, score, None, tags

    def clip_labels(self) -> Iterator[_Row]:
        """One event over its clip per tag of a clip annotation (null times where the clip is the whole recording)."""
        for item in self._data.clip_annotations:
            clip = self._clips.get(item.clip)
            recording = self._recordings.get(clip.recording) if clip is not None else None
            if clip is None or recording is None:
                continue
            whole = clip.start_time <= 0 and recording.duration is not None and clip.end_time >= recording.duration
            times = (None, None) if whole else (clip.start_time, clip.end_time)
            for number, tag in enumerate(item.tags):
                label, tags = self._label([tag])
                yield f"{item.uuid}-{number}", recording.path, *times, None, None, label, None, None, tags

    def coverage(self) -> pl.DataFrame | None:
        """The annotated clips; where there are tasks, only those of a task that is completed or verified."""
        done: set[str] | None = None
        if self._data.tasks is not None:
            ready = {"completed", "verified"}
            done = {task.clip for task in self._data.tasks if ready & {badge.state for badge in task.status_badges}}
        clips = [self._clips[item.clip] for item in self._data.clip_annotations if item.clip in self._clips]
        clips = [clip for clip in clips if clip.recording in self._recordings and (done is None or clip.uuid in done)]
        if not clips:
            return whole_coverage([]) if self._data.clip_annotations else None
        return make_coverage(
            {
                "recording": [self._recordings[clip.recording].path for clip in clips],
                "start_s": [clip.start_time for clip in clips],
                "end_s": [clip.end_time for clip in clips],
            }
        )

    def _place(self, uuid: str) -> tuple[str, float | None, float | None, float | None, float | None] | None:
        event = self._events.get(uuid)
        recording = None if event is None else self._recordings.get(event.recording)
        if event is None or recording is None:
            self._source.fault("lost_event", f"the sound event {uuid} or its recording is not in the file; left out")
            return None
        box = (None,) * 4 if event.geometry is None else bounds(event.geometry.type, event.geometry.coordinates)
        if box is None:
            self._source.fault("bad_geometry", f"the geometry of sound event {uuid} cannot be read; left out")
            return None
        return recording.path, *box

    def _label(self, ids: list[int]) -> tuple[str | None, str | None]:
        tags = [self._tags[number] for number in ids if number in self._tags]
        if not tags:
            return None, None
        keys = (self._source.label_column,) if self._source.label_column is not None else _KEYS
        named = sorted((keys.index(tag.key), at) for at, tag in enumerate(tags) if tag.key in keys)
        everything = "; ".join(f"{tag.key}={tag.value}" for tag in tags)
        if named:
            return tags[named[0][1]].value, everything
        return (None if self._source.label_column is not None else tags[0].value), everything


def bounds(kind: str, coordinates: Any) -> tuple[float, float, float | None, float | None] | None:
    """Onset, offset (s), low and high (Hz) round a soundevent geometry; None where it cannot be made out."""
    numbers = list(_flat(coordinates))
    if not numbers or any(number is None for number in numbers):
        return None
    values = [float(number) for number in numbers if number is not None]
    if kind == "TimeStamp" and len(values) == 1:
        return values[0], values[0], None, None
    if kind == "TimeInterval" and len(values) == 2:
        return values[0], values[1], None, None
    if kind == "BoundingBox" and len(values) == 4:
        return values[0], values[2], values[1], values[3]
    known = ("Point", "LineString", "Polygon", "MultiPoint", "MultiLineString", "MultiPolygon")
    if kind not in known or len(values) % 2:
        return None
    times, heights = values[0::2], values[1::2]
    return min(times), max(times), min(heights), max(heights)


def _flat(value: Any) -> Iterator[float | None]:
    # Iterative: a hostile file may nest deeper than Python recurses.
    stack = [iter([value])]
    while stack:
        item = next(stack[-1], stack)
        if item is stack:
            stack.pop()
        elif isinstance(item, list):
            stack.append(iter(item))
        else:
            yield float(item) if isinstance(item, int | float) and not isinstance(item, bool) else None


FORMAT = Format("aoef", (".json",), sniff, read, "AOEF JSON (whombat, soundevent)", many=True, timed=False)
