"""What a probe says about a recording."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tymbal.audio.stamps import StartTime
from tymbal.errors import Fault
from tymbal.units import to_seconds


@dataclass(frozen=True)
class AudioInfo:
    """One recording as its header, its size and its metadata tell it, faults of the header corrected.

    Parameters
    ----------
    path : as it was given.
    container, codec : from the bytes, never from the name; libsndfile's names where it has one.
    sample_rate_hz, channels : of the header.
    samples : per channel, as many as can be read.
    faults : what is wrong or odd, the readable file notwithstanding.
    start : when the recording began, or None.
    recorder : make, model and serial number as far as stated, or None.
    metadata : everything the metadata says, keys as "guano.Make", "info.ICMT", "comment.ARTIST".
    time_expansion : factor by which the sound was slowed down (GUANO TE); `sample_rate_hz` is not multiplied by it.
    """

    path: str
    container: str
    codec: str
    sample_rate_hz: int
    channels: int
    samples: int
    faults: tuple[Fault, ...] = ()
    start: StartTime | None = None
    recorder: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    time_expansion: float = 1.0

    @property
    def duration_s(self) -> float:
        """Seconds that the recording lasts at its header's rate."""
        return to_seconds(self.samples, self.sample_rate_hz)
