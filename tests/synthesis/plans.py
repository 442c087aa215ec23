"""Plans that the tests of this room share."""

from __future__ import annotations

from dataclasses import replace

from tymbal.synthesis import Distribution, ScenePlan
from tymbal.synthesis.distributions import choice, constant
from tymbal.synthesis.plan import Part
from tymbal.synthesis.recorder import Recorder
from tymbal.synthesis.rooms import Rooms

LINEAR = Recorder(clipped=0.0, high_pass=constant(0.0), bits=constant(32))
DRY = Rooms(kinds={"none": 1.0})


def dry_plan(seconds: float = 10.0, **changes: object) -> ScenePlan:
    """Everything as by default, but the recorder adds nothing and there are no echoes; several classes each time."""
    plan = ScenePlan(scenes=40, seed=5, parts=(Part(duration_s=seconds),), rooms=DRY, recorder=LINEAR)
    classes = replace(plan.classes, targets=choice(1, 2), distractors=choice(1, 2, 3))
    return replace(plan, classes=classes, **changes)  # type: ignore[arg-type]


def short_calls(plan: ScenePlan, number: int, ratio: float) -> ScenePlan:
    """`number` calls of about 0.12 s, steered to a ratio of overlap."""
    voices = replace(plan.voices, duration_s=Distribution(log_uniform=(0.08, 0.17)), jitter_duration=constant(0.05))
    calls = replace(plan.calls, events=constant(number), overlap_ratio=constant(ratio))
    return replace(plan, voices=voices, calls=calls)
