"""Sound as float32 at the rate and channel that are wanted, from any place of a recording."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from tymbal.audio import flac, sniff
from tymbal.audio.health import Md5Check, SampleScan
from tymbal.audio.info import AudioInfo
from tymbal.audio.probe import plan
from tymbal.audio.resample import RatePlan, zero_beyond
from tymbal.audio.sources import add_fault
from tymbal.audio.window import Path
from tymbal.errors import AudioError, Fault, UsageError
from tymbal.units import to_samples

_KEPT_CHUNKS = 4
_EXAMINE_SAMPLES = 1 << 20  # of all channels together, in one block of a pass over a file
_FLOATS = ("FLOAT", "DOUBLE")


@dataclass(frozen=True)
class Waveform:
    """Sound in memory: `samples` float32 (n,), the rate they are at, and what was wrong with the recording."""

    samples: NDArray[np.float32]
    sample_rate_hz: int
    faults: tuple[Fault, ...] = ()


class AudioReader:
    """Random access to one channel (or the mix) of a recording, at any rate, in bounded memory.

    Parameters
    ----------
    path : the recording.
    channel : from 1 on as in Raven; None is the mean of all channels.
    sample_rate_hz : rate of delivery; None is the recording's own.

    `read` gives the same bytes for the same arguments whatever was read before. NaN and infinite samples read as zeros
    and damaged stretches too; `faults` says so once they were met. At another rate than its own the recording is taken
    to be surrounded by zeros.

    Raises AudioError where the file cannot be read, UsageError for a channel or rate that cannot be.
    """

    def __init__(self, path: Path, channel: int | None = None, sample_rate_hz: int | None = None) -> None:
        self._info, opener = plan(path)
        if channel is not None and not 1 <= channel <= self._info.channels:
            raise UsageError(
                f"channel {channel} was asked for",
                where=self._info.path,
                allowed=f"1 to {self._info.channels}, or none for the mix",
            )
        rate_hz = self._info.sample_rate_hz if sample_rate_hz is None else sample_rate_hz
        self._rates = RatePlan(self._info.sample_rate_hz, rate_hz)
        self._channel = channel
        self._chunks: OrderedDict[int, NDArray[np.float32]] = OrderedDict()
        self._own: list[Fault] = []
        self._pass: _Pass | None = None
        self._fetch = zero_beyond(self._overlapping, self._info.samples)
        self._fetched = (0, np.zeros(0, np.float32))
        try:
            self._source = opener()
        except OSError as error:
            raise _disk(path, error) from error

    def __enter__(self) -> AudioReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._source.close()

    @property
    def info(self) -> AudioInfo:
        """What the probe said."""
        return self._info

    @property
    def sample_rate_hz(self) -> int:
        """The rate of delivery."""
        return self._rates.to_hz

    @property
    def samples(self) -> int:
        """Samples of the whole recording at the rate of delivery."""
        return self._rates.length(self._info.samples)

    @property
    def faults(self) -> tuple[Fault, ...]:
        """What the probe and the reading so far found, one fault of each kind."""
        found: list[Fault] = []
        for fault in (*self._info.faults, *self._source.faults, *self._own):
            add_fault(found, fault.code, fault.message)
        return tuple(found)

    def read(self, start: int, count: int) -> NDArray[np.float32]:
        """Samples [start, start + count) at the rate of delivery, fewer where the recording ends; shape (n,)."""
        if start < 0 or count < 0:
            raise UsageError(f"samples {start} to {start + count}", where=self._info.path, allowed="0 and more")
        end = min(start + count, self.samples)
        if end <= start:
            return np.zeros(0, np.float32)
        if self._rates.from_hz == self._rates.to_hz:
            return self._mono(start, end)
        size, parts = self._rates.chunk, []
        for number in range(start // size, -(-end // size)):
            begin = number * size
            parts.append(self._resampled(number)[max(0, start - begin) : end - begin])
        return np.concatenate(parts)

    def blocks(self, samples: int) -> Iterator[NDArray[np.float32]]:
        """The whole recording in blocks of `samples`, the last one shorter."""
        if samples < 1:
            raise UsageError(f"blocks of {samples} samples", where=self._info.path, allowed="1 or more")
        for start in range(0, self.samples, samples):
            yield self.read(start, samples)

    def _resampled(self, number: int) -> NDArray[np.float32]:
        if number in self._chunks:
            self._chunks.move_to_end(number)
            return self._chunks[number]
        chunk = self._rates.run(number, self._fetch)
        self._chunks[number] = chunk
        if len(self._chunks) > _KEPT_CHUNKS:
            self._chunks.popitem(last=False)
        return chunk

    def _mono(self, first: int, end: int) -> NDArray[np.float32]:
        """The wanted channel at the recording's own rate."""
        raw = self._raw(first, end)
        if self._channel is not None:
            return np.ascontiguousarray(raw[:, self._channel - 1])
        if raw.shape[1] == 1:
            return np.ascontiguousarray(raw[:, 0])
        share = np.float32(1 / raw.shape[1])  # each channel scaled before the sum, so that nothing overflows
        mix = raw[:, 0] * share
        for channel in range(1, raw.shape[1]):
            mix += raw[:, channel] * share
        return mix

    def _overlapping(self, first: int, end: int) -> NDArray[np.float32]:
        """As `_mono`; what the chunk before shared with this one is kept, not decoded again."""
        begin, kept = self._fetched
        if begin <= first < begin + len(kept) < end:
            mono = np.concatenate([kept[first - begin :], self._mono(begin + len(kept), end)])
        else:
            mono = self._mono(first, end)
        self._fetched = (first, mono)
        return mono

    def _raw(self, first: int, end: int) -> NDArray[np.float32]:
        """All channels at the recording's own rate, finite, shape (end - first, channels)."""
        try:
            raw = self._source.read(first, end - first)
        except OSError as error:
            raise _disk(self._info.path, error) from error
        wrong = None
        if not _finite(raw):
            wrong = ~np.isfinite(raw)
            place = first + int(np.argmax(wrong.any(axis=1)))
            raw = np.where(wrong, np.float32(0), raw)
            add_fault(
                self._own,
                "nan_samples",
                f"samples are NaN or infinite (first met at sample {place}); they read as zeros",
            )
        if self._pass is not None:
            self._pass.add(raw, first, wrong)
        return raw


