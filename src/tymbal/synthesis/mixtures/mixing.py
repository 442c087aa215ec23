"""One set of recordings mixed at every level: sound, events and coverage."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tymbal.audio import read
from tymbal.errors import AudioError
from tymbal.jobs import Worked
from tymbal.synthesis.mixtures.choosing import Draw
from tymbal.synthesis.mixtures.plan import MixturePlan
from tymbal.synthesis.mixtures.steering import Spans, steer
from tymbal.synthesis.seeding import Purpose, stream
from tymbal.synthesis.truth import count_overlaps

PEAK = 0.9
FULL = 2**15
Sound = NDArray[np.float64]


@dataclass(frozen=True)
class Mixture:
    """One mixture as it goes to the disk. `starts_s` and `gains_db` are those of the draw's recordings in it."""

    name: str
    sound: bytes
    sample_rate_hz: int
    overlap: float
    reached: float
    snr_db: float
    starts_s: tuple[float, ...]
    gains_db: tuple[float, ...]
    duration_s: float


@dataclass(frozen=True)
class Mix:
    """The work on one draw: its recordings from below `root`, mixed at every ratio and SNR of the plan."""

    root: str
    plan: MixturePlan

    def prepare(self) -> None:
        """Nothing to load."""

    def __call__(self, draw: Draw) -> Worked[tuple[Mixture, ...]]:
        """All mixtures of one draw. Raises AudioError where a recording cannot be read or its events are silent."""
        rate_hz = min(source.sample_rate_hz for source in draw.sources)
        sounds = [read(Path(self.root) / each.recording, sample_rate_hz=rate_hz).samples for each in draw.sources]
        spans = [np.rint(each.spans * rate_hz).astype(np.int64) for each in draw.sources]
        levels = [
            _level(sound, at, draw.sources[n].recording)
            for n, (sound, at) in enumerate(zip(sounds, spans, strict=True))
        ]
        made = []
        for part, ratio in enumerate(self.plan.overlap):
            rng = stream(self.plan.seed, draw.index, Purpose.OFFSETS, part)
            starts = steer(spans, [len(sound) for sound in sounds], ratio, rate_hz, rng)
            reached = overlap_of(spans, starts)
            for snr_db in self.plan.snr_db:
                wanted = [0.0 if each.individual == draw.louder else -snr_db for each in draw.sources]
                gains = [10 ** (db / 20) / level for db, level in zip(wanted, levels, strict=True)]
                mix, scale = mixed(sounds, starts, gains)
                gains_db = tuple(float(20 * np.log10(gain * scale)) for gain in gains)
                starts_s = tuple(float(start) / rate_hz for start in starts)
                made.append(
                    Mixture(
                        mixture_name(draw, ratio, snr_db),
                        encoded(mix, rate_hz),
                        rate_hz,
                        ratio,
                        reached,
                        snr_db,
                        starts_s,
                        gains_db,
                        len(mix) / rate_hz,
                    )
                )
        return Worked(tuple(made), audio_s=sum(each.duration_s for each in made))


def mixture_name(draw: Draw, ratio: float, snr_db: float) -> str:
    """How a mixture's file is called: fold, set, ratio and SNR."""
    fold = (
        "all" if draw.fold is None else "".join(sign if sign.isalnum() or sign in "-_" else "_" for sign in draw.fold)
    )
    return f"mix-{fold}-{draw.number:03d}-r{ratio:.2f}-s{snr_db:g}.flac"


def _level(sound: NDArray[np.float32], spans: Spans, name: str) -> float:
    """Root mean square of a recording within its events, from onset to offset."""
    inside = np.zeros(len(sound), dtype=bool)
    for onset, offset in spans:
        inside[onset:offset] = True
    power = float(np.mean(np.square(sound[inside], dtype=np.float64))) if inside.any() else 0.0
    if power <= 0:
        raise AudioError("its events are silent", where=name, mend="See what is wrong with it: tymbal inspect")
    return math.sqrt(power)


def overlap_of(spans: Sequence[Spans], starts: NDArray[np.int64]) -> float:
    """Overlapping pairs per event of recordings that begin at `starts`, all in samples."""
    moved = np.concatenate([each + start for each, start in zip(spans, starts, strict=True)])
    return float(count_overlaps(moved[:, 0], moved[:, 1]).sum() / 2 / len(moved))


def mixed(
    sounds: Sequence[NDArray[np.float32]], starts: NDArray[np.int64], gains: Sequence[float]
) -> tuple[Sound, float]:
    """The sum (samples,) with its loudest sample at `PEAK`, and by what all gains were multiplied for that."""
    total = max(int(start) + len(sound) for start, sound in zip(starts, sounds, strict=True))
    mix = np.zeros(total)
    for sound, start, gain in zip(sounds, starts, gains, strict=True):
        mix[start : start + len(sound)] += gain * sound.astype(np.float64)
    scale = PEAK / float(np.abs(mix).max())
    return mix * scale, scale


def encoded(mix: Sound, rate_hz: int) -> bytes:
    """FLAC of 16 bits."""
    import soundfile

    buffer = io.BytesIO()
    whole: Any = np.clip(np.rint(mix * FULL), -FULL, FULL - 1).astype(np.int16)
    soundfile.write(buffer, whole, rate_hz, format="FLAC", subtype="PCM_16")
    return buffer.getvalue()
