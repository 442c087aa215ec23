"""Slow twins for annotations: coverage on a fine raster, events checked one by one, a table cut by the csv module."""

from __future__ import annotations

import math
from collections.abc import Iterable

STEP_S = 0.125  # exact in binary: raster times in tests are multiples of it


def raster(intervals: Iterable[tuple[float, float]], end_s: float) -> list[bool]:
    """Whether each step of [0, end_s) lies in one of the intervals."""
    spans = list(intervals)
    return [any(start <= at * STEP_S < end for start, end in spans) for at in range(math.ceil(end_s / STEP_S))]


def verdict(onset: float | None, offset: float | None, duration: float | None) -> tuple[float, float] | str | None:
    """What cleaning makes of one event's times: new times, "whole", or None where it goes."""
    if onset is None and offset is None:
        return "whole"
    if onset is None or offset is None or not math.isfinite(onset) or not math.isfinite(offset):
        return None
    if offset <= onset or offset <= 0:
        return None
    onset = max(onset, 0.0)
    if duration is not None:
        if onset >= duration:
            return None
        offset = min(offset, duration)
    return onset, offset


def cells(text: str, delimiter: str = "\t") -> list[list[str]]:
    """Every cell of a tab-separated text, line by line, blank lines left out."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return [line.split(delimiter) for line in lines if line.strip()]
