"""What one example sounds like: the stretch to show, and a short file that every browser plays."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tymbal.audio import AudioReader, resample

VIEW_S = 5.0  # the longest stretch shown
CONTEXT = 0.25  # of an event's length is shown before and after it
ULTRASONIC_HZ = 96_000  # recordings above this rate are slowed down: their point lies above hearing
INFRASONIC_HZ = 3_000  # recordings below this rate are sped up: their point lies below it
FACTOR = 10
LISTEN_HZ = (8_000, 48_000)
LARGEST = 256 * 1024  # bytes of one sound; past it the rate is halved


@dataclass(frozen=True)
class Clip:
    """samples (n,) of a recording from start_s on; onset_s and offset_s of the event are relative to the clip."""

    samples: NDArray[np.float32]
    sample_rate_hz: int
    start_s: float
    onset_s: float | None
    offset_s: float | None
    note: str

    @property
    def duration_s(self) -> float:
        return len(self.samples) / self.sample_rate_hz


def cut(path: Path, channel: int | None, onset_s: float | None, offset_s: float | None) -> Clip:
    """The event with some context, at most VIEW_S long (0.5 s of ultrasound); null times = the recording from 0 on.

    Raises AudioError where the file cannot be read or has no sound there.
    """
    with AudioReader(path, channel=channel) as reader:
        rate = reader.sample_rate_hz
        whole_s = reader.samples / rate
        longest = VIEW_S * _speed(rate) if _speed(rate) >= 1 else 0.5
        first, last = (0.0, whole_s) if onset_s is None or offset_s is None else (onset_s, offset_s)
        note = f"first {longest:g} s of {last - first:.1f} s" if last - first > longest * 1.01 else ""
        last = min(last, first + longest)
        spare = 0.0 if onset_s is None else min((last - first) * CONTEXT + 0.02, max(0.0, longest - (last - first)) / 2)
        begin = min(max(0, round((first - spare) * rate)), reader.samples)
        end = min(reader.samples, round((last + spare) * rate))
        samples = np.asarray(reader.read(begin, max(0, end - begin)), dtype=np.float32)
    start_s = begin / rate
    if onset_s is None:
        return Clip(samples, rate, start_s, None, None, note)
    return Clip(samples, rate, start_s, first - start_s, last - start_s, note)


def _speed(rate_hz: int) -> float:
    return 1 / FACTOR if rate_hz > ULTRASONIC_HZ else FACTOR if rate_hz < INFRASONIC_HZ else 1.0


def listen(clip: Clip) -> tuple[bytes, str]:
    """(FLAC file, words on how it differs from the recording); level raised to full, rate brought to 8–48 kHz.

    Ultrasound is slowed ten times (time expansion), infrasound sped up ten times.
    """
    import soundfile

    speed = _speed(clip.sample_rate_hz)
    rate = round(clip.sample_rate_hz * speed)
    target = min(max(rate, LISTEN_HZ[0]), LISTEN_HZ[1])
    samples = clip.samples
    while True:
        heard = samples if target == rate else np.asarray(resample(samples, rate, target), dtype=np.float32)
        peak = float(np.abs(heard).max()) if len(heard) else 0.0
        buffer = io.BytesIO()
        soundfile.write(buffer, heard * (0.9 / peak) if peak > 0 else heard, target, format="FLAC", subtype="PCM_16")
        if len(buffer.getvalue()) <= LARGEST or target <= 2 * LISTEN_HZ[0]:
            break
        target //= 2
    words = []
    if speed != 1:
        words.append(f"slowed ×{FACTOR} to be audible" if speed < 1 else f"sped up ×{FACTOR} to be audible")
    if target < rate:
        words.append(f"heard up to {target / 2 * (1 / speed) / 1000:g} kHz")
    return buffer.getvalue(), ", ".join(words)
