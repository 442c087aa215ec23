"""From events to what a head of edges is taught: where onsets (or offsets) lie, and how far the other edge is.

The penalty-reduced heatmap is that of CornerNet (Law & Deng 2018, 1808.01244) in one dimension; forward and reverse
directions are those of Voxaboxen (Hoffman et al. 2025, 2503.02389). Three things differ from the latter: edges are
regressed within their frame; durations are logarithms, never cut at a window's end; and events whose edges lie in
neighbouring frames take different slots, so that none is lost.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tymbal.config import check_fields
from tymbal.detection.boxes import Boxes, Floats, Ints
from tymbal.units import FrameGrid

Direction = Literal["forward", "reverse"]
_REACH = 3.5  # standard deviations after which a peak is 0: exp(-6.1) = 0.002


@dataclass(frozen=True)
class TargetConfig:
    """How events become targets.

    Parameters
    ----------
    slots : maps per direction. An event takes the first slot in which no other edge lies within `apart_frames`.
    apart_frames : edges of one slot lie further apart than this, so that each is a peak of its own.
    spread : standard deviation of a peak as a share of the event's duration ...
    most_spread_frames : ... but at most so many frames: a peak as wide as a long event tells nothing of its edge.
    """

    slots: int = 2
    apart_frames: int = 1
    spread: float = 1 / 6
    most_spread_frames: float = 2.0

    def check(self) -> None:
        """Raise UsageError naming the first field outside its range."""
        check_fields(self, self._ranges())

    def _ranges(self) -> Iterator[tuple[str, bool, str]]:
        yield "slots", self.slots >= 1, "1 or more"
        yield "apart_frames", self.apart_frames >= 0, "0 or more"
        yield "spread", 0 < self.spread < math.inf, "a number above 0"
        yield "most_spread_frames", 0 < self.most_spread_frames < math.inf, "frames above 0"


@dataclass(frozen=True)
class EdgeTargets:
    """What one direction of a head is taught about one stretch of frames; m events have their edge in it.

    Attributes
    ----------
    heat : float32 (slots, frames), 1 at the frame nearest to an edge, falling to 0 around it.
    slot, frame : int64 (m,), where each edge lies.
    shift : float64 (m,), edge minus the centre of its frame, in frames, -0.5 to 0.5.
    log_duration : float64 (m,), natural logarithm of the duration in frames.
    whole : bool (m,), whether the other edge lies in the stretch too; the duration of others is not taught.
    label : int64 (m,), class or `UNKNOWN`; the class of unknown ones is not taught.
    low, high : float64 (m,), bounds as shares of half the sample rate; NaN where the event has none.
    event : int64 (m,), which of the given events it is.
    lost : events with an edge in the stretch for which no slot was left.
    """

    heat: NDArray[np.float32]
    slot: Ints
    frame: Ints
    shift: Floats
    log_duration: Floats
    whole: NDArray[np.bool_]
    label: Ints
    low: Floats
    high: Floats
    event: Ints
    lost: int


def edge_targets(
    events: Boxes,
    grid: FrameGrid,
    frames: int,
    direction: Direction,
    config: TargetConfig | None = None,
    *,
    known_s: tuple[float, float] | None = None,
    nyquist_hz: float = math.nan,
) -> EdgeTargets:
    """Targets of one direction on the first `frames` frames of `grid`.

    Parameters
    ----------
    events : on the clock of the grid; those without an edge in the stretch add nothing.
    direction : "forward" marks onsets, "reverse" offsets.
    known_s : the stretch in which the other edge counts as seen; None: from the first frame to the last. Durations of
        events that pass its ends are not taught (`whole` is False), and never cut short.
    nyquist_hz : half the sample rate, for bounds in frequency.
    """
    config = config or TargetConfig()
    edges = events.onset_s if direction == "forward" else events.offset_s
    others = events.offset_s if direction == "forward" else events.onset_s
    position = (edges - grid.first_center_s) / grid.hop_s
    nearest = np.floor(position + 0.5).astype(np.int64)
    durations = np.maximum((events.offset_s - events.onset_s) / grid.hop_s, 1e-3)
    inside = np.flatnonzero((nearest >= 0) & (nearest < frames))
    order = inside[np.lexsort((-durations[inside], position[inside]))]
    slots = assign_slots(nearest[order], config)
    kept, slots = order[slots >= 0], slots[slots >= 0]
    first_s, last_s = known_s or (grid.center_s(0) - grid.hop_s / 2, grid.center_s(frames - 1) + grid.hop_s / 2)
    return EdgeTargets(
        heat=_heat(nearest[kept], slots, durations[kept], frames, config),
        slot=slots,
        frame=nearest[kept],
        shift=(position - nearest)[kept],
        log_duration=np.log(durations[kept]),
        whole=(others[kept] >= first_s) & (others[kept] <= last_s),
        label=events.label[kept],
        low=events.low_hz[kept] / nyquist_hz,
        high=events.high_hz[kept] / nyquist_hz,
        event=kept,
        lost=len(order) - len(kept),
    )


def assign_slots(frame: Ints, config: TargetConfig) -> Ints:
    """A slot for each edge, given their frames in order of time; -1 where none is left."""
    last = np.full(config.slots, -(10**12), dtype=np.int64)
    slots = np.full(len(frame), -1, dtype=np.int64)
    for number, at in enumerate(frame.tolist()):
        free = np.flatnonzero(last < at - config.apart_frames)
        if len(free):
            slots[number] = free[0]
            last[free[0]] = at
    return slots


def _heat(frame: Ints, slot: Ints, durations: Floats, frames: int, config: TargetConfig) -> NDArray[np.float32]:
    heat = np.zeros((config.slots, frames), dtype=np.float32)
    spread = np.minimum(durations * config.spread, config.most_spread_frames)
    reach = math.ceil(_REACH * config.most_spread_frames)
    steps = np.arange(-reach, reach + 1)
    values = np.exp(-0.5 * (steps[None] / np.maximum(spread, 1e-3)[:, None]) ** 2)
    values[np.abs(steps)[None] > _REACH * spread[:, None]] = 0.0
    values[:, reach] = 1.0
    at = frame[:, None] + steps
    seen = (at >= 0) & (at < frames)
    np.maximum.at(heat, (np.broadcast_to(slot[:, None], at.shape)[seen], at[seen]), values[seen].astype(np.float32))
    return heat
