"""One recording cut up: its calls, each limited to its band, and the background between them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tymbal.audio import AudioReader
from tymbal.corpus.identify import content_hash
from tymbal.jobs import Worked
from tymbal.synthesis.activity import HOP, Activity, find_activity
from tymbal.synthesis.exemplars import Exemplar, cut

BLOCK_S = 60.0  # of a recording that is looked at together, at the reference rate
SEAM = 160  # samples over which pieces of background are faded into one another
SHORTEST_PIECE = 8  # times SEAM
Sound = NDArray[np.float32]


@dataclass(frozen=True)
class Cutting:
    """How recordings are cut.

    Parameters
    ----------
    sample_rate_hz : recordings are brought to this rate first; scenes made of the cuts must have it.
    reference_rate_hz : the rate that all seconds of these settings are written for, as in a scene plan.
    activity : what counts as a call.
    most : calls kept of one recording, spread evenly over it.
    background_s : of background kept of one recording, spread evenly over it.
    """

    sample_rate_hz: int = 16_000
    reference_rate_hz: int = 16_000
    activity: Activity = Activity()
    most: int = 500
    background_s: float = 60.0


@dataclass(frozen=True)
class Piece:
    """A stretch of sound as it is kept: int16 samples times `scale`. Onset and offset (s) are in the recording."""

    samples: NDArray[np.int16]
    scale: float
    onset_s: float
    offset_s: float
    low_hz: float
    high_hz: float


@dataclass(frozen=True)
class CutRecording:
    """What was found in one recording."""

    recording: str
    content_hash: str
    calls: tuple[Piece, ...]
    backgrounds: tuple[Piece, ...]


@dataclass(frozen=True)
class CutWork:
    """The work on one recording; `root` is the folder its name is relative to."""

    root: str
    settings: Cutting

    def prepare(self) -> None:
        """Nothing to load."""

    def __call__(self, name: str) -> Worked[CutRecording]:
        """Cut one recording (its mix). Memory is bounded by a block and by what is kept."""
        path = Path(self.root) / name
        settings, reference_hz = self.settings, float(self.settings.reference_rate_hz)
        calls: list[Piece] = []
        quiet: list[Piece] = []
        with AudioReader(path, sample_rate_hz=settings.sample_rate_hz) as reader:
            block = round(BLOCK_S * reference_hz)
            blocks = max(1, math.ceil(reader.samples / block))
            for number in range(blocks):
                samples = reader.read(number * block, block)
                if len(samples) < HOP * 8 or not np.any(samples):
                    continue
                found, rest = self._block(samples, number * block)
                calls += spread(found, math.ceil(settings.most / blocks))
                quiet += [rest] if rest is not None else []
            audio_s = reader.samples / settings.sample_rate_hz
            faults = reader.faults
        kept = _within(quiet, round(settings.background_s * reference_hz))
        result = CutRecording(name, content_hash(path), tuple(spread(calls, settings.most)), tuple(kept))
        return Worked(result, audio_s=audio_s, faults=faults)

    def _block(self, samples: Sound, offset: int) -> tuple[list[Piece], Piece | None]:
        rate_hz, speed = float(self.settings.reference_rate_hz), 1 / self.settings.sample_rate_hz
        found, quiet = find_activity(samples, rate_hz, self.settings.activity)
        pieces = []
        for each in found:
            inside = band_pass(samples[each.start : each.stop], each.low_hz, each.high_hz, rate_hz)
            if not np.any(inside):
                continue
            exemplar = cut(inside, rate_hz)
            span = (each.start + offset) * speed, (each.stop + offset) * speed
            pieces.append(_call_piece(exemplar, *span))
        rest = join_quiet(samples, quiet)
        if len(rest) < SHORTEST_PIECE * SEAM:
            return pieces, None
        whole = offset * speed, (offset + len(samples)) * speed
        return pieces, Piece(*as_int16(rest), *whole, 0.0, rate_hz / 2)


def spread(items: list[Piece], most: int) -> list[Piece]:
    """At most `most` of the items, evenly spread over all."""
    if len(items) <= most:
        return items
    return [items[round(place)] for place in np.linspace(0, len(items) - 1, most)]


def _within(pieces: list[Piece], samples: int) -> list[Piece]:
    """Pieces, evenly spread, that last no longer than `samples` together; the last one is shortened."""
    if not pieces:
        return []
    mean = sum(len(piece.samples) for piece in pieces) / len(pieces)
    kept, left = [], samples
    for piece in spread(pieces, max(1, math.ceil(samples / mean))):
        part = piece.samples[:left]
        if len(part) >= SHORTEST_PIECE * SEAM:
            kept.append(Piece(part, piece.scale, piece.onset_s, piece.offset_s, piece.low_hz, piece.high_hz))
            left -= len(part)
    return kept


def band_pass(samples: Sound, low_hz: float, high_hz: float, rate_hz: float) -> Sound:
    """The sound within the band, with raised-cosine edges a fifth of it wide outside; no delay."""
    import scipy.fft

    length = scipy.fft.next_fast_len(len(samples), real=True)
    frequencies = np.arange(length // 2 + 1) * (rate_hz / length)
    edge = max(0.2 * (high_hz - low_hz), 2 * rate_hz / length)
    outside = np.maximum(low_hz - frequencies, frequencies - high_hz) / edge
    gain = 0.5 + 0.5 * np.cos(np.pi * np.clip(outside, 0.0, 1.0))
    gain[0] = 0.0
    found: Sound = scipy.fft.irfft(scipy.fft.rfft(samples, length) * gain.astype(np.float32), length)[: len(samples)]
    return found


def join_quiet(samples: Sound, quiet: NDArray[np.bool_]) -> Sound:
    """The quiet stretches of a block one after the other, each faded into the next over `SEAM` samples."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], quiet.astype(np.int8), [0]]))).reshape(-1, 2) * HOP
    rise = np.sin(np.linspace(0, np.pi / 2, SEAM, dtype=np.float32))
    parts: list[Sound] = []
    for first, last in edges.tolist():
        part = samples[first : min(last, len(samples))]
        if len(part) < SHORTEST_PIECE * SEAM:
            continue
        if parts:  # equal power: pieces of one background do not know each other
            seam = parts[-1][-SEAM:] * rise[::-1] + part[:SEAM] * rise
            parts[-1] = parts[-1][:-SEAM]
            parts += [seam, part[SEAM:]]
        else:
            parts.append(part)
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.float32)


def as_int16(samples: Sound) -> tuple[NDArray[np.int16], float]:
    """Samples as int16 at full scale, and what to multiply them by."""
    peak = max(float(np.abs(samples).max()), 1e-12)
    return np.rint(samples * np.float32(32767 / peak)).astype(np.int16), peak / 32767


def _call_piece(exemplar: Exemplar, onset_s: float, offset_s: float) -> Piece:
    samples, scale = as_int16(exemplar.samples)
    return Piece(samples, scale, onset_s, offset_s, exemplar.low_hz, exemplar.high_hz)
