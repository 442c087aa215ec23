"""Voices: a class of vocalisation is a vector of parameters, an exemplar the same vector jittered.

Families and ranges follow what animals do (Bradbury and Vehrencamp 2011, Principles of Animal Communication, ch. 2):
tones, source-filtered harmonics (Fant 1960), trills, pulse trains, noise bands, clicks, buzzes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields, replace

import numpy as np
from numpy.random import Generator

from tymbal.synthesis.distributions import Distribution, check_weights, choice, log_uniform, pick, uniform

HIGHEST = 0.45  # of the sample rate: no call reaches beyond, so that nothing aliases
LOWEST = 1e-4  # of the sample rate: above zero, whatever contour and jitter do
SHORTEST_S, LONGEST_S = 0.005, 20.0
CLICK_S = 0.15  # of a call for each of its clicks at most: clicks further apart would be calls of their own
MUTATIONS = ("octave", "duration", "contour", "rate")

WEIGHTS = {"tone": 0.22, "harmonic": 0.24, "trill": 0.14, "pulses": 0.12, "noise": 0.12, "click": 0.08, "buzz": 0.08}


@dataclass(frozen=True)
class Voices:
    """How classes of vocalisation are drawn. Seconds and Hz are those of the plan's reference rate.

    Parameters
    ----------
    families : weight of each family.
    duration_s : the whole vocalisation, syllables and the gaps between them (clicks are as short as their decay).
    f0_hz : fundamental, or centre of the band.
    knots : points of the pitch contour, evenly spaced in a syllable.
    contour_octaves : standard deviation of the contour at its knots.
    vibrato_hz, vibrato_octaves : rate and depth of frequency modulation.
    am_hz, am_depth : rate and depth (0–1) of amplitude modulation.
    syllables, gap : how many, and the silence between two as a share of a syllable.
    attack, release : rise and fall, shares of a syllable (together at most 1).
    rolloff_db : fall of the harmonics' source per octave.
    formants, formant_octaves : resonances of the filter and their width.
    width_octaves : of noise bands and buzzes.
    repeat_hz : elements per second of trills, pulse trains and buzzes.
    duty : sounding share of a trill's element.
    decay_s : time constant of pulses and clicks.
    jitter_octaves, jitter_duration : per class, how far exemplars stray (standard deviations, octaves and natural log).
    """

    families: dict[str, float] = field(default_factory=lambda: dict(WEIGHTS))
    duration_s: Distribution = log_uniform(0.04, 2.5)
    f0_hz: Distribution = log_uniform(60.0, 6500.0)
    knots: Distribution = choice(2, 3, 4, 5, 6)
    contour_octaves: Distribution = choice(0.03, 0.15, 0.4)
    vibrato_hz: Distribution = log_uniform(4.0, 60.0)
    vibrato_octaves: Distribution = Distribution(choice=(0.0, 0.02, 0.08), weights=(0.5, 0.3, 0.2))
    am_hz: Distribution = log_uniform(4.0, 60.0)
    am_depth: Distribution = Distribution(choice=(0.0, 0.4, 0.9), weights=(0.5, 0.3, 0.2))
    syllables: Distribution = Distribution(choice=(1, 2, 3, 4, 5), weights=(0.5, 0.2, 0.14, 0.09, 0.07))
    gap: Distribution = log_uniform(0.1, 1.2)
    attack: Distribution = log_uniform(0.02, 0.5)
    release: Distribution = log_uniform(0.05, 0.5)
    rolloff_db: Distribution = uniform(3.0, 15.0)
    formants: Distribution = choice(1, 2, 3, 4)
    formant_octaves: Distribution = uniform(0.2, 0.8)
    width_octaves: Distribution = log_uniform(0.2, 2.0)
    repeat_hz: Distribution = log_uniform(5.0, 80.0)
    duty: Distribution = uniform(0.4, 0.9)
    decay_s: Distribution = log_uniform(0.0008, 0.008)
    jitter_octaves: Distribution = choice(0.01, 0.04, 0.1)
    jitter_duration: Distribution = choice(0.05, 0.15, 0.35)

    def check(self, where: object, rate_hz: float) -> None:
        """Raise ConfigError naming the first field that cannot be rendered at `rate_hz`."""
        from tymbal.synthesis.families import RENDERERS

        check_weights("voices.families", self.families, tuple(RENDERERS), where=where)
        ranges = {
            "duration_s": (SHORTEST_S, LONGEST_S),
            "f0_hz": (LOWEST * rate_hz, HIGHEST * rate_hz),
            "knots": (1, 16),
            "contour_octaves": (0, 2),
            "vibrato_hz": (0, rate_hz / 100),
            "vibrato_octaves": (0, 1),
            "am_hz": (0, rate_hz / 100),
            "am_depth": (0, 1),
            "syllables": (1, 50),
            "gap": (0, 10),
            "attack": (0, 0.5),
            "release": (0, 0.5),
            "rolloff_db": (0, 60),
            "formants": (0, 8),
            "formant_octaves": (0.05, 4),
            "width_octaves": (0.05, 6),
            "repeat_hz": (0.5, rate_hz / 32),
            "duty": (0.05, 1),
            "decay_s": (2 / rate_hz, 0.5),
            "jitter_octaves": (0, 1),
            "jitter_duration": (0, 1),
        }
        for name, (low, high) in ranges.items():
            getattr(self, name).check(f"voices.{name}", low, high, where=where)


@dataclass(frozen=True)
class Voice:
    """One class of vocalisation, or one exemplar of it: fields as in `Voices`, drawn."""

    family: str
    duration_s: float
    f0_hz: float
    contour: tuple[float, ...]  # octaves away from f0 at even knots
    vibrato_hz: float
    vibrato_octaves: float
    am_hz: float
    am_depth: float
    syllables: int
    gap: float
    attack: float
    release: float
    rolloff_db: float
    formants_hz: tuple[float, ...]
    formant_octaves: float
    width_octaves: float
    repeat_hz: float
    duty: float
    decay_s: float
    jitter_octaves: float
    jitter_duration: float


def draw_voice(plan: Voices, rng: Generator, rate_hz: float) -> Voice:
    """A new class. Formants are spread over the octaves between its fundamental and the highest frequency allowed."""
    family = pick(rng, plan.families)
    plain = {part.name for part in fields(Voice)} - {"family", "contour", "syllables", "formants_hz"}
    drawn = {name: getattr(plan, name).draw(rng) for name in sorted(plain)}  # sorted: the order of draws is fixed
    knots = plan.knots.count(rng)
    contour = rng.normal(0.0, plan.contour_octaves.draw(rng), knots)
    octaves = math.log2(HIGHEST * rate_hz / drawn["f0_hz"])
    places = np.sort(rng.uniform(0.0, max(octaves, 0.1), plan.formants.count(rng)))
    formants = tuple(float(drawn["f0_hz"] * 2.0**place) for place in places)
    syllables = plan.syllables.count(rng)
    if family == "click":
        drawn["duration_s"] = max(min(drawn["duration_s"], CLICK_S * syllables), SHORTEST_S)
    offsets = tuple(float(value) for value in contour - contour.mean())
    return Voice(family=family, contour=offsets, syllables=syllables, formants_hz=formants, **drawn)


def realise(voice: Voice, rng: Generator) -> Voice:
    """One exemplar of a class: pitch, duration, repetition and contour jittered by the class's own measures."""
    pitch, length, repeat = rng.normal(size=3)
    bend = rng.normal(size=len(voice.contour))
    stretch = math.exp(voice.jitter_duration * float(np.clip(length, -2.5, 2.5)))
    return replace(
        voice,
        f0_hz=voice.f0_hz * 2.0 ** (voice.jitter_octaves * float(pitch)),
        duration_s=min(max(voice.duration_s * stretch, SHORTEST_S), LONGEST_S),
        repeat_hz=voice.repeat_hz * math.exp(0.2 * voice.jitter_duration * float(repeat)),
        contour=tuple(
            float(at + 0.5 * voice.jitter_octaves * off) for at, off in zip(voice.contour, bend, strict=True)
        ),
    )


def mutate(voice: Voice, rng: Generator, rate_hz: float) -> Voice:
    """A near relative that is another class: an octave away, 0.4 or 2.5 times as long, upside down, or at half or
    twice the rate. Formants stay where they are, as they would in the same body."""
    kind = MUTATIONS[int(rng.integers(len(MUTATIONS)))]
    up = bool(rng.integers(2))
    if kind == "contour" and max(map(abs, voice.contour)) < 0.1:
        kind = "octave"  # a flat contour upside down would be the same class
    if kind == "rate" and voice.family not in ("trill", "pulses", "buzz"):
        kind = "duration"
    if kind == "octave":
        up = up if LOWEST * rate_hz < voice.f0_hz / 2 else True
        up = up if voice.f0_hz * 2 < HIGHEST * rate_hz else False
        return replace(voice, f0_hz=voice.f0_hz * (2.0 if up else 0.5))
    if kind == "contour":
        return replace(voice, contour=tuple(-value for value in voice.contour))
    if kind == "rate":
        return replace(voice, repeat_hz=voice.repeat_hz * (2.0 if up else 0.5))
    length = voice.duration_s * (2.5 if up else 0.4)
    return replace(voice, duration_s=min(max(length, SHORTEST_S), LONGEST_S))
