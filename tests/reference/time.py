"""Slow twins of tymbal.units: exact fractions, one frame or sample at a time."""

from __future__ import annotations

from fractions import Fraction


def frames_inside(hop_s: float, first_s: float, onset_s: float, offset_s: float, frames: int) -> list[int]:
    """Frames whose centre lies in [onset, offset), by asking each in exact arithmetic."""
    hop, first = Fraction(hop_s), Fraction(first_s)
    return [i for i in range(frames) if Fraction(onset_s) <= first + hop * i < Fraction(offset_s)]


def nearest_frame(hop_s: float, first_s: float, time_s: float, frames: int) -> list[int]:
    """All frames whose centre is nearest to a time (two on a tie)."""
    distances = [abs(Fraction(first_s) + Fraction(hop_s) * i - Fraction(time_s)) for i in range(frames)]
    return [i for i, distance in enumerate(distances) if distance == min(distances)]


def cut(samples: int, length: int, hop: int, last: str) -> list[tuple[int, int]]:
    """(start, valid) of every window, sample by sample: a window is needed while a sample after the last one's end
    (or in the gap before the next) is not covered yet."""
    found: list[tuple[int, int]] = []
    start = 0
    while start < samples:
        if found and found[-1][0] + found[-1][1] >= samples:
            break
        valid = sum(1 for sample in range(start, start + length) if sample < samples)
        if valid < length and last == "drop":
            break
        if valid < length and last == "shift" and samples >= length:
            found.append((samples - length, length))
            break
        found.append((start, valid))
        start += hop
    return found
