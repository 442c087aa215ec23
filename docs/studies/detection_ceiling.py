"""How good can a detector be whose network makes no mistake, and what do mistakes cost? Targets and decoder alone.

Run: .venv/bin/python docs/studies/detection_ceiling.py      (about two minutes of one core; no data needed)

Scenes of 60 s with 130 events of about 0.12 s on frames of 20 ms, at four ratios of overlapping pairs to events. Truth
goes through the targets, the maps are made worse in one way at a time, and the decoder makes boxes of them again.
Thresholds on scores are chosen for F1@0.8 on four other scenes. Voxaboxen's decoder is a twin from its description.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.reference import voxaboxen

from tymbal.detection import (
    Boxes,
    DecodingConfig,
    EdgeMaps,
    TargetConfig,
    decode_edges,
    edge_targets,
    fuse,
    suppress,
)
from tymbal.evaluation.detection import match_boxes
from tymbal.units import FrameGrid

RATE, LENGTH_S, EVENTS, FRAMES = 50.0, 60.0, 130, 3000
RATIOS = (0.0, 0.29, 0.89, 2.3)
REACH = 3  # frames around an edge in which a network regresses that edge; further away it says 0.12 s from here on
SEEDS, TUNING_SEEDS = range(4), range(100, 104)
TARGETS = TargetConfig(slots=3)
GRID = FrameGrid(1 / RATE, 0.0, 1 / RATE)  # Voxaboxen's frames begin at multiples of the hop: so do these
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Damage:
    """What is done to perfect maps; everything in frames or in standard deviations."""

    blur: float = 0.0  # frames: heat smoothed, height 1 for a lone event
    score: float = 0.0  # logits of every peak's height, and false peaks up to that height
    place: float = 0.0  # frames: error of every regressed edge
    length: float = 0.0  # error of every regressed log duration
    doubles: float = 0.0  # share of events with a second peak two or three frames away
    coarse: bool = False  # no shift is regressed


DAMAGES = {
    "none": Damage(),
    "no shift within frames": Damage(coarse=True),
    "blurred by 1 frame": Damage(blur=1.0),
    "blurred by 2 frames": Damage(blur=2.0),
    "edges 0.25 frame, durations 10 %": Damage(place=0.25, length=0.1),
    "score noise 1": Damage(score=1.0),
    "doubles 20 %": Damage(doubles=0.2),
    "all: blur 1, edges, score, doubles": Damage(1.0, 1.0, 0.25, 0.1, 0.2),
}


def scene(ratio: float, seed: int) -> Boxes:
    """Events placed one by one, each steered so that overlapping pairs / events runs towards `ratio`."""
    random = np.random.default_rng([seed, round(100 * ratio)])
    onsets, offsets, pairs = np.zeros(0), np.zeros(0), 0
    for number in range(EVENTS):
        duration = 0.12 * np.exp(0.35 * random.normal())
        wanted = pairs < ratio * number
        for _ in range(1000):
            onset = random.uniform(0.2, LENGTH_S - 1.0)
            if wanted:  # over an event that is there, anywhere that they overlap
                row = random.integers(number)
                onset = random.uniform(max(0.1, onsets[row] - duration), offsets[row])
            met = int(((onset < offsets) & (onset + duration > onsets)).sum())
            if (met > 0) == wanted:
                break
        pairs += met
        onsets, offsets = np.append(onsets, onset), np.append(offsets, onset + duration)
    return Boxes.make(onsets, offsets).sorted()


def nearest(values: Array, frames: NDArray[np.int64], length: int) -> tuple[Array, Array]:
    """At every frame the value of the nearest event's edge, and how many frames away it is."""
    at = np.arange(length)
    row = np.abs(at[:, None] - frames[None]).argmin(axis=1)
    return values[row], frames[row] - at


def damaged(events: Boxes, reverse: bool, damage: Damage, seed: int) -> EdgeMaps:
    """Our maps, as a network with this fault would give them."""
    random = np.random.default_rng([7, seed, reverse])
    targets = edge_targets(events, GRID, FRAMES, "reverse" if reverse else "forward", TARGETS)
    heat = targets.heat.astype(np.float64)
    shift, length = np.zeros_like(heat), np.full_like(heat, np.log(6.0))
    for slot in range(len(heat)):
        own = targets.slot == slot
        if own.any():
            frames, count = targets.frame[own], int(own.sum())
            moved = targets.shift[own] * (not damage.coarse) + damage.place * random.normal(size=count)
            lengths = targets.log_duration[own] + damage.length * random.normal(size=count)
            filled, away = nearest(lengths, frames, FRAMES)
            placed, near = nearest(moved, frames, FRAMES)[0], np.abs(away) <= REACH
            length[slot] = np.where(near, filled, length[slot])
            shift[slot] = np.where(near, placed + away * (not damage.coarse), 0.0)
            heat[slot] = with_doubles(heat[slot], frames, damage, random)
        heat[slot] = worse(heat[slot], targets.frame[own], damage, random)
    return EdgeMaps(heat, shift, length)


def with_doubles(heat: Array, frames: NDArray[np.int64], damage: Damage, random: np.random.Generator) -> Array:
    """A second, lower peak beside some of the edges."""
    heat = heat.copy()
    for frame in frames[random.random(len(frames)) < damage.doubles].tolist():
        place = frame + random.choice([-3, -2, 2, 3])
        if 0 <= place < len(heat):
            heat[place] = max(heat[place], random.uniform(0.5, 0.9))
    return heat


