"""Where sound does not pause it is one event: boxes of a network, and runs of sound between pauses, as one answer.

A network knows what sounds like an event and what does not; it cuts long ones that it never heard. A gate knows pauses
and takes any noise. So a run in which the network finds nothing is dropped, a box that fits its run keeps its own
edges, a run that holds several boxes, or one that fits badly, is the event, and a box where no run is stays.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tymbal.detection.boxes import Boxes, Ints
from tymbal.detection.windows import POWER_LAYERS
from tymbal.errors import UsageError

FITS_IOU = 0.5  # a box above this IoU with its run keeps its own edges
OVERLAP = 0.2  # boxes that share more of the shorter one overlap: the network hears two where the gate hears one


def power_part(layers: Sequence[tuple[str, int]]) -> slice:
    """Where the powers stand among the values of a frame; layers (name, values per frame).

    Raises UsageError where there is no layer of powers.
    """
    start = 0
    for name, width in layers:
        if name in POWER_LAYERS:
            return slice(start, start + width)
        start += width
    raise UsageError(
        f"pauses are heard in the power of bands, and there is none among {', '.join(name for name, _ in layers)}",
        parameter="pauses",
        allowed=f"layers with {' or '.join(POWER_LAYERS)}",
        mend="Train on such a layer too, or without pauses.",
    )


def join_pauses(boxes: Boxes, runs: Boxes) -> Boxes:
    """Boxes joined to the events that runs of sound make of them; in order of time.

    boxes : what the network finds, of any classes. runs : from pause to pause, in order, none overlapping another.

    A run keeps its boxes as they are where they are of several classes or overlap each other. Otherwise it takes score
    and class of its best box, and the bounds in frequency of all.
    """
    boxes = boxes.sorted()
    first = np.searchsorted(runs.offset_s, boxes.onset_s, side="right")
    last = np.searchsorted(runs.onset_s, boxes.offset_s, side="left")
    count = np.maximum(last - first, 0)
    alone = boxes.take(count == 0)
    row = np.repeat(np.arange(len(boxes)), count)
    run = np.repeat(first, count) + np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    order = np.lexsort((row, run))
    row, run = row[order], run[order]
    kept = np.zeros(len(boxes), dtype=np.bool_)
    made: list[tuple[int, Ints]] = []
    for own in np.split(np.arange(len(run)), np.flatnonzero(np.diff(run)) + 1) if len(run) else ():
        number, inside = int(run[own[0]]), row[own]
        if _stay(boxes, inside, runs, number):
            kept[inside] = True
        else:
            made.append((number, inside))
    return Boxes.join([alone, boxes.take(kept), *_whole(boxes, runs, made)]).sorted()


def _stay(boxes: Boxes, own: Ints, runs: Boxes, run: int) -> bool:
    """Whether the boxes of a run are right as they are."""
    onset, offset = boxes.onset_s[own], boxes.offset_s[own]
    if len(own) == 1:
        shared = min(offset[0], runs.offset_s[run]) - max(onset[0], runs.onset_s[run])
        total = max(offset[0], runs.offset_s[run]) - min(onset[0], runs.onset_s[run])
        return bool(shared > FITS_IOU * total)
    if len(np.unique(boxes.label[own])) > 1:
        return True
    shared = np.minimum(offset[:-1], offset[1:]) - onset[1:]
    lasts = offset - onset
    return bool((shared > OVERLAP * np.minimum(lasts[:-1], lasts[1:])).any())


def _whole(boxes: Boxes, runs: Boxes, made: Sequence[tuple[int, Ints]]) -> list[Boxes]:
    """Runs as events, each with what its boxes say."""
    if not made:
        return []
    run = np.array([number for number, _ in made])
    best = np.array([own[np.argmax(boxes.score[own])] for _, own in made])
    low = [boxes.low_hz[own].min() for _, own in made]
    high = [boxes.high_hz[own].max() for _, own in made]
    return [
        Boxes.make(
            runs.onset_s[run],
            runs.offset_s[run],
            score=boxes.score[best],
            label=boxes.label[best],
            low_hz=low,
            high_hz=high,
        )
    ]
