"""Damaged FLAC and Ogg: what can still be decoded, each piece at its right place in time, zeros between."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

import numpy as np
import soundfile

from tymbal.audio import flac
from tymbal.audio.ogg import OggLayout, Run
from tymbal.audio.sources import Samples, SndfileSource, SndfileStream, add_fault, count_samples
from tymbal.audio.window import Path, Piece, file_size
from tymbal.errors import AudioError, Fault

_GROUP_FRAMES = 32


class FlacSource:
    """FLAC through libsndfile; where that fails, frame by frame.

    Parameters
    ----------
    path, info, frames : the file, its STREAMINFO as the frames show it, and the samples per channel to be read.
    pieces : a true header and where the frames lie, in place of a header that lies.
    by_frames : always frame by frame (the bit depth changes on the way).
    """

    def __init__(
        self,
        path: Path,
        info: flac.StreamInfo,
        frames: int,
        *,
        pieces: Sequence[Piece] | None,
        by_frames: bool,
    ) -> None:
        self._path, self._info, self._pieces, self._always = path, info, pieces, by_frames
        self.frames, self.channels, self.faults = frames, info.channels, list[Fault]()
        self._index: list[flac.Frame] | None = None
        self._starts: list[int] = []
        self._stops: list[int] = []
        self._spares: dict[int, list[flac.Frame]] = {}
        self._direct: SndfileSource | None = None
        if not by_frames:
            self._direct = SndfileSource(path, pieces)

    def _frames(self) -> list[flac.Frame]:
        """Index of all frames, made when it is first needed."""
        if self._index is not None:
            return self._index
        first = flac.first_frame(self._path, self._info)
        found, self._spares = flac.index_with_spares(self._path, self._info, first.samples if first else 0)
        self._index = [frame for frame in found if frame.channels == self.channels]
        self._starts = [frame.first for frame in self._index]
        offsets = [frame.offset for frame in found]
        ends = dict(zip(offsets, [*offsets[1:], 1 << 62], strict=False))
        self._stops = [ends[frame.offset] for frame in self._index]
        return self._index

    def read(self, start: int, count: int) -> Samples:
        """See `Source.read`."""
        if self._always:
            return self._by_frames(start, count)
        if self._direct is None:  # a decoder that failed is not used again
            self._direct = SndfileSource(self._path, self._pieces)
        got = self._direct.read(start, count)
        if not self._direct.faults:
            return got
        self._direct.close()
        self._direct = None
        got = self._by_frames(start, count)
        if not self.faults:
            add_fault(self.faults, "resynced", f"the decoder lost its place near sample {start}; all frames were found")
        return got

    def _by_frames(self, start: int, count: int) -> Samples:
        out = np.zeros((count, self.channels), np.float32)
        stop, index = start + count, self._frames()
        at = max(0, bisect_right(self._starts, start) - 1)
        reached = start
        while at < len(index) and index[at].first < stop:
            group_end = self._group_end(at, stop)
            begin = index[at].first
            if begin > reached:
                self._lost(reached, begin)
            samples = self._decode(at, group_end)
            low, high = max(start, begin), min(stop, begin + len(samples))
            if high > low:
                out[low - start : high - start] = samples[low - begin : high - begin]
            reached, at = max(reached, begin + len(samples)), group_end
        if reached < min(stop, self.frames):
            self._lost(reached, min(stop, self.frames))
        return out

    def _group_end(self, at: int, stop: int) -> int:
        """Frames at … end-1 follow each other without a gap and share their format."""
        index = self._frames()
        end, first = at + 1, index[at]
        while end < len(index) and end - at < _GROUP_FRAMES:
            frame = index[end]
            same = (frame.bits, frame.sample_rate_hz) == (first.bits, first.sample_rate_hz)
            if not same or frame.first != index[end - 1].end or frame.first >= stop:
                break
            end += 1
        return end

    def _decode(self, at: int, end: int) -> Samples:
        """Samples of the frames [at, end), zeros for those that fail; failing groups are halved."""
        frames = self._frames()[at:end]
        total = sum(frame.samples for frame in frames)
        got = self._try(frames[0], total, min(self._stops[end - 1], file_size(self._path)))
        if got is not None:
            return got
        if len(frames) > 1:
            middle = (at + end) // 2
            return np.concatenate([self._decode(at, middle), self._decode(middle, end)])
        for spare in self._spares.get(frames[0].first, []):
            got = self._try(spare, total, file_size(self._path)) if spare.samples == total else None
            if got is not None:
                return got
        self._lost(frames[0].first, frames[0].end)
        return np.zeros((total, self.channels), np.float32)

    def _try(self, first: flac.Frame, total: int, byte_stop: int) -> Samples | None:
        """`total` samples from frame `first` on, or None where they do not decode."""
        try:
            stream = SndfileStream(self._path, [flac.stream_header(first, total), (first.offset, byte_stop)])
        except AudioError:
            return None
        try:
            got = stream.read(total)
        except soundfile.LibsndfileError:
            return None
        finally:
            stream.close()
        return got if len(got) == total and got.shape[1] == self.channels else None

    def _lost(self, first: int, end: int) -> None:
        add_fault(
            self.faults,
            "damaged",
            f"frames are damaged: samples {first} to {end} (and perhaps later ones) cannot be decoded, they"
            " read as zeros",
        )

    def close(self) -> None:
        if self._direct is not None:
            self._direct.close()


class OggStream:
    """An Ogg stream with pages missing: the runs between the holes, each ending at the granule its last page states.

    Aligning runs by their end keeps later sound at its right time; a decoder left alone would move it forwards.
    """

    def __init__(
        self, path: Path, layout: OggLayout, placed: Sequence[tuple[int, int, Run]], samples: int, channels: int
    ) -> None:
        self._path, self._layout, self._placed, self._channels = path, layout, placed, channels
        self._samples = samples
        self._number, self._at, self._run_at = 0, 0, 0
        self._stream: SndfileStream | None = None

    def read(self, count: int) -> Samples:
        """See `Stream.read`."""
        out = np.zeros((count, self._channels), np.float32)
        done = 0
        while done < count and self._number < len(self._placed):
            start, length, run = self._placed[self._number]
            if self._at < start:
                step = min(count - done, start - self._at)
                done, self._at = done + step, self._at + step
                continue
            if self._stream is None:
                self._stream, self._run_at = open_run(self._path, self._layout, run), start
            skip = self._at - self._run_at
            if skip:  # the run before reached into this one
                self._stream.read(skip)
            part = self._stream.read(min(count - done, start + length - self._at))
            out[done : done + len(part)] = part
            done, self._at = done + len(part), self._at + len(part)
            self._run_at = self._at
            if len(part) == 0 or self._at >= start + length:
                self._stream.close()
                self._stream, self._number = None, self._number + 1
        if self._number == len(self._placed):  # behind the last run there is silence up to the stated end
            step = min(count - done, max(0, self._samples - self._at))
            done, self._at = done + step, self._at + step
        return out[:done]

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()


def open_run(path: Path, layout: OggLayout, run: Run) -> SndfileStream:
    """A decoder over the header pages and one run of sound pages."""
    return SndfileStream(path, [(0, layout.header_stop), (run.start, run.stop)])


def place_runs(path: Path, layout: OggLayout, ends: Sequence[int], late: int) -> list[tuple[int, int, Run]]:
    """(first sample, samples, run) of every run that decodes; counting takes one pass over damaged files.

    `ends` holds for each run the sample at which it ends. In Opus that begins in mid-stream libsndfile 1.2.2 gives
    the pre-skip too, and stops as many samples (`late`) before the end.
    """
    placed: list[tuple[int, int, Run]] = []
    for number, (run, end) in enumerate(zip(layout.runs, ends, strict=True)):
        if run.stop <= run.start:
            continue
        try:
            length = count_samples(open_run(path, layout, run))
        except AudioError:
            continue
        if length:
            start = 0 if number == 0 else max(0, end - length - late)
            placed.append((start, length, run))
    return placed
