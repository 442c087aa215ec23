"""The parts of AOEF JSON that events and coverage are made of (soundevent's `io.aoef`, version 1).

Apart from `aoef.py` so that nothing is validated, and pydantic not loaded, before there is such a file.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Part(BaseModel):
    """What all parts share: fields that we do not use are ignored, and null is as good as missing."""

    model_config = ConfigDict(extra="ignore")

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, data: Any) -> Any:  # whombat writes "tags": null for none
        return {name: value for name, value in data.items() if value is not None} if isinstance(data, dict) else data


class Tag(Part):
    """A key and value that annotations refer to by number."""

    id: int
    key: str
    value: str


class User(Part):
    """Who made an annotation."""

    uuid: str
    name: str | None = None
    username: str | None = None


class Recording(Part):
    """A recording; `path` as its maker knew it, `duration` in seconds."""

    uuid: str
    path: str
    duration: float | None = None
    tags: list[int] = Field(default_factory=list)


class Geometry(Part):
    """A shape in time (s) and frequency (Hz)."""

    type: str
    coordinates: Any


class SoundEvent(Part):
    """A shape on a recording."""

    uuid: str
    recording: str
    geometry: Geometry | None = None


class Clip(Part):
    """A stretch of a recording, in seconds."""

    uuid: str
    recording: str
    start_time: float
    end_time: float


class Annotation(Part):
    """A person's tags on a sound event."""

    uuid: str
    sound_event: str
    tags: list[int] = Field(default_factory=list)
    created_by: str | None = None


class Prediction(Part):
    """A model's tags on a sound event, each with its score."""

    uuid: str
    sound_event: str
    score: float | None = None
    tags: list[tuple[int, float]] = Field(default_factory=list)


class ClipAnnotation(Part):
    """A person's tags on a clip."""

    uuid: str
    clip: str
    tags: list[int] = Field(default_factory=list)


class Badge(Part):
    """A state of a task."""

    state: str


class Task(Part):
    """A clip to be annotated and how far that is."""

    clip: str
    status_badges: list[Badge] = Field(default_factory=list)


class Data(Part):
    """The collection, whatever its type."""

    collection_type: str
    users: list[User] = Field(default_factory=list)
    tags: list[Tag] = Field(default_factory=list)
    recordings: list[Recording] = Field(default_factory=list)
    clips: list[Clip] = Field(default_factory=list)
    sound_events: list[SoundEvent] = Field(default_factory=list)
    sound_event_annotations: list[Annotation] = Field(default_factory=list)
    sound_event_predictions: list[Prediction] = Field(default_factory=list)
    clip_annotations: list[ClipAnnotation] = Field(default_factory=list)
    tasks: list[Task] | None = None


class File(Part):
    """The file."""

    data: Data
