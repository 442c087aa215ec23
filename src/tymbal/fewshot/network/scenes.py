"""Training examples: made scenes seen exactly as a finder sees recordings, by the same code.

A scene is rendered, its prompt annotated as a person would, the analysis scale chosen from the examples, and support
and query become pictures of 24 frames or so to a median call. Example i is a function of the settings and i alone.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import soundfile
from numpy.random import Generator
from numpy.typing import NDArray

from tymbal.audio import AudioReader
from tymbal.errors import UsageError
from tymbal.fewshot.network.curves import Curves
from tymbal.fewshot.network.labels import POS, UNK, Labels, frame_labels
from tymbal.fewshot.picture import frames_of, view
from tymbal.fewshot.prompt import Prompt, Shot
from tymbal.fewshot.scale import Scale, choose_scale
from tymbal.fewshot.support import Support, look
from tymbal.synthesis import Scene, SceneGenerator, ScenePlan, fewshot_plan
from tymbal.synthesis.backgrounds import Backgrounds
from tymbal.synthesis.distributions import Distribution, constant, log_uniform, uniform
from tymbal.synthesis.truth import Call

SUPPORT_FRAMES, QUERY_FRAMES = 1280, 3072  # kept of a scene at most
GAP_FRAMES = 16  # of nothing between two stretches of a support
LEVEL_STEPS = 16.0  # of a pixel's unit in a byte
LEAST = 3  # calls in a prompt, so that most scenes show more than one example
SHOTS = (1, 2, 3, 4, 5, 5, 5, 6, 8, 10)
FLOOR_DB = (5.0, -8.0)  # of the SNR of classes: at the first scene, and from the end of the ramp on
MOST_DB = 22.0
TARGET = "target0"
PARTS = ("mutants", "rooms", "backgrounds", "families", "jitter", "faults", "empty", "ramp")
# (weight, rate, durations of calls (s), prompt and query (s), calls per second, lowest and highest fundamental (Hz))
LENGTHS = (
    (0.35, 16_000, (0.04, 0.15), (6.0, 4.0), (0.3, 3.0), (200.0, 6500.0)),
    (0.45, 16_000, (0.15, 0.6), (14.0, 9.0), (0.1, 1.2), (60.0, 6500.0)),
    (0.20, 8_000, (0.6, 2.0), (30.0, 20.0), (0.05, 0.4), (30.0, 3200.0)),
)


@dataclass(frozen=True)
class SceneSettings:
    """What training scenes are like.

    Parameters
    ----------
    seed : of everything.
    ramp : scenes over which the lowest SNR falls from FLOOR_DB[0] to FLOOR_DB[1].
    without : parts of the generator that are left out, of PARTS, to see what they are worth.
    """

    seed: int = 0
    ramp: int = 1000
    without: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in self.without:
            if name not in PARTS:
                raise UsageError(f"unknown part {name!r}", parameter="without", allowed=", ".join(PARTS))
        if self.ramp < 0 or self.seed < 0:
            raise UsageError(f"ramp {self.ramp}, seed {self.seed}", where="SceneSettings", allowed="0 or more")


@dataclass(frozen=True, eq=False)
class Example:
    """One scene as the network sees it.

    support (frames, bands) and query (frames, bands) uint8: (level + 1) * LEVEL_STEPS. labels (frames,) of the support.
    target (frames,) of the query: 1 in a call, 0 outside, UNK where nobody could tell. curves (frames, 2) float16.
    events (n, 2): first and last frame edge of each call of the query. median : frames of a median example.
    """

    support: NDArray[np.uint8]
    labels: Labels
    query: NDArray[np.uint8]
    target: NDArray[np.uint8]
    curves: NDArray[np.float16]
    events: NDArray[np.float32]
    median: float


@dataclass(frozen=True)
class ExampleWork:
    """The work on one example; picklable."""

    settings: SceneSettings

    def __call__(self, index: int) -> Example:
        with tempfile.TemporaryDirectory(prefix="tymbal-scenes-") as folder:
            return make_example(self.settings, index, Path(folder))


def make_example(settings: SceneSettings, index: int, folder: Path) -> Example:
    """Example `index`; `folder` holds its sound for a moment."""
    rng = np.random.default_rng([settings.seed, index, 7])
    attempt = 0
    while True:  # a scene whose every target call was missed by its annotator or inaudible shows nothing
        number = index + attempt * 10**6
        prompt, query = training_generator(settings, index, rng).parts(number)
        if any(call.label == TARGET and call.truth == "POS" for call in prompt.annotated):
            break
        attempt += 1
    paths = [folder / f"{index}-{attempt}-{part}.wav" for part in ("prompt", "query")]
    for path, scene in zip(paths, (prompt, query), strict=True):
        soundfile.write(path, scene.waveform, scene.sample_rate_hz, subtype="PCM_16")
    try:
        return _seen(_asked(prompt, paths[0], rng), query, paths[1], rng)
    finally:
        for path in paths:
            path.unlink()


def training_generator(settings: SceneSettings, index: int, rng: Generator) -> SceneGenerator:
    """The generator that scene `index` comes from."""
    length = int(np.searchsorted(np.cumsum([each[0] for each in LENGTHS]), rng.random(), side="right"))
    share = 1.0 if "ramp" in settings.without else min(1.0, index / max(settings.ramp, 1))
    floor = round(FLOOR_DB[0] + share * (FLOOR_DB[1] - FLOOR_DB[0]))
    return _generator(settings, min(length, len(LENGTHS) - 1), floor)


@lru_cache(maxsize=128)
def _generator(settings: SceneSettings, length: int, floor_db: int) -> SceneGenerator:
    return SceneGenerator(training_plan(settings, length, floor_db))


def training_plan(settings: SceneSettings, length: int, floor_db: float) -> ScenePlan:
    """The plan of scenes whose calls are of lengths number `length` and of SNR `floor_db` and more."""
    _, rate, durations, (prompt_s, query_s), calls, pitches = LENGTHS[length]
    plan = fewshot_plan(prompt_s=prompt_s, query_s=query_s, scenes=10**9, seed=settings.seed + 1000 * length)
    plan = replace(
        plan,
        parts=(replace(plan.parts[0], least=LEAST), *plan.parts[1:]),
        sample_rate_hz=rate,
        reference_rate_hz=rate,
        voices=replace(plan.voices, duration_s=log_uniform(*durations), f0_hz=log_uniform(*pitches)),
        calls=replace(plan.calls, rate_per_s=log_uniform(*calls)),
        levels=replace(plan.levels, snr_db=uniform(floor_db, MOST_DB)),
        annotator=replace(plan.annotator, jitter_s=uniform(0.0, min(0.02, 0.15 * durations[0]))),
    )
    for name in settings.without:
        plan = _without(plan, name)
    return plan


def _without(plan: ScenePlan, name: str) -> ScenePlan:
    """The plan without one part of it ("ramp" is no part of a plan)."""
    if name == "mutants":
        return replace(plan, classes=replace(plan.classes, distractor_kinds={"other": 1.0}))
    if name == "rooms":
        return replace(plan, rooms=replace(plan.rooms, kinds={"none": 1.0}))
    if name == "backgrounds":
        white = Backgrounds(
            slope=constant(0), tilt_db=constant(0), swell_db=constant(0), rain=constant(0), hum=0.0, mixed=0.0
        )
        return replace(plan, backgrounds=replace(white, low_pass=Distribution(constant=1.0)))
    if name == "families":
        return replace(plan, voices=replace(plan.voices, families={"tone": 1.0}))
    if name == "jitter":
        alike = replace(plan.voices, jitter_octaves=constant(0.01), jitter_duration=constant(0.05))
        return replace(plan, voices=alike)
    if name == "faults":
        return replace(plan, annotator=replace(plan.annotator, missed=0.0, jitter_s=constant(0), merge_s=constant(0)))
    if name == "empty":
        return replace(plan, parts=tuple(replace(part, empty=0.0, least=1) for part in plan.parts))
    return plan


def _asked(scene: Scene, path: Path, rng: Generator) -> Prompt:
    """What a person would hand over: the first few calls, some counter-examples, not all that is there."""

    def shots(calls: Sequence[Call], bands: bool) -> list[Shot]:
        return [
            Shot(str(path), None, c.onset_s, c.offset_s, *((c.low_hz, c.high_hz) if bands else (None, None)))
            for c in calls
        ]

    mine = [call for call in scene.annotated if call.label == TARGET]
    heard = [call for call in mine if call.truth == "POS"]
    bands, count = bool(rng.random() < 0.4), int(rng.choice(SHOTS))
    unknown = shots([call for call in mine if call.truth == "UNK"], False) if rng.random() < 0.7 else []
    if rng.random() < 0.5:
        unknown += shots(heard[count:], False)
    others = [call for call in scene.annotated if call.truth == "NEG"]
    negatives = shots(others, False) if rng.random() < 0.3 else []
    return Prompt(TARGET, tuple(shots(heard[:count], bands)), tuple(negatives), tuple(unknown))


def _seen(prompt: Prompt, query: Scene, path: Path, rng: Generator) -> Example:
    scale = choose_scale(prompt.shots)
    support = look(prompt, scale)
    everyone = list(range(len(support.places)))
    curves = Curves.fit(support, everyone)
    with AudioReader(path, None, scale.sample_rate_hz) as reader:
        frames = frames_of(reader.samples, scale)
        pixels = view(reader, scale, 0, frames)
    target, events = _targets(query, scale, frames)
    first = int(rng.integers(max(1, frames - QUERY_FRAMES + 1)))
    kept = slice(first, first + QUERY_FRAMES)
    inside = (events[:, 1] > first) & (events[:, 0] < first + QUERY_FRAMES)
    shown, labels = _support(support, everyone)
    return Example(
        as_bytes(shown),
        labels,
        as_bytes(pixels[kept]),
        target[kept],
        curves(pixels)[kept].astype(np.float16),
        (events[inside] - first).astype(np.float32),
        float(support.median_frames),
    )


def _targets(query: Scene, scale: Scale, frames: int) -> tuple[Labels, NDArray[np.float64]]:
    """What each frame is, and the calls (n, 2) in frames, their edges between centres."""
    target = np.zeros(frames, np.uint8)
    events = []
    for truth, value in (("UNK", UNK), ("POS", POS)):
        for call in query.calls:
            if call.label == TARGET and call.truth == truth:
                inside = scale.grid.span(call.onset_s, call.offset_s, frames)
                target[inside] = value
                if truth == "POS":
                    events.append((scale.grid.position(call.onset_s), scale.grid.position(call.offset_s)))
    return target, np.array(events, np.float64).reshape(-1, 2)


def _support(support: Support, shots: list[int]) -> tuple[NDArray[np.float32], Labels]:
    """Pixels and labels of all stretches one after the other, the part of SUPPORT_FRAMES that shows most examples."""
    pixels, labels = [], []
    bands = support.stretches[0].picture.pixels.shape[1]
    for stretch, own in zip(support.stretches, frame_labels(support, shots), strict=True):
        pixels += [stretch.picture.pixels, np.zeros((GAP_FRAMES, bands), np.float32)]
        labels += [own, np.full(GAP_FRAMES, UNK, np.uint8)]
    shown, told = np.concatenate(pixels[:-1]), np.concatenate(labels[:-1])
    if len(shown) <= SUPPORT_FRAMES:
        return shown, told
    sums = np.concatenate([[0], np.cumsum(told == POS)])
    inside = sums[SUPPORT_FRAMES:] - sums[:-SUPPORT_FRAMES]
    most = np.flatnonzero(inside == inside.max())
    first = int(most[len(most) // 2])
    return shown[first : first + SUPPORT_FRAMES], told[first : first + SUPPORT_FRAMES]


def as_bytes(pixels: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Levels in bytes; they lie between -1 and 15."""
    return np.asarray(np.clip(np.rint((pixels + 1) * LEVEL_STEPS), 0, 255), dtype=np.uint8)
