"""Rooms: impulse responses that begin with the direct sound, so that onsets stay where they are."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from tymbal.errors import require
from tymbal.synthesis.distributions import Distribution, check_weights, log_uniform, pick, uniform

if TYPE_CHECKING:
    from types import ModuleType

KINDS = ("none", "exponential", "shoebox")
TAIL_DB = 40.0  # a response is cut where its tail has fallen so far below its beginning
SHOEBOXES = 32  # different simulated rooms of one plan
Sound = NDArray[np.float32]


@dataclass(frozen=True)
class Rooms:
    """How the place between animal and microphone is drawn, once per class and scene.

    Parameters
    ----------
    kinds : weights of "none", "exponential" (noise that dies away exponentially: a wood, a cliff; Polack 1988) and
        "shoebox" (a simulated hall; needs the extra `rooms`).
    decay_s : time in which the tail falls by 60 dB.
    direct_db : power of the direct sound relative to the tail's.
    delay_s : from the direct sound to the first echo.
    """

    kinds: dict[str, float] = field(default_factory=lambda: {"none": 0.4, "exponential": 0.6})
    decay_s: Distribution = log_uniform(0.03, 0.8)
    direct_db: Distribution = uniform(0.0, 20.0)
    delay_s: Distribution = log_uniform(0.001, 0.03)

    def check(self, where: object) -> None:
        """Raise ConfigError for the first field out of range, MissingExtraError for shoeboxes without their extra."""
        check_weights("rooms.kinds", self.kinds, KINDS, where=where)
        self.decay_s.check("rooms.decay_s", 0.001, 20, where=where)
        self.direct_db.check("rooms.direct_db", -40, 80, where=where)
        self.delay_s.check("rooms.delay_s", 0, 1, where=where)
        if self.kinds.get("shoebox", 0) > 0:
            require("pyroomacoustics", "rooms")


def draw_response(plan: Rooms, rate_hz: float, rng: Generator) -> Sound | None:
    """An impulse response whose first sample, 1, is the direct sound; None where there is no room."""
    kind = pick(rng, plan.kinds)
    decay_s, direct_db, delay_s = plan.decay_s.draw(rng), plan.direct_db.draw(rng), plan.delay_s.draw(rng)
    if kind == "exponential":
        return exponential(decay_s, direct_db, delay_s, rate_hz, rng)
    if kind == "shoebox":
        return shoebox(int(rng.integers(SHOEBOXES)), round(rate_hz))
    return None


def exponential(decay_s: float, direct_db: float, delay_s: float, rate_hz: float, rng: Generator) -> Sound:
    """The direct sound, a pause, then noise that falls by 60 dB in `decay_s`, its highs faster than its lows."""
    length = max(4, round(decay_s * TAIL_DB / 60 * rate_hz))
    times = np.arange(length, dtype=np.float32) / np.float32(rate_hz)
    noise = rng.standard_normal(length, dtype=np.float32)
    dull = np.convolve(noise, np.array([0.25, 0.5, 0.25], dtype=np.float32), mode="same")
    share = np.minimum(times / np.float32(decay_s), 1.0)
    tail = (noise * (1 - share) + dull * share) * np.exp(-math.log(1000) * times / np.float32(decay_s))
    power = float(np.sum(np.square(tail, dtype=np.float64)))
    response = np.zeros(1 + round(delay_s * rate_hz) + length, dtype=np.float32)
    response[-length:] = tail * np.float32(math.sqrt(10 ** (-direct_db / 10) / power))
    response[0] = 1.0
    return response


@lru_cache(maxsize=2 * SHOEBOXES)
def shoebox(number: int, rate_hz: int) -> Sound:
    """Room `number` of a fixed set, by image sources (Allen and Berkley 1979), begun at its direct sound."""
    acoustics: ModuleType = require("pyroomacoustics", "rooms")  # type: ignore[assignment]
    rng = np.random.default_rng(number)
    size = rng.uniform([4.0, 4.0, 2.5], [30.0, 30.0, 12.0])
    scale = 16_000 / rate_hz  # rooms shrink as the rate grows: the same echoes per sample
    room = acoustics.ShoeBox(
        size * scale, fs=rate_hz, materials=acoustics.Material(float(rng.uniform(0.1, 0.7))), max_order=8
    )
    room.add_source(list(size * scale * rng.uniform(0.15, 0.85, 3)))
    room.add_microphone(list(size * scale * rng.uniform(0.15, 0.85, 3)))
    room.compute_rir()
    whole = np.asarray(room.rir[0][0], dtype=np.float32)
    first = int(np.argmax(np.abs(whole) > 0.5 * np.abs(whole).max()))
    peak = first + int(np.argmax(np.abs(whole[first : first + 16])))
    found: Sound = whole[peak:] / whole[peak]
    return found


def place_in_room(samples: Sound, response: Sound | None) -> Sound:
    """The sound with the room's echoes, longer by their length; itself where there is no room."""
    if response is None:
        return samples
    import scipy.fft

    total = len(samples) + len(response) - 1
    length = scipy.fft.next_fast_len(total, real=True)
    spectrum = scipy.fft.rfft(samples, length)
    spectrum *= scipy.fft.rfft(response, length)
    wet: Sound = scipy.fft.irfft(spectrum, length)[:total]
    return wet
