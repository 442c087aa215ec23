"""The only owners of the conversions between frames, samples and seconds."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tymbal.errors import UsageError

TIE = 1e-6  # of a frame: times that equal a centre or a half to rounding count as equal, a day into a recording too


def to_samples(seconds: float, sample_rate_hz: float) -> int:
    """Number of samples nearest to `seconds`, halves rounded up; the one rounding rule of the house."""
    return math.floor(seconds * sample_rate_hz + 0.5)


def to_seconds(samples: int, sample_rate_hz: float) -> float:
    """Seconds that `samples` last at `sample_rate_hz`."""
    return samples / sample_rate_hz


@dataclass(frozen=True)
class FrameGrid:
    """Where the frames of a layer lie in time.

    Parameters
    ----------
    hop_s : seconds from one frame's centre to the next.
    first_center_s : time of the centre of frame 0, counted from the first sample of the waveform.
    receptive_s : seconds of sound that one frame can see (math.inf for attention over the whole input).
    """

    hop_s: float
    first_center_s: float
    receptive_s: float

    def __post_init__(self) -> None:
        if not (self.hop_s > 0 and math.isfinite(self.hop_s)):
            raise UsageError(f"hop_s is {self.hop_s}", where="FrameGrid", allowed="a finite number above 0")
        if not math.isfinite(self.first_center_s) or not self.receptive_s >= 0:
            raise UsageError(
                f"first_center_s is {self.first_center_s}, receptive_s is {self.receptive_s}",
                where="FrameGrid",
                allowed="a finite centre and a receptive field of 0 or more",
            )

    @classmethod
    def from_samples(cls, sample_rate_hz: float, *, hop: float, first_center: float, receptive: float) -> FrameGrid:
        """The grid whose hop, first centre and receptive field are given in samples."""
        return cls(hop / sample_rate_hz, first_center / sample_rate_hz, receptive / sample_rate_hz)

    def centers_s(self, frames: int) -> NDArray[np.float64]:
        """Centres of frames 0 … frames-1, shape (frames,)."""
        return self.first_center_s + self.hop_s * np.arange(frames, dtype=np.float64)

    def center_s(self, frame: float) -> float:
        """Centre of one frame; fractions of a frame are allowed."""
        return self.first_center_s + self.hop_s * frame

    def frame_at(self, time_s: float) -> int:
        """The frame whose centre is nearest to `time_s`, halves rounded up; may be negative or past the end."""
        return math.floor(self.position(time_s) + 0.5 + TIE)

    def position(self, time_s: float) -> float:
        """`time_s` as a fractional frame number: position(center_s(i)) == i."""
        return (time_s - self.first_center_s) / self.hop_s

    def span(self, onset_s: float, offset_s: float, frames: int) -> slice:
        """The frames whose centres lie in [onset_s, offset_s); never empty: the nearest frame stands in.

        Raises UsageError where the layer has no frame at all or offset_s lies before onset_s.
        """
        if frames < 1 or offset_s < onset_s:
            raise UsageError(
                f"no frames for {onset_s}–{offset_s} s among {frames}",
                where="FrameGrid.span",
                allowed="at least one frame and onset_s <= offset_s",
            )
        found = self.inside(onset_s, offset_s, frames)
        if found.start < found.stop:
            return found
        nearest = min(max(self.frame_at((onset_s + offset_s) / 2), 0), frames - 1)
        return slice(nearest, nearest + 1)

    def inside(self, onset_s: float, offset_s: float, frames: int) -> slice:
        """The frames whose centres lie in [onset_s, offset_s), perhaps none: then start == stop.

        Neighbouring spans share no frame and miss none, whatever the rounding of their common bound.
        """
        start = min(max(0, math.ceil(self.position(onset_s) - TIE)), frames)
        stop = min(frames, math.ceil(self.position(offset_s) - TIE))
        return slice(start, max(start, stop))

    def shifted(self, by_s: float) -> FrameGrid:
        """The same grid for a waveform that begins `by_s` later on the common clock."""
        return FrameGrid(self.hop_s, self.first_center_s + by_s, self.receptive_s)

    def pooled(self, frames: int) -> FrameGrid:
        """The grid after averaging runs of `frames` neighbouring frames."""
        return FrameGrid(
            self.hop_s * frames,
            self.first_center_s + self.hop_s * (frames - 1) / 2,
            self.receptive_s + self.hop_s * (frames - 1),
        )

    def to_dict(self) -> dict[str, float]:
        """Plain numbers for a manifest; inf is written as null by the caller's JSON writer."""
        return {"hop_s": self.hop_s, "first_center_s": self.first_center_s, "receptive_s": self.receptive_s}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> FrameGrid:
        """Inverse of `to_dict`; a null receptive field means infinite."""
        receptive = data["receptive_s"]
        return cls(data["hop_s"], data["first_center_s"], math.inf if receptive is None else receptive)


@dataclass(frozen=True)
class Window:
    """A stretch of a recording in samples; `valid` of its `length` samples are sound, the rest is padding."""

    start: int
    length: int
    valid: int
    sample_rate_hz: int

    @property
    def start_s(self) -> float:
        return self.start / self.sample_rate_hz

    @property
    def end_s(self) -> float:
        """End of the sound in the window, padding left out."""
        return (self.start + self.valid) / self.sample_rate_hz


def windows(
    samples: int,
    sample_rate_hz: int,
    *,
    length: int,
    hop: int | None = None,
    last: Literal["pad", "drop", "shift"] = "pad",
) -> Iterator[Window]:
    """Cut a recording of `samples` into windows of `length` every `hop` samples (default: length).

    `last` says what becomes of a final window that the recording does not fill: "pad" keeps it with
    valid < length, "drop" leaves it out, "shift" moves it back to end with the recording (padded only where the
    recording is shorter than one window). A recording without samples has no windows.
    """
    hop = length if hop is None else hop
    if length < 1 or hop < 1 or samples < 0:
        raise UsageError(
            f"windows of {length} samples every {hop} over {samples}",
            where="windows",
            allowed="length and hop of 1 or more",
        )
    start = 0
    covered = 0
    while covered < samples:
        if start >= samples:  # hop > length: the gap reaches past the end
            return
        valid = min(length, samples - start)
        if valid < length:
            if last == "drop":
                return
            if last == "shift" and samples >= length:
                yield Window(samples - length, length, length, sample_rate_hz)
                return
        yield Window(start, length, valid, sample_rate_hz)
        covered = start + valid
        start += hop