def worse(heat: Array, frames: NDArray[np.int64], damage: Damage, random: np.random.Generator) -> Array:
    """Heat smoothed, and with noise on the logits of its peaks; false peaks where there are none."""
    if damage.blur:
        one = np.zeros(41)
        one[20 - 3 : 20 + 4] = np.exp(-0.5 * np.arange(-3, 4) ** 2)
        heat = gaussian_filter1d(heat, damage.blur) / gaussian_filter1d(one, damage.blur).max()
    if damage.score:
        gain = np.zeros(len(heat))
        if len(frames):
            gain = nearest(2.0 + damage.score * random.normal(size=len(frames)), frames, len(heat))[0]
        heat = np.minimum(heat, 1.0) / (1 + np.exp(-gain))
        false = random.choice(len(heat), 40, replace=False)
        heat[false] = np.maximum(heat[false], 1 / (1 + np.exp(-random.normal(-1.0, damage.score, 40))))
    return np.minimum(heat, 1.0)


def ours(events: Boxes, damage: Damage, seed: int, both: bool) -> Boxes:
    """Boxes of this toolkit's decoder."""
    decoding = DecodingConfig()
    found = [
        suppress(decode_edges(damaged(events, reverse, damage, seed), GRID, way, floor=decoding.floor), decoding)
        for reverse, way in ((False, "forward"), (True, "reverse"))[: 1 + both]
    ]
    return suppress(fuse(*found).boxes, decoding) if both else found[0]


def theirs(events: Boxes, damage: Damage, seed: int, both: bool) -> Boxes:
    """Boxes of Voxaboxen's decoder; their frames regress a duration in seconds and no shift."""
    rows = list(zip(events.onset_s.tolist(), events.offset_s.tolist(), strict=True))
    found = []
    for reverse in (False, True)[: 1 + both]:
        random = np.random.default_rng([7, seed, reverse])
        heat, durations = voxaboxen.targets(rows, RATE, FRAMES, reverse=reverse)
        frames = np.flatnonzero(durations)
        lengths = durations[frames] * np.exp(damage.length * random.normal(size=len(frames)))
        heat = worse(with_doubles(heat, frames, damage, random), frames, damage, random)
        filled, away = nearest(lengths, frames, FRAMES)
        durations = np.where(np.abs(away) <= REACH, filled, 0.12)
        found.append(voxaboxen.decode(heat, durations, RATE, reverse=reverse))
    boxes = voxaboxen.combine(*found) if both else found[0]
    columns = list(zip(*boxes, strict=True)) or [[], [], []]
    return Boxes.make(columns[0], columns[1], score=columns[2])


Decoder = Callable[[Boxes, Damage, int, bool], Boxes]


def f1(found: list[tuple[Boxes, Boxes]], threshold: float, iou: float) -> float:
    """F1 over scenes, of pairs (reference, detected)."""
    matched = references = kept_in_all = 0
    for truth, boxes in found:
        kept = boxes.take(boxes.score >= threshold)
        pairs = match_boxes(truth.edges_s, kept.edges_s, minimum_iou=iou)
        matched, references, kept_in_all = matched + len(pairs.iou), references + len(truth), kept_in_all + len(kept)
    return 2 * matched / (references + kept_in_all)


def measured(decoder: Decoder, ratio: float, damage: Damage, both: bool) -> tuple[float, float]:
    """F1 at IoU 0.5 and 0.8 on the four scenes, thresholds from four others."""

    def run(seeds: range) -> list[tuple[Boxes, Boxes]]:
        scenes = [(scene(ratio, seed), seed) for seed in seeds]
        return [(truth, decoder(truth, damage, seed, both)) for truth, seed in scenes]

    tuning, test = run(TUNING_SEEDS), run(SEEDS)
    threshold = max(np.arange(0.05, 1.0, 0.05).tolist(), key=lambda value: f1(tuning, value, 0.8))
    return f1(test, threshold, 0.5), f1(test, threshold, 0.8)


def main() -> None:
    """Print one table per kind of damage, as Markdown."""
    scenes = [[scene(ratio, seed) for seed in SEEDS] for ratio in RATIOS]
    told = []
    for row in scenes:
        pairs = sum(((a.onset_s[:, None] < a.offset_s) & (a.offset_s[:, None] > a.onset_s)).sum() - len(a) for a in row)
        told.append(f"{pairs / 2 / sum(map(len, row)):.2f}")
    print("| maps | decoder | " + " | ".join(f"overlap {ratio}" for ratio in told) + " |")
    print("|---|---|" + "---|" * len(RATIOS))
    decoders: dict[str, tuple[Decoder, bool]] = {
        "forward": (ours, False),
        "forward + reverse": (ours, True),
        "Voxaboxen's, forward": (theirs, False),
        "Voxaboxen's, both": (theirs, True),
    }
    for name, damage in DAMAGES.items():
        for title, (decoder, both) in decoders.items():
            if decoder is theirs and damage.coarse:
                continue
            values = [measured(decoder, ratio, damage, both) for ratio in RATIOS]
            print(f"| {name} | {title} | " + " | ".join(f"{low:.2f} / {high:.2f}" for low, high in values) + " |")


if __name__ == "__main__":
    main()