def _finite(raw: NDArray[np.float32]) -> bool:
    flat = raw.reshape(-1)
    with np.errstate(over="ignore", invalid="ignore"):
        # One fast pass: a sum that is finite has only finite terms. An overflow is looked at closely.
        return bool(np.isfinite(np.add.reduce(flat))) or bool(np.isfinite(flat).all())


def _disk(path: Path, error: OSError) -> AudioError:
    return AudioError(
        f"the file cannot be read ({error.strerror or error})", where=path, mend="Check the disk and try again."
    )


def read(
    path: Path,
    *,
    channel: int | None = None,
    sample_rate_hz: int | None = None,
    start_s: float = 0.0,
    end_s: float | None = None,
) -> Waveform:
    """A recording, or the part from `start_s` to `end_s`, in memory.

    A whole recording is also examined: its faults name silence, clipping, dropouts, dead and antiphase channels.
    Raises AudioError where the file cannot be read, UsageError for times, channel or rate that cannot be.
    """
    with AudioReader(path, channel, sample_rate_hz) as reader:
        rate_hz = reader.sample_rate_hz
        if not 0 <= start_s <= (np.inf if end_s is None else end_s):
            raise UsageError(f"seconds {start_s} to {end_s}", where=path, allowed="0 <= start_s <= end_s")
        start = to_samples(start_s, rate_hz)
        end = reader.samples if end_s is None or end_s >= reader.info.duration_s else to_samples(end_s, rate_hz)
        whole = start == 0 and end >= reader.samples
        if whole:
            reader._pass = _Pass(path, reader.info)
        step = max(1, _EXAMINE_SAMPLES // reader.info.channels)
        blocks = range(start, max(start, min(end, reader.samples)), step)
        parts = [reader.read(at, min(step, end - at)) for at in blocks]
        samples = np.concatenate(parts) if parts else np.zeros(0, np.float32)
        return Waveform(samples, rate_hz, reader.faults if reader._pass is None else reader._pass.merged(reader.faults))


class _Pass:
    """One look at every sample of a recording while it is read forwards; parts read again are skipped."""

    def __init__(self, path: Path, info: AudioInfo) -> None:
        self._scan = SampleScan(info.channels, info.sample_rate_hz, floating=info.codec in _FLOATS)
        self._md5 = _md5_check(path, info)
        self._samples = info.samples

    def add(self, raw: NDArray[np.float32], first: int, wrong: NDArray[np.bool_] | None) -> None:
        """Samples from `first` on, shape (n, channels), finite; `wrong` marks those that were not."""
        known = self._scan.seen - first
        if not 0 <= known < len(raw):
            return
        new = raw[known:]
        late = None if wrong is None else wrong[known:]
        bad = 0 if late is None else int(np.count_nonzero(late))
        self._scan.add(new, bad, 0 if late is None else self._scan.seen + int(np.argmax(late.any(axis=1))))
        if self._md5 is not None:
            self._md5.add(new)

    def merged(self, faults: tuple[Fault, ...]) -> tuple[Fault, ...]:
        """`faults` and those of the samples, which replace what they know better; unchanged where the pass broke."""
        if self._scan.seen != self._samples:
            return faults
        new = self._scan.faults()
        codes = {fault.code for fault in new}
        found = [fault for fault in faults if fault.code not in codes] + new
        if self._md5 is not None and all(fault.code != "damaged" for fault in faults):
            found += self._md5.faults()
        return tuple(found)


def examine(path: Path) -> AudioInfo:
    """The probe of a recording, and one pass over all its samples: `faults` names everything that is wrong.

    Memory does not grow with the recording. Raises AudioError where the file cannot be read.
    """
    with AudioReader(path) as reader:
        info = reader.info
        reader._pass = _Pass(path, info)
        step = max(1, _EXAMINE_SAMPLES // info.channels)
        for first in range(0, info.samples, step):
            reader._raw(first, min(info.samples, first + step))
        return replace(info, faults=reader._pass.merged(reader.faults))


def _md5_check(path: Path, info: AudioInfo) -> Md5Check | None:
    if info.container != "FLAC" or info.samples == 0:
        return None
    stream, _ = flac.read_info(path, sniff.sniff(path)[1])
    odd = {fault.code for fault in info.faults} & {"truncated", "bit_depth", "format_changes", "length_wrong"}
    if stream.md5 == bytes(16) or stream.bits > 24 or odd:
        return None
    return Md5Check(stream.bits, stream.md5)
