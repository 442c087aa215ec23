"""The recorder: what it does to everything alike. Truth is told before it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from tymbal.errors import ConfigError
from tymbal.synthesis.distributions import Distribution, choice, uniform

PEAK = 0.98  # of full scale, for scenes that are not to clip
Sound = NDArray[np.float32]


@dataclass(frozen=True)
class Recorder:
    """How scenes are recorded.

    Parameters
    ----------
    level_db : power of the background, dB below full scale (negative).
    clipped : share of scenes too loud for the recorder, ...
    clip_db : ... and by how much their peak passes full scale.
    high_pass : cut-off as a share of half the sample rate; 0 is none. Linear, 12 dB per octave.
    bits : of each sample; 24 and more leave it as it is.
    """

    level_db: Distribution = uniform(-55.0, -25.0)
    clipped: float = 0.03
    clip_db: Distribution = uniform(1.0, 9.0)
    high_pass: Distribution = Distribution(choice=(0.0, 0.005, 0.02), weights=(0.6, 0.2, 0.2))
    bits: Distribution = choice(16)

    def check(self, where: object) -> None:
        """Raise ConfigError naming the first field out of range."""
        self.level_db.check("recorder.level_db", -120, 0, where=where)
        self.clip_db.check("recorder.clip_db", 0, 40, where=where)
        self.high_pass.check("recorder.high_pass", 0, 0.5, where=where)
        self.bits.check("recorder.bits", 4, 32, where=where)
        if not 0 <= self.clipped <= 1:
            raise ConfigError(f"recorder.clipped: {self.clipped}", where=where, allowed="0 to 1")


def record(plan: Recorder, mix: Sound, rng: Generator) -> tuple[Sound, float]:
    """The scene as the recorder keeps it, and the gain that `mix` (background of power 1) was given."""
    level_db, clip_db, high_pass, bits = (
        plan.level_db.draw(rng),
        plan.clip_db.draw(rng),
        plan.high_pass.draw(rng),
        plan.bits.count(rng),
    )
    clipping = rng.random() < plan.clipped
    if high_pass > 0:
        from scipy.signal import butter, sosfilt

        mix = sosfilt(butter(2, high_pass, "high", output="sos").astype(np.float32), mix)
    peak = max(float(mix.max()), -float(mix.min()), 1e-12)
    gain = 10 ** (level_db / 20)
    if clipping:
        gain = 10 ** (clip_db / 20) / peak
    elif gain * peak > PEAK:
        gain = PEAK / peak
    kept = mix * np.float32(gain)
    if clipping:
        np.clip(kept, -1.0, 1.0, out=kept)
    if bits < 24:
        steps = np.float32(2.0 ** (bits - 1))
        np.clip(np.rint(kept * steps), -steps, steps - 1, out=kept)
        kept /= steps
    return kept, gain if math.isfinite(gain) else 1.0
