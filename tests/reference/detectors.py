"""Slow twins of detection: every event, frame and pair of boxes one by one, in float64."""

from __future__ import annotations

import itertools
import math

Box = tuple[float, float]


def iou(a: Box, b: Box) -> float:
    """Intersection over union of two intervals."""
    shared = min(a[1], b[1]) - max(a[0], b[0])
    return 0.0 if shared <= 0 else shared / (a[1] - a[0] + b[1] - b[0] - shared)


def area_iou(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    """Intersection over union of two boxes (onset, offset, low, high)."""
    shared = max(min(a[1], b[1]) - max(a[0], b[0]), 0.0) * max(min(a[3], b[3]) - max(a[2], b[2]), 0.0)
    areas = [(box[1] - box[0]) * (box[3] - box[2]) for box in (a, b)]
    return 0.0 if shared == 0 else shared / (sum(areas) - shared)


def pairs(a: list[Box], b: list[Box], above: float) -> list[tuple[int, int]]:
    """Every pair of one box each whose IoU is above a bound."""
    return [(i, j) for i, x in enumerate(a) for j, y in enumerate(b) if iou(x, y) > above]


def heat(frame: list[int], duration: list[float], frames: int, spread: float, most: float) -> list[float]:
    """The heatmap of one slot: the highest of the events' peaks, cut 3.5 standard deviations away."""
    found = []
    for at in range(frames):
        value = 0.0
        for peak, frames_long in zip(frame, duration, strict=True):
            sigma = min(frames_long * spread, most)
            if at == peak or abs(at - peak) <= 3.5 * sigma:
                value = max(value, math.exp(-0.5 * ((at - peak) / max(sigma, 1e-3)) ** 2))
        found.append(value)
    return found


def hard(boxes: list[Box], score: list[float], label: list[int], above: float) -> list[int]:
    """Rows that are left when the best box in turn drops those of its class that overlap it too much."""
    left, kept = list(range(len(boxes))), []
    while left:
        best = max(left, key=lambda row: (score[row], -row))
        kept.append(best)
        left = [
            row
            for row in left
            if row != best and not (label[row] == label[best] and iou(boxes[row], boxes[best]) > above)
        ]
    return sorted(kept)


def soft(boxes: list[Box], score: list[float], label: list[int]) -> list[float]:
    """Scores after Gaussian soft suppression within a class, the best remaining box first."""
    found, left = list(score), list(range(len(boxes)))
    while left:
        best = max(left, key=lambda row: (found[row], -row))
        left.remove(best)
        for row in left:
            if label[row] == label[best]:
                found[row] *= math.exp(-(iou(boxes[row], boxes[best]) ** 2) / 0.5)
    return found


def best_assignment(a: list[Box], b: list[Box], above: float) -> float:
    """The largest sum of IoU over pairs of boxes, each box in one pair at most: every way is tried."""
    if len(a) > len(b):
        a, b = b, a
    padded = [*range(len(b)), *([-1] * len(a))]
    best = 0.0
    for chosen in set(itertools.permutations(padded, len(a))):
        total = 0.0
        for row, column in enumerate(chosen):
            found = iou(a[row], b[column]) if column >= 0 else 0.0
            total += found if found > above else 0.0
        best = max(best, total)
    return best


def heat_loss(logits: list[float], heat_: list[float], edge: list[bool], weight: list[float]) -> float:
    """Penalty-reduced focal loss per edge, alpha 2 and beta 4, from probabilities as the paper writes it."""
    total, edges = 0.0, 0.0
    for x, h, positive, w in zip(logits, heat_, edge, weight, strict=True):
        p = 1 / (1 + math.exp(-x))
        if positive:
            total += w * (1 - p) ** 2 * math.log(p)
            edges += w
        else:
            total += w * (1 - h) ** 4 * p**2 * math.log(1 - p)
    return -total / max(edges, 1.0)


def runs(shares: list[float], level: float) -> list[tuple[float, float, float]]:
    """Runs of frames at or above a level: begin and end in frames where the line between frames crosses the level
    (half a frame outside the ends of the recording), and the mean share."""
    found, at = [], 0
    while at < len(shares):
        if shares[at] < level:
            at += 1
            continue
        stop = at
        while stop < len(shares) and shares[stop] >= level:
            stop += 1
        begin = -0.5 if at == 0 else at - 1 + (level - shares[at - 1]) / (shares[at] - shares[at - 1])
        end = len(shares) - 0.5
        if stop < len(shares):
            end = stop - 1 + (level - shares[stop - 1]) / (shares[stop] - shares[stop - 1])
        found.append((begin, end, sum(shares[at:stop]) / (stop - at)))
        at = stop
    return found


def changes(shares: list[float], half: int) -> list[int]:
    """Boundaries where a step filter is largest in every stretch of one sign; zeros around, the first of equals."""
    padded = [0.0] * half + shares + [0.0] * half
    found: list[tuple[int, float]] = []
    for boundary in range(len(shares) + 1):
        before, after = padded[boundary : boundary + half], padded[boundary + half : boundary + 2 * half]
        value = (sum(after) - sum(before)) / half
        if value == 0:
            continue
        if found and (found[-1][1] > 0) == (value > 0):
            if abs(value) > abs(found[-1][1]):
                found[-1] = (boundary, value)
        else:
            found.append((boundary, value))
    return [boundary for boundary, _ in found]


def sound_event_boxes(shares: list[float], half: int, drop: float, ratio: float) -> list[tuple[int, int, float]]:
    """First frame, frame after the last, and mean share of each box, gaps merged one by one from the smallest drop."""

    def mean(first: int, stop: int) -> float:
        return sum(shares[first:stop]) / (stop - first)

    points = changes(shares, half)
    boxes = list(zip(points[::2], points[1::2], strict=True))
    while True:
        tried = []
        for row, (one, two) in enumerate(itertools.pairwise(boxes)):
            loud, gap = max(mean(*one), mean(*two)), mean(one[1], two[0])
            if loud - gap < drop or loud < ratio * gap:
                tried.append((loud - gap, row))
        if not tried:
            return [(first, stop, mean(first, stop)) for first, stop in boxes]
        _, row = min(tried)
        boxes[row : row + 2] = [(boxes[row][0], boxes[row + 1][1])]


def joined_pauses(
    boxes: list[tuple[float, float, float, int]], runs: list[Box]
) -> list[tuple[float, float, float, int]]:
    """Boxes (onset, offset, score, class) set against runs of sound, run by run in plain words."""
    out = [box for box in boxes if not any(box[0] < run[1] and box[1] > run[0] for run in runs)]
    kept: set[int] = set()
    for run in runs:
        inside = [number for number, box in enumerate(boxes) if box[0] < run[1] and box[1] > run[0]]
        if not inside:
            continue
        own = sorted((boxes[number] for number in inside), key=lambda box: (box[0], box[1]))
        if len(own) == 1:
            stay = iou(own[0][:2], run) > 0.5
        else:
            apart = len({box[3] for box in own}) > 1
            shared = [
                min(one[1], two[1]) - two[0] > 0.2 * min(one[1] - one[0], two[1] - two[0])
                for one, two in itertools.pairwise(own)
            ]
            stay = apart or any(shared)
        if stay:
            kept.update(inside)
        else:
            best = max(own, key=lambda box: box[2])
            out.append((run[0], run[1], best[2], best[3]))
    return sorted(out + [boxes[number] for number in kept])
