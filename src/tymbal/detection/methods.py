"""Ways to make boxes of what a network says of frames. To add one: a `Method` here and its line in `METHODS`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from tymbal.detection.boxes import Boxes, Ints
from tymbal.detection.fusion import fuse
from tymbal.detection.sebb import STEPS, StepSettings
from tymbal.detection.targets import Direction
from tymbal.errors import UsageError

Level = float | StepSettings  # how activity becomes runs: at a probability, or between its changes
ACTIVE = (0.3, 0.4, 0.5, 0.6, 0.7)  # probabilities tried where none is set


@dataclass(frozen=True)
class Found:
    """What was found in a recording, or in many: candidates of each direction, runs of sounding frames per class."""

    edges: Mapping[Direction, Boxes]
    runs: Boxes


@dataclass(frozen=True)
class Candidates:
    """Boxes in order of time, and for each the number of its kind among `Method.kinds`: each kind is calibrated."""

    boxes: Boxes
    kind: Ints


@dataclass(frozen=True)
class Method:
    """A way to make boxes.

    Attributes
    ----------
    directions, activity : what the network is asked for.
    kinds : names of the kinds of candidates, which may be worth different things at equal scores.
    combine : (found, IoU from which two directions can be one event) -> candidates.
    levels : what is tried on validation recordings to make runs of activity.
    """

    name: str
    directions: tuple[Direction, ...]
    activity: bool
    kinds: tuple[str, ...]
    combine: Callable[[Found, float], Candidates]
    levels: tuple[Level, ...] = ()


def _both(found: Found, join_iou: float) -> Candidates:
    fused = fuse(found.edges["forward"], found.edges["reverse"], above=join_iou)
    return Candidates(fused.boxes, fused.origin)


def _plain(boxes: Boxes) -> Candidates:
    return Candidates(boxes, np.zeros(len(boxes), dtype=np.int64))


def _forward(found: Found, join_iou: float) -> Candidates:
    return _plain(found.edges["forward"])


def _segments(found: Found, join_iou: float) -> Candidates:
    return _plain(found.runs)


def _gated(found: Found, join_iou: float) -> Candidates:
    """Each onset lasts until its run of sounding frames ends, or the next onset of its class begins."""
    onsets, runs = found.edges["forward"], found.runs
    parts = []
    for label in np.unique(onsets.label):
        own, held = onsets.take(onsets.label == label), runs.take(runs.label == label)
        if not len(held):
            continue
        # An onset may be a little early: it takes the run that it lies in, else the one that begins next.
        row = np.searchsorted(held.offset_s, own.onset_s, side="right")
        inside = row < len(held)
        own, row = own.take(inside), row[inside]
        near = held.onset_s[row] - own.onset_s < (own.offset_s - own.onset_s) / 2
        own, row = own.take(near), row[near]
        following = np.append(own.onset_s[1:], np.inf)
        ends = np.minimum(held.offset_s[row], following)
        longer = ends > own.onset_s
        kept = own.take(longer)
        parts.append(Boxes(kept.onset_s, ends[longer], kept.score, kept.label, kept.low_hz, kept.high_hz))
    return _plain(Boxes.join(parts).sorted())


METHODS = {
    each.name: each
    for each in (
        Method("both", ("forward", "reverse"), False, ("both", "forward", "reverse"), _both),
        Method("forward", ("forward",), False, ("forward",), _forward),
        Method("segments", (), True, ("segment",), _segments, ACTIVE),
        Method("gated", ("forward",), True, ("onset",), _gated, ACTIVE),
        Method("sebb", (), True, ("segment",), _segments, STEPS),
    )
}


def get_method(name: str) -> Method:
    """The method called `name`. Raises UsageError with the names there are."""
    if name not in METHODS:
        raise UsageError(f"unknown method {name!r}", parameter="method", allowed=", ".join(METHODS))
    return METHODS[name]
