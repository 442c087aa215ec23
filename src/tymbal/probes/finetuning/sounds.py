"""The sound of labelled events, cut into the very segments that `tymbal embed` encodes."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from tymbal.audio import AudioReader, RatePlan
from tymbal.encoders.contract import Encoder
from tymbal.encoders.windows import RateLayout, SoundWindow, rate_layout
from tymbal.errors import EncoderError, RecordingChangedError
from tymbal.features.examples import FAILURES
from tymbal.units import FrameGrid

Samples = NDArray[np.float32]
Centers = NDArray[np.float64]
Key = tuple[Path, int | None, int]  # file, channel, number of the segment
_KEPT_BYTES = 1 << 29  # of decoded sound, so that epochs do not decode the same files anew


class HasRecordings(Protocol):
    """What is needed of a corpus."""

    @property
    def recordings(self) -> pl.DataFrame: ...

    @property
    def root(self) -> Path: ...


@dataclass(frozen=True)
class Place:
    """An event [onset_s, offset_s) in a file of `samples` samples at the delivery rate: segments first … stop - 1."""

    recording: str
    path: Path
    channel: int | None
    onset_s: float
    offset_s: float
    first: int
    stop: int
    samples: int
    size_bytes: int

    @property
    def order(self) -> tuple[str, int, float]:
        """Sorts events by where they lie."""
        return self.recording, self.channel or 0, self.onset_s

    def check(self) -> None:
        """Raise RecordingChangedError where the file is gone, or not of the size that was indexed."""
        try:
            size = self.path.stat().st_size
        except OSError as error:
            raise RecordingChangedError(
                f"the recording cannot be reached any more ({error.strerror or error})",
                where=self.path,
                mend="Bring it back, or index the folder again.",
            ) from error
        if size != self.size_bytes:
            raise RecordingChangedError(
                f"the file is not the one that was indexed ({size:,} bytes, indexed {self.size_bytes:,})",
                where=self.path,
                mend="Run `tymbal index` again.",
            )


@dataclass(frozen=True)
class Heard:
    """One segment, with its margins, as the encoder hears it; and the event [onset_s, offset_s), on the recording's
    clock, that it is heard for."""

    sound: Samples
    window: SoundWindow
    rate_hz: int
    onset_s: float
    offset_s: float
    key: Key = (Path(), None, 0)

    def frames(self, grid: FrameGrid, real: int) -> tuple[slice, Centers]:
        """Which of `real` frames are the event's, perhaps none, and their centres on the recording's clock.

        The rule is that of `features.examples` on a store: frames of the segment whose centres lie in the event; of
        an event that ends with its recording those behind too.
        """
        owned, own = self._own(grid, real)
        count = owned.stop - owned.start
        inside = own.inside(self.onset_s, self.offset_s, count)
        if self.window.is_last and self.offset_s >= self.window.end / self.rate_hz:
            inside = slice(inside.start, count)
        return slice(owned.start + inside.start, owned.start + inside.stop), own.centers_s(count)[inside]

    def nearest(self, grid: FrameGrid, real: int) -> tuple[slice, Centers] | None:
        """The one frame of the segment nearest to the middle of the event, and its centre; None: it has no frame."""
        owned, own = self._own(grid, real)
        if owned.start == owned.stop:
            return None
        middle_s = (self.onset_s + self.offset_s) / 2
        frame = own.span(middle_s, middle_s, owned.stop - owned.start).start
        return slice(owned.start + frame, owned.start + frame + 1), np.array([own.center_s(frame)])

    def _own(self, grid: FrameGrid, real: int) -> tuple[slice, FrameGrid]:
        owned = self.window.owned(grid, real, self.rate_hz)
        return owned, self.window.grid(grid, owned, self.rate_hz)


class _Kept:
    """Sounds read before, the oldest let go of where there is too much."""

    def __init__(self, most_bytes: int) -> None:
        self._most, self._bytes = most_bytes, 0
        self._sounds: OrderedDict[Key, Samples] = OrderedDict()

    def get(self, key: Key) -> Samples | None:
        if key in self._sounds:
            self._sounds.move_to_end(key)
        return self._sounds.get(key)

    def put(self, key: Key, sound: Samples) -> None:
        self._sounds[key] = sound
        self._bytes += sound.nbytes
        while self._bytes > self._most:
            self._bytes -= self._sounds.popitem(last=False)[1].nbytes


class EventSounds:
    """The sound of events, read when asked for.

    Parameters
    ----------
    corpus : recordings and where they lie.
    events : rows with event_id, recording, channel, onset_s and offset_s; null times are the whole recording, a null
        channel is the mix.
    encoder : the sound comes at its rate.
    layers : those that will be tapped; they decide the margins. (): all.
    segment_s, margin_s : as `features.embed` takes them.

    Attributes
    ----------
    places : one for each event that has sound. rows : numbers of these events among those given.
    failures : events that have none, with the columns of `features.Examples.failures`.
    """

    def __init__(
        self,
        corpus: HasRecordings,
        events: pl.DataFrame,
        encoder: Encoder,
        *,
        layers: Sequence[str] = (),
        segment_s: float = 10.0,
        margin_s: float | None = None,
    ) -> None:
        if encoder.sample_rate is None:
            raise EncoderError("it takes any rate", where=encoder.name, mend="Bind it to one: encoder.at_rate(hertz).")
        specs = [spec for spec in encoder.layers if not layers or spec.name in layers]
        self.rate_hz = encoder.sample_rate
        self.layout = rate_layout(specs, sample_rate_hz=self.rate_hz, segment_s=segment_s, margin_s=margin_s)
        self.events = events
        self.places: list[Place] = []
        self.rows: list[int] = []
        self._kept = _Kept(_KEPT_BYTES)
        failures = []
        finder = _Finder(corpus, self.layout)
        columns = events.select("event_id", "recording", "channel", "onset_s", "offset_s")
        for row, (event_id, *where) in enumerate(columns.iter_rows()):
            found = finder.place(*where)
            if isinstance(found, Place):
                self.places.append(found)
                self.rows.append(row)
            else:
                failures.append([row, event_id, where[0], found[0], found[1], False])
        self.failures = pl.DataFrame(failures, schema=FAILURES, orient="row")

    def __len__(self) -> int:
        return len(self.places)

    def take(self, rows: Sequence[int]) -> EventSounds:
        """The same sounds without those not in `rows`, numbers of `places`; shares what was read."""
        chosen = object.__new__(EventSounds)
        chosen.__dict__.update(self.__dict__)
        chosen.places = [self.places[row] for row in rows]
        chosen.rows = [self.rows[row] for row in rows]
        return chosen

    def windows(self, number: int) -> list[Heard]:
        """Every segment that holds a part of an event, in order."""
        place = self.places[number]
        return [self._heard(place, segment) for segment in range(place.first, place.stop)]

    def drawn(self, number: int) -> list[Heard]:
        """What training hears of an event: all of it where it is no longer than a segment, else one of its segments,
        drawn by its share of the event from torch's default generator, and that segment's part of the event alone.
        """
        place = self.places[number]
        length_s = place.offset_s - place.onset_s
        if length_s <= self.layout.segment_samples / self.rate_hz:
            return self.windows(number)
        at_s = place.onset_s + float(torch.rand((), dtype=torch.float64)) * length_s
        segment = int(at_s * self.rate_hz // self.layout.segment_samples)
        heard = self._heard(place, min(max(segment, place.first), place.stop - 1))
        start_s, end_s = heard.window.start / self.rate_hz, heard.window.end / self.rate_hz
        return [replace(heard, onset_s=max(place.onset_s, start_s), offset_s=min(place.offset_s, end_s))]

    def _heard(self, place: Place, segment: int) -> Heard:
        start = segment * self.layout.segment_samples
        end = min(start + self.layout.segment_samples, place.samples)
        window = self.layout.window(start, end, place.samples)
        key = (place.path, place.channel, segment)
        sound = self._kept.get(key)
        if sound is None:
            with AudioReader(place.path, channel=place.channel, sample_rate_hz=self.rate_hz) as reader:
                sound = reader.read(window.first, window.last - window.first)
            self._kept.put(key, sound)
        return Heard(sound, window, self.rate_hz, place.onset_s, place.offset_s, key)


class _Finder:
    """Where events lie in their files, or why nowhere: (code, message)."""

    def __init__(self, corpus: HasRecordings, layout: RateLayout) -> None:
        columns = ("recording", "sample_rate_hz", "channels", "samples", "size_bytes")
        self._known = {row[0]: row[1:] for row in corpus.recordings.select(columns).iter_rows()}
        self._root, self._rate_hz, self._segment = corpus.root, layout.sample_rate_hz, layout.segment_samples
        self._reach_s = max((spec.grid.hop_s for spec in layout.layers), default=0.0)

    def place(
        self, recording: str, channel: int | None, onset_s: float | None, offset_s: float | None
    ) -> Place | tuple[str, str]:
        """The place of one event."""
        if recording not in self._known:
            return "no_recording", f"{recording}: not in this corpus"
        own_rate_hz, channels, own_samples, size = self._known[recording]
        if channel is not None and not 1 <= channel <= channels:
            return "no_channel", f"{recording}: no channel {channel}, it has {channels}"
        samples = RatePlan(own_rate_hz, self._rate_hz).length(own_samples)
        onset = 0.0 if onset_s is None else onset_s
        offset = samples / self._rate_hz if offset_s is None else offset_s
        first, stop = self._segments(onset, offset, samples)
        if not samples or offset < onset or first >= stop:
            span = "all" if onset_s is None or offset_s is None else f"{onset_s:g}–{offset_s:g} s"
            length_s = samples / self._rate_hz
            return "outside", f"{recording}: {span} lies outside the recording, which lasts {length_s:g} s"
        return Place(recording, self._root / recording, channel, onset, offset, first, stop, samples, size)

    def _segments(self, onset_s: float, offset_s: float, samples: int) -> tuple[int, int]:
        """First and end of the segments that hold a part of [onset_s, offset_s)."""
        rate, length = self._rate_hz, self._segment
        count = math.ceil(samples / length)
        first = bisect_right(range(count), onset_s, key=lambda segment: min((segment + 1) * length, samples) / rate)
        stop = bisect_left(range(count), offset_s, key=lambda segment: segment * length / rate)
        stop = min(max(stop, first + (offset_s == onset_s)), count)
        if first >= stop or offset_s - onset_s >= self._reach_s:
            return first, stop
        # Perhaps no frame is centred in so short an event: the nearest one may lie across the segment's bound.
        middle_s = (onset_s + offset_s) / 2
        before = first > 0 and middle_s - first * length / rate < self._reach_s
        after = stop < count and stop * length / rate - middle_s < self._reach_s
        return first - before, stop + after
