"""What a set of boxes is, what reading it gives, and on which clock its sound and its tables are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import polars as pl

from tymbal.annotations import EVENTS
from tymbal.benchmarks.dataset import BenchmarkSet, Contents

SLOWED = "_slowed"  # what Voxaboxen's script adds to the folder of slowed copies
UNKNOWN = "Unknown"  # an event of no known class: found, but not taught as a class
FILES = pl.Schema(
    {
        "fn": pl.String(),  # the set's own name of the recording
        "recording": pl.String(),  # relative to Contents.root
        "fold": pl.String(),
        "duration_s": pl.Float64(),  # of the file as it lies there
        "sample_rate_hz": pl.Int64(),
    }
)
_NEAR = 1.25  # lengths are those that were published where they differ by less than this factor


@dataclass(frozen=True)
class BoxSet(BenchmarkSet):
    """A set with a box for every event.

    Parameters
    ----------
    files_by_fold, hours, events : published recordings, native hours and events of known class of each fold.
    hours_within : how far hours may be off; two decimals were published.
    mean_s : published mean length of an event, native.
    slowed : factor by which Voxaboxen slows the recordings, because its encoders hear up to 8 kHz only; 1: not.
    """

    files_by_fold: Mapping[str, int] = field(default_factory=dict)
    hours: Mapping[str, float] = field(default_factory=dict)
    events: Mapping[str, int] = field(default_factory=dict)
    hours_within: float = 0.01
    mean_s: float = 0.0
    slowed: int = 1

    def slowed_first(self) -> BoxSet:
        """The same set, looked for in the folders of slowed copies before any other."""
        names = sorted((self.folder, *self.folders), key=lambda name: SLOWED not in name)
        return replace(self, folder=names[0], folders=tuple(names[1:]))


@dataclass(frozen=True)
class Clock:
    """How many times slower than native the recordings and the times of the tables are.

    The ratios are what lies here over what was published: seconds per recording, seconds per event. NaN: unknown.
    """

    audio: int = 1
    tables: int = 1
    audio_ratio: float = 1.0
    tables_ratio: float = 1.0

    @property
    def told_by(self) -> str:
        """What told the clocks."""
        lengths = is_near(self.audio_ratio, self.audio) and is_near(self.tables_ratio, self.tables)
        return "by their lengths" if lengths else "by the folder's name, for lengths do not tell"


def read_clock(audio_ratio: float, tables_ratio: float, slowed: int, named_slowed: bool) -> Clock:
    """The clocks by the two ratios; where one tells nothing, by the name of the folder."""
    audio, tables = (_factor(ratio, slowed, named_slowed) for ratio in (audio_ratio, tables_ratio))
    return Clock(audio, tables, audio_ratio, tables_ratio)


def _factor(ratio: float, slowed: int, named_slowed: bool) -> int:
    near = [factor for factor in (1, slowed) if is_near(ratio, factor)]
    told = slowed if named_slowed else 1
    return told if told in near or not near else near[0]


def is_near(ratio: float, factor: int) -> bool:
    """Whether a ratio of lengths is that of a factor; unknown ones are no witness against it."""
    return ratio != ratio or factor / _NEAR < ratio < factor * _NEAR


@dataclass(frozen=True)
class BoxContents(Contents):
    """What reading a set of boxes gives; `examples` are its events of a known class.

    files : by FILES, every recording with a table that could be read. events : by EVENTS, those of unknown class too
    (label UNKNOWN), on the clock of the tables. labels : the classes.
    """

    files: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=FILES))
    events: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=EVENTS))
    clock: Clock = field(default_factory=Clock)
