"""The classes that sound in one scene: where their exemplars come from, how loud they are, in which room."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from tymbal.synthesis.distributions import pick
from tymbal.synthesis.exemplars import Source, VoiceSource
from tymbal.synthesis.plan import ScenePlan
from tymbal.synthesis.rooms import draw_response
from tymbal.synthesis.seeding import Purpose, stream
from tymbal.synthesis.voices import Voice, draw_voice, mutate

if TYPE_CHECKING:
    from tymbal.synthesis.bank import Bank


@dataclass(frozen=True)
class SceneClass:
    """One class in one scene, the same in all its parts."""

    label: str
    target: bool
    source: Source
    response: NDArray[np.float32] | None
    snr_db: float
    spread_db: float


def pool_label(number: int) -> str:
    """The label of class `number` of a vocabulary."""
    return f"v{number:03d}"


def labels_of(plan: ScenePlan) -> tuple[str, ...]:
    """Every label that scenes of the plan can hold."""
    if plan.classes.pool:
        return tuple(pool_label(number) for number in range(plan.classes.pool))
    counts = {"target": plan.classes.targets.bounds[1], "other": plan.classes.distractors.bounds[1]}
    return tuple(f"{name}{number}" for name, most in counts.items() for number in range(round(most)))


def scene_classes(plan: ScenePlan, index: int, bank: Bank | None) -> tuple[SceneClass, ...]:
    """The classes of scene `index`, targets first."""
    rng = stream(plan.seed, index, Purpose.CLASSES)
    targets, others = plan.classes.targets.count(rng), plan.classes.distractors.count(rng)
    if plan.classes.pool:
        numbers = rng.permutation(plan.classes.pool)[: targets + others].tolist()
        named = [(pool_label(number), pool_source(plan, number, bank)) for number in numbers]
    else:
        chosen: list[Source] = [new_source(plan, rng, bank) for _ in range(targets)]
        chosen += [_distractor(plan, chosen[:targets], rng, bank) for _ in range(others)]
        names = [f"target{at}" for at in range(targets)] + [f"other{at}" for at in range(others)]
        named = list(zip(names, chosen, strict=True))
    rooms = stream(plan.seed, index, Purpose.ROOMS)
    levels = stream(plan.seed, index, Purpose.LEVELS)
    found = []
    for at, (label, source) in enumerate(named):
        response = draw_response(plan.rooms, float(plan.reference_rate_hz), rooms)
        snr_db, spread_db = plan.levels.snr_db.draw(levels), plan.levels.spread_db.draw(levels)
        found.append(SceneClass(label, at < targets, source, response, snr_db, spread_db))
    return tuple(found)


def pool_source(plan: ScenePlan, number: int, bank: Bank | None) -> Source:
    """Class `number` of the vocabulary."""
    return new_source(plan, stream(plan.seed, number, Purpose.POOL), bank)


def new_source(plan: ScenePlan, rng: Generator, bank: Bank | None) -> Source:
    """A new class: rendered, or a cluster of the bank."""
    recorded = rng.random() < plan.classes.recorded
    if recorded and bank is not None:
        return bank.source(rng)
    return VoiceSource(draw_voice(plan.voices, rng, float(plan.reference_rate_hz)), float(plan.reference_rate_hz))


def _distractor(plan: ScenePlan, targets: list[Source], rng: Generator, bank: Bank | None) -> Source:
    kind = pick(rng, plan.classes.distractor_kinds)
    voices: list[Voice] = [source.voice for source in targets if isinstance(source, VoiceSource)]
    rate_hz = float(plan.reference_rate_hz)
    if kind == "other" or not voices:
        return new_source(plan, rng, bank)
    model = voices[int(rng.integers(len(voices)))]
    if kind == "mutant":
        return VoiceSource(mutate(model, rng, rate_hz), rate_hz)
    other = draw_voice(plan.voices, rng, rate_hz)
    return VoiceSource(replace(other, duration_s=model.duration_s, syllables=model.syllables), rate_hz)
