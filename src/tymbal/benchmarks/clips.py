"""From a list of labelled clips to the Contents of a set: what every one-label set shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from tymbal.audio import probe
from tymbal.benchmarks.dataset import EXAMPLES, BenchmarkSet, Contents
from tymbal.errors import AudioError, Fault


@dataclass(frozen=True)
class Clip:
    """One clip as its set's tables have it; `unit` is the highest independent unit that the tables tell."""

    recording: str
    labels: tuple[str, ...]
    fold: str | None
    unit: str


def clip_contents(
    root: Path, clips: Sequence[Clip], described: BenchmarkSet, labels: Sequence[str], faults: Sequence[Fault] = ()
) -> Contents:
    """Contents of clips below `root`: those that are not there are left out and named, long ones end at `max_s`.

    The split was drawn before anything is left out, so the folds of what is there are the official ones.
    """
    missing = sorted({clip.recording for clip in clips if not (root / clip.recording).is_file()})
    lost = set(missing)
    rows, odd = [], list(faults)
    seen: dict[str, int] = {}
    for clip in clips:
        if clip.recording in lost:
            continue
        try:
            offset = _end(root / clip.recording, described.max_s)
        except AudioError as error:
            odd.append(Fault("unreadable", f"{clip.recording}: {error.what}"))
            continue
        count = seen[clip.recording] = seen.get(clip.recording, 0) + 1
        name = clip.recording if count == 1 else f"{clip.recording}#{count}"
        onset = None if offset is None else 0.0
        rows.append([name, clip.recording, onset, offset, list(clip.labels), clip.fold, clip.unit])
    table = pl.DataFrame(rows, schema=EXAMPLES, orient="row")
    return Contents(root, table, tuple(labels), faults=tuple(odd), missing=tuple(missing))


def _end(path: Path, max_s: float | None) -> float | None:
    """Where the example ends: None for the whole recording."""
    if max_s is None:
        return None
    return max_s if probe(path).duration_s > max_s else None
