"""The plan of scenes: every distribution named in one TOML file, the same dataclass in Python."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tymbal.config import digest, from_plain, load, to_plain
from tymbal.errors import ConfigError
from tymbal.synthesis.annotator import Annotator
from tymbal.synthesis.backgrounds import Backgrounds
from tymbal.synthesis.distributions import Distribution, check_weights, choice, constant
from tymbal.synthesis.levels import Levels
from tymbal.synthesis.placement import Calls
from tymbal.synthesis.recorder import Recorder
from tymbal.synthesis.rooms import Rooms
from tymbal.synthesis.voices import Voices

VERSION = 2  # of the generator: a change that changes any sample of any scene raises it
DISTRACTORS = ("other", "mutant", "alike")
RATES_HZ = (1_000, 1_000_000)


@dataclass(frozen=True)
class Part:
    """One stretch of sound of a scene; parts share classes, rooms and loudness, as prompt and query must.

    Parameters
    ----------
    name : ends the name of the recording where a scene has several parts.
    duration_s : of the part.
    empty : share of scenes in which the part holds no target call.
    least : target calls there are at least, unless it is empty.
    shift : share of scenes in which the part has a background of its own instead of the first part's.
    """

    name: str = "scene"
    duration_s: float = 10.0
    empty: float = 0.0
    least: int = 0
    shift: float = 0.0


@dataclass(frozen=True)
class Classes:
    """Which classes sound in a scene.

    Parameters
    ----------
    pool : size of a vocabulary that all scenes draw from, labelled "v000" …; 0 makes new classes for every scene,
        labelled "target0" … and "other0" … .
    targets : classes whose calls are POS.
    distractors : classes whose calls are NEG.
    distractor_kinds : weights of "other" (any class), "mutant" (a near relative of a target) and "alike" (another
        class of a target's duration); the last two need pool = 0 and a parametric target.
    recorded : share of new classes cut from recordings (a cluster of the bank) instead of rendered from a voice.
    """

    pool: int = 0
    targets: Distribution = Distribution(choice=(1.0, 2.0), weights=(0.9, 0.1))
    distractors: Distribution = choice(0, 1, 2, 3, 4)
    distractor_kinds: dict[str, float] = field(default_factory=lambda: {"other": 0.5, "mutant": 0.35, "alike": 0.15})
    recorded: float = 0.0


@dataclass(frozen=True)
class ScenePlan:
    """Everything that decides what scenes sound like; scene i is a function of the plan and i alone.

    Parameters
    ----------
    scenes : how many there are.
    seed : of everything; 0 … 2^63 - 1.
    sample_rate_hz : of the scenes.
    reference_rate_hz : the rate that seconds and Hz of this plan are written for. At another sample rate all
        frequencies are multiplied, and all times divided, by the ratio: the plan that makes songbirds at 16 kHz makes
        bats at 256 kHz. Equal rates take the plan as it stands.
    parts : one for detection; a prompt and a query for few-shot learning.
    bank : folder of cuts and backgrounds of a user's recordings (`tymbal synth cuts`).
    """

    scenes: int = 1000
    seed: int = 0
    sample_rate_hz: int = 16_000
    reference_rate_hz: int = 16_000
    bank: Path | None = None
    parts: tuple[Part, ...] = (Part(),)
    classes: Classes = Classes()
    voices: Voices = Voices()
    calls: Calls = Calls()
    levels: Levels = Levels()
    backgrounds: Backgrounds = Backgrounds()
    rooms: Rooms = Rooms()
    recorder: Recorder = Recorder()
    annotator: Annotator = Annotator()

    @property
    def speed(self) -> float:
        """How many times faster and higher than written everything is."""
        return self.sample_rate_hz / self.reference_rate_hz

    @property
    def identity(self) -> str:
        """Content address of what scene i sounds like; the number of scenes and the bank's place are no part of it."""
        return digest({"version": VERSION, "plan": {**plain_plan(self), "scenes": None, "bank": None}})

    def check(self, where: object = "ScenePlan") -> None:
        """Raise ConfigError naming the first field that cannot be."""
        self._check_numbers(where)
        self._check_parts(where)
        classes, rate_hz = self.classes, float(self.reference_rate_hz)
        if not 0 <= classes.pool <= 100_000:
            raise ConfigError(f"classes.pool: {classes.pool}", where=where, allowed="0 (new classes) to 100000")
        most = 64 if classes.pool == 0 else classes.pool
        classes.targets.check("classes.targets", 0, most, where=where)
        classes.distractors.check("classes.distractors", 0, most, where=where)
        if classes.targets.bounds[1] + classes.distractors.bounds[1] > most:
            raise ConfigError(
                f"classes: up to {classes.targets.bounds[1] + classes.distractors.bounds[1]:g} classes in a scene",
                where=where,
                allowed=f"{most} with classes.pool = {classes.pool}",
                mend="Lower classes.targets or classes.distractors, or raise classes.pool.",
            )
        check_weights("classes.distractor_kinds", classes.distractor_kinds, DISTRACTORS, where=where)
        self.voices.check(where, rate_hz)
        self.calls.check(where)
        self.levels.check(where)
        self.backgrounds.check(where, rate_hz)
        self.rooms.check(where)
        self.recorder.check(where)
        self.annotator.check(where)
        shares = {
            "classes.recorded": classes.recorded,
            "backgrounds.hum": self.backgrounds.hum,
            "backgrounds.mixed": self.backgrounds.mixed,
            "backgrounds.recorded": self.backgrounds.recorded,
        }
        for name, share in shares.items():
            if not 0 <= share <= 1:
                raise ConfigError(f"{name}: {share}", where=where, allowed="0 to 1")
        if self.bank is None and (classes.recorded > 0 or self.backgrounds.recorded > 0):
            raise ConfigError(
                "classes.recorded or backgrounds.recorded is above 0, but there is no bank of recordings",
                where=where,
                mend="Make one with: tymbal synth cuts RECORDINGS -o BANK, and name it: bank = 'BANK'.",
            )

    def _check_numbers(self, where: object) -> None:
        rates = (*RATES_HZ, f"{RATES_HZ[0]} to {RATES_HZ[1]} Hz")
        ranges = {
            "scenes": (1, 10**9, "1 to 10^9"),
            "seed": (0, 2**63 - 1, "0 to 2^63 - 1"),
            "sample_rate_hz": rates,
            "reference_rate_hz": rates,
        }
        for name, (least, most, allowed) in ranges.items():
            value = getattr(self, name)
            if not least <= value <= most:
                field_of_file = not isinstance(where, str)
                parameter = None if field_of_file else name
                raise ConfigError(f"{name} is {value}", where=where, allowed=allowed, parameter=parameter)

    def _check_parts(self, where: object) -> None:
        names = [part.name for part in self.parts]
        if not names or len(set(names)) < len(names) or len(names) > 16:
            raise ConfigError(f"parts: named {names}", where=where, allowed="1 to 16 parts of different names")
        for part in self.parts:
            if not part.name.isidentifier():
                raise ConfigError(f"parts.name: {part.name!r}", where=where, allowed="letters, digits and _")
            if not (math.isfinite(part.duration_s) and 0.1 <= part.duration_s <= 3600):
                raise ConfigError(f"parts.duration_s: {part.duration_s}", where=where, allowed="0.1 to 3600 s")
            if not (0 <= part.empty <= 1 and 0 <= part.shift <= 1 and 0 <= part.least <= 1000):
                raise ConfigError(
                    f"parts: empty {part.empty}, shift {part.shift}, least {part.least}",
                    where=where,
                    allowed="empty and shift 0 to 1, least 0 to 1000",
                )


def load_plan(path: Path) -> ScenePlan:
    """Read and check a plan; a relative `bank` is looked for beside the file. ConfigError names file and field."""
    from dataclasses import replace

    path = Path(path)
    plan = load(ScenePlan, path)
    plan.check(path)
    if plan.bank is not None and not plan.bank.is_absolute():
        plan = replace(plan, bank=path.parent / plan.bank)
    return plan


def plain_plan(plan: ScenePlan) -> dict[str, Any]:
    """The plan as plain values of the types that its file gives: 1 and 1.0 are one plan."""
    plain: dict[str, Any] = to_plain(from_plain(ScenePlan, to_plain(plan)))
    return plain


def plan_text(plan: ScenePlan) -> str:
    """The plan as TOML with one line per field, a table per section; `load_plan` reads it back equal."""
    plain = {name: value for name, value in plain_plan(plan).items() if value is not None}
    parts = plain.pop("parts")
    sections = {name: value for name, value in plain.items() if isinstance(value, dict)}
    lines = [f"{name} = {_inline(value)}" for name, value in plain.items() if name not in sections]
    for part in parts:
        lines += ["", "[[parts]]", *(f"{name} = {_inline(value)}" for name, value in part.items())]
    for name, section in sections.items():
        held = {key: value for key, value in section.items() if value is not None}
        lines += ["", f"[{name}]", *(f"{key} = {_inline(value)}" for key, value in held.items())]
    return "\n".join(lines) + "\n"


def _inline(value: Any) -> str:
    """A value on one line of TOML."""
    if isinstance(value, dict):
        inner = ", ".join(f"{key} = {_inline(item)}" for key, item in value.items() if item is not None)
        return f"{{ {inner} }}"
    if isinstance(value, list):
        return f"[{', '.join(_inline(item) for item in value)}]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        import json

        return json.dumps(value, ensure_ascii=False)
    return repr(value)


def fewshot_plan(*, prompt_s: float = 30.0, query_s: float = 10.0, **options: Any) -> ScenePlan:
    """A plan with a prompt and a query: the prompt holds a target call always, the query none in 18 of 100 scenes."""
    prompt = Part("prompt", prompt_s, least=1)
    query = Part("query", query_s, empty=0.18, shift=0.5)
    return ScenePlan(parts=(prompt, query), **options)


def boxes_plan(classes: int = 8, *, duration_s: float = 10.0, **options: Any) -> ScenePlan:
    """A plan for detection: a vocabulary of `classes`, several of them targets in every scene, nothing else."""
    several = Classes(pool=classes, targets=choice(*range(1, min(classes, 4) + 1)), distractors=constant(0))
    return ScenePlan(parts=(Part(duration_s=duration_s),), classes=several, **options)
