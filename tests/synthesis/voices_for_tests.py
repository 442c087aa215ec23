"""A plain voice that tests change as they need."""

from __future__ import annotations

from tymbal.synthesis.voices import Voice

VOICE = Voice(
    family="tone",
    duration_s=0.5,
    f0_hz=1000.0,
    contour=(0.0, 0.0),
    vibrato_hz=10.0,
    vibrato_octaves=0.0,
    am_hz=10.0,
    am_depth=0.0,
    syllables=1,
    gap=0.5,
    attack=0.1,
    release=0.1,
    rolloff_db=6.0,
    formants_hz=(3000.0,),
    formant_octaves=0.5,
    width_octaves=0.5,
    repeat_hz=20.0,
    duty=0.6,
    decay_s=0.002,
    jitter_octaves=0.02,
    jitter_duration=0.1,
)
