"""A slow twin of Voxaboxen (Hoffman et al. 2025, arXiv 2503.02389), from its description: targets, losses, decoder.

Events are (onset s, offset s) on frames of 1 / rate seconds; floors, ceilings, thresholds and quirks are theirs.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.signal import find_peaks
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching
from tests.reference.detectors import Box, iou

Array = NDArray[np.float64]
Scored = tuple[float, ...]  # onset s, offset s, score, and the class where there are several
SPACING = 5  # frames between onsets
PEAK = 0.5  # least height of a peak, and of a weakened score
CLAMP = 1e-6  # probabilities in logarithms keep so far from 0 and 1


def targets(events: list[Box], rate: float, frames: int, *, reverse: bool) -> tuple[Array, Array]:
    """Heat (frames,) and durations in seconds (frames,), the later event overwriting the earlier."""
    heat, durations = np.zeros(frames), np.zeros(frames)
    at = np.arange(frames)
    for onset, offset in events:
        first = math.floor(onset * rate)
        last = min(math.ceil(offset * rate), frames - 1)
        sigma = math.ceil((offset - onset) * rate) / 6
        place = last if reverse else first
        if 0 <= place < frames:
            heat = np.maximum(heat, np.exp(-((at - place) ** 2) / (2 * sigma**2)))
            durations[place] = offset - onset
    return heat, durations


def detection_loss(p: Array, heat: Array, counted: Array) -> float:
    """Penalty-reduced focal loss, alpha 2 and beta 4, averaged over the frames that count (not over events).

    The clamp is the only departure: without it a p of exactly 1 gives NaN.
    """
    total, frames = 0.0, 0
    for value, h, counts in zip(p.tolist(), heat.tolist(), counted.tolist(), strict=True):
        if counts:
            q = min(max(value, CLAMP), 1 - CLAMP)
            frames += 1
            total += (1 - q) ** 2 * math.log(q) if h == 1 else (1 - h) ** 4 * q**2 * math.log(1 - q)
    return -total / max(frames, 1)


def duration_loss(found: Array, wanted: Array, heat: Array, omega: Array, counted: Array) -> float:
    """Absolute errors of durations in seconds at the events' frames, weighted, per event."""
    rows = [t for t in range(len(heat)) if heat[t] == 1 and counted[t]]
    return sum(float(omega[t]) * abs(float(found[t]) - float(wanted[t])) for t in rows) / max(1, len(rows))


def class_loss(logits: Array, shares: Array, heat: Array, omega: Array, counted: Array) -> float:
    """Cross-entropy (classes, frames) at the events' frames, weighted, per event; 0 where there is one class."""
    rows = [t for t in range(len(heat)) if heat[t] == 1 and counted[t]]
    total = 0.0
    for t in rows if len(logits) > 1 else []:
        below = math.log(sum(math.exp(x) for x in logits[:, t].tolist()))
        each = zip(logits[:, t].tolist(), shares[:, t].tolist(), strict=True)
        total -= float(omega[t]) * sum(share * (x - below) for x, share in each)
    return total / max(1, len(rows))


def decode(heat: Array, durations: Array, rate: float, *, reverse: bool, classes: Array | None = None) -> list[Scored]:
    """Peaks at least `SPACING` frames apart as boxes, thinned by soft suppression; scores as they were before it.

    classes : (classes, frames), what each frame says of each class; the largest is the fourth number of a box.
    """
    frames, _ = find_peaks(heat, height=PEAK, distance=SPACING)
    boxes = []
    for frame in frames.tolist():
        duration, time = float(durations[frame]), frame / rate
        if duration > 0:
            onset, offset = (time - duration, time) if reverse else (time, time + duration)
            label = () if classes is None else (int(classes[:, frame].argmax()),)
            boxes.append((onset, offset, float(heat[frame]), *label))
    return _thinned(boxes)


def _thinned(boxes: list[Scored]) -> list[Scored]:
    weakened, left, kept = [box[2] for box in boxes], list(range(len(boxes))), []
    while left:
        best = max(left, key=lambda row: weakened[row])
        left.remove(best)
        if weakened[best] <= PEAK:
            continue
        kept.append(best)
        for row in left:
            weakened[row] *= math.exp(-(iou(boxes[row][:2], boxes[best][:2]) ** 2) / 0.5)
    return [boxes[row] for row in sorted(kept)]


def combine(forward: list[Scored], backward: list[Scored]) -> list[Scored]:
    """Both directions: a maximum matching of pairs above IoU 0.5, their edges averaged; all others kept.

    Classes are not asked for a match; the forward box gives its own.
    """
    graph = np.array([[iou(a[:2], b[:2]) > 0.5 for b in backward] for a in forward], dtype=bool)
    graph = graph.reshape(len(forward), len(backward))
    partner = np.full(len(forward), -1)
    if graph.any():
        partner = maximum_bipartite_matching(csr_array(graph), perm_type="column")
    found = []
    for row, column in enumerate(partner.tolist()):
        a = forward[row]
        if column < 0:
            found.append(a)
            continue
        b = backward[column]
        onset, offset = (a[0] + b[0]) / 2, (a[1] + b[1]) / 2
        span = max(a[1], b[1]) - min(a[0], b[0])
        quality = ((a[1] - a[0]) + (b[1] - b[0])) / 2 / span
        found.append((onset, offset, (1 - (1 - a[2]) * (1 - b[2])) * quality, *a[3:]))
    return found + [box for number, box in enumerate(backward) if number not in set(partner.tolist())]
