"""Decoders behind one face: `read(start, count)` gives the same samples whatever was read before.

libsndfile seeks exactly in linear formats and FLAC; measured on 1.2.2 it does not in MP3, Vorbis and Opus (seeking back
to 0 in an MP3 already changes samples). Those are decoded from the start, in blocks, some of which are kept.
"""

from __future__ import annotations

import io
import os
import sys
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np
import soundfile
from numpy.typing import NDArray

from tymbal.audio import pcm as pcm_module
from tymbal.audio.pcm import Pcm
from tymbal.audio.quiet import complaints
from tymbal.audio.window import Path, Piece, SplicedFile, file_size
from tymbal.errors import AudioError, Fault, MissingExtraError, require

Path = Path
Samples = NDArray[np.float32]

BLOCK_SAMPLES = 1 << 16  # of all channels together, in one block of a decoder that cannot seek
KEPT_BLOCKS = 8


class Source(Protocol):
    """A decoder with random access. `frames` per channel; `faults` grows as damage is met."""

    frames: int
    channels: int
    faults: list[Fault]

    def read(self, start: int, count: int) -> Samples:
        """Samples [start, start + count), shape (count, channels); the caller keeps within 0 … frames."""
        ...

    def close(self) -> None:
        """Let go of the file."""
        ...


class Stream(Protocol):
    """A decoder that only runs forwards."""

    def read(self, count: int) -> Samples:
        """The next `count` samples, fewer only at the end, shape (n, channels)."""
        ...

    def close(self) -> None:
        """Let go of the file."""
        ...


class _Forward(soundfile.SoundFile):  # type: ignore[misc]
    """A SoundFile that does not seek behind our back.

    soundfile seeks to where it already is after every read. In an MP3 that changes the next samples and makes the
    decoder print errors; in FLAC it costs time.
    """

    def seekable(self) -> bool:
        return False


def open_sound(path: Path, pieces: Sequence[Piece] | None = None) -> Any:
    """A soundfile.SoundFile over the file or pieces of it; AudioError where libsndfile refuses."""
    # Bytes keep names that are no valid UTF-8; on Windows the wide-character call takes the text itself.
    name: object = os.fspath(path) if sys.platform == "win32" else os.fsencode(path)
    try:
        if pieces is None:
            return _Forward(name)
        # Buffered: decoders read a few bytes at a time, and every call into Python costs.
        return _Forward(io.BufferedReader(SplicedFile(path, pieces), 1 << 16))
    except (soundfile.LibsndfileError, OSError, TypeError, ValueError) as error:
        raise AudioError(
            f"the decoder refuses the file ({reason_of(error)})",
            where=path,
            mend="It is damaged, or a codec that cannot be read: convert it to WAV or FLAC, or fetch it again.",
        ) from error


def reason_of(error: Exception) -> str:
    """What libsndfile said, without the path and its own prefixes."""
    text = str(getattr(error, "error_string", "") or error)
    return text.replace("Error : ", "").strip().rstrip(".") or type(error).__name__


class PcmSource:
    """Samples of a RIFF file by arithmetic."""

    def __init__(self, path: Path, pcm: Pcm) -> None:
        self._path, self._pcm = path, pcm
        self._file = open(path, "rb")  # noqa: SIM115  closed by close()
        self.frames, self.channels = pcm.frames, pcm.channels
        self.faults: list[Fault] = []

    def read(self, start: int, count: int) -> Samples:
        """See `Source.read`."""
        pcm = self._pcm
        self._file.seek(pcm.offset + start * pcm.frame_bytes)
        data = self._file.read(count * pcm.frame_bytes)
        if len(data) < count * pcm.frame_bytes:
            raise AudioError("the file became shorter while it was read", where=self._path, mend="Start again.")
        return pcm_module.decode(data, pcm)

    def close(self) -> None:
        self._file.close()


class SndfileSource:
    """A format in which libsndfile seeks exactly, in a file or pieces of it."""

    def __init__(self, path: Path, pieces: Sequence[Piece] | None = None) -> None:
        self._path, self._sound, self._at = path, open_sound(path, pieces), 0
        self.frames, self.channels = int(self._sound.frames), int(self._sound.channels)
        self.faults: list[Fault] = []

    def read(self, start: int, count: int) -> Samples:
        """See `Source.read`; a part the decoder cannot give is zeros and a fault."""
        try:
            if start != self._at:
                self._sound.seek(start)
            self._at = -1
            got = self._sound.read(count, dtype="float32", always_2d=True)
            self._at = start + len(got)
        except soundfile.LibsndfileError as error:
            got = np.zeros((0, self.channels), np.float32)
            add_fault(self.faults, "damaged", f"the decoder gave up near sample {start} ({reason_of(error)})")
        if len(got) < count:
            add_fault(self.faults, "damaged", f"the decoder gave no sound for samples {start + len(got)} and after")
        return padded(got, count)

    def close(self) -> None:
        self._sound.close()


def add_fault(faults: list[Fault], code: str, message: str) -> None:
    """Add a fault unless one of that code is there."""
    if all(fault.code != code for fault in faults):
        faults.append(Fault(code, message))


def padded(samples: Samples, count: int) -> Samples:
    """`samples` followed by zeros up to `count`."""
    if len(samples) >= count:
        return samples[:count]
    return np.concatenate([samples, np.zeros((count - len(samples), samples.shape[1]), np.float32)])


class LinearSource:
    """Random access over a forward-only stream: whole blocks from the start on, the last few kept.

    Going back further than the kept blocks starts the stream again: exact, at the cost of decoding twice.
    """

    def __init__(self, path: Path, channels: int, frames: int, start: Callable[[], Stream]) -> None:
        self._path, self._start, self._stream = path, start, start()
        self.frames, self.channels = frames, channels
        self.faults: list[Fault] = []
        self._block = max(4096, BLOCK_SAMPLES // channels)
        self._next = 0
        self._kept: OrderedDict[int, Samples] = OrderedDict()

    def read(self, start: int, count: int) -> Samples:
        """See `Source.read`."""
        size, parts = self._block, []
        for number in range(start // size, -(-(start + count) // size)):
            begin = number * size
            parts.append(self._get(number)[max(0, start - begin) : start + count - begin])
        return np.concatenate(parts) if parts else np.zeros((0, self.channels), np.float32)

    def _get(self, number: int) -> Samples:
        if number in self._kept:
            self._kept.move_to_end(number)
            return self._kept[number]
        if number < self._next:
            self._stream.close()
            self._stream, self._next = self._start(), 0
        block = np.zeros((0, self.channels), np.float32)
        while self._next <= number:
            block = self._read_block()
        self._kept[number] = block
        if len(self._kept) > KEPT_BLOCKS:
            self._kept.popitem(last=False)
        return block

    def _read_block(self) -> Samples:
        begin = self._next * self._block
        wanted = max(0, min(self._block, self.frames - begin))
        try:
            block = self._stream.read(wanted)
        except soundfile.LibsndfileError as error:
            add_fault(self.faults, "damaged", f"the decoder gave up after sample {begin} ({reason_of(error)})")
            block = np.zeros((0, self.channels), np.float32)
        if getattr(self._stream, "complaints", 0):
            add_fault(
                self.faults, "damaged", f"the decoder met damaged frames between samples {begin} and {begin + wanted}"
            )
        if len(block) < wanted:
            add_fault(
                self.faults,
                "damaged",
                f"the decoder gave {begin + len(block)} of {self.frames} samples; the rest reads as zeros",
            )
        self._next += 1
        return padded(block, self._block)

    def close(self) -> None:
        self._stream.close()


class SndfileStream:
    """libsndfile run forwards over a file or pieces of it; the first `skip` samples are dropped.

    `listen=True` catches what the MP3 decoder prints about damaged frames and counts it in `complaints`.
    """

    def __init__(
        self, path: Path, pieces: Sequence[Piece] | None = None, *, skip: int = 0, listen: bool = False
    ) -> None:
        self._listen, self.complaints = listen, 0
        with self._listening():
            self._sound = open_sound(path, pieces)
        self.channels, self.sample_rate_hz = int(self._sound.channels), int(self._sound.samplerate)
        self._error: soundfile.LibsndfileError | None = None
        if skip:
            self.read(skip)

    def read(self, count: int) -> Samples:
        """See `Stream.read`. What was decoded before an error is given first; the next call raises it."""
        parts, left = [], count
        while left > 0 and self._error is None:
            try:
                with self._listening():
                    part = self._sound.read(min(left, BLOCK_SAMPLES), dtype="float32", always_2d=True)
            except soundfile.LibsndfileError as error:
                self._error = error
                break
            if len(part) == 0:
                break
            parts.append(part)
            left -= len(part)
        if self._error is not None and not parts and count:
            raise self._error
        return np.concatenate(parts) if parts else np.zeros((0, self.channels), np.float32)

    @contextmanager
    def _listening(self) -> Iterator[None]:
        if not self._listen:
            yield
            return
        with complaints() as heard:
            yield
        self.complaints += heard.errors

    def close(self) -> None:
        self._sound.close()


_SCALES = {"u8": 2.0**-7, "s16": 2.0**-15, "s32": 2.0**-31, "s64": 2.0**-63}


class AvStream:
    """FFmpeg through PyAV, run forwards: formats that libsndfile lacks.

    `untrimmed=True` keeps what FFmpeg would cut at the ends (it cuts ALAC in CAF twice).
    """

    def __init__(self, path: Path, *, untrimmed: bool = False) -> None:
        try:
            av: Any = require("av", "av")
        except MissingExtraError as error:
            what = "this format needs a second decoder, the optional package PyAV"
            raise AudioError(what, where=path, mend=error.mend) from error
        av.logging.set_level(av.logging.PANIC)
        self._error = av.error.FFmpegError
        try:
            # An open file instead of its name: FFmpeg would take "http:..." or "concat:..." in a name as an order.
            self._file = SplicedFile(path, [(0, file_size(path))])
            self._container = av.open(self._file)
            if not self._container.streams.audio:
                raise AudioError("the file holds no sound track", where=path, mend="Leave it out.")
            self._track = self._container.streams.audio[0]
            if untrimmed and self._track.codec_context is not None:
                self._track.codec_context.flags2 |= av.codec.context.Flags2.skip_manual
            self._frames = self._container.decode(self._track)
        except (self._error, OSError, ValueError) as error:
            raise AudioError(
                f"the decoder refuses the file ({getattr(error, 'strerror', None) or error})",
                where=path,
                mend="It is damaged or no sound: fetch it again, or leave it out.",
            ) from error
        context = self._track.codec_context
        if context is None or not context.channels or not context.sample_rate:
            raise AudioError("the sound track names no codec, channels or rate", where=path, mend="Fetch it again.")
        self.channels, self.sample_rate_hz = int(context.channels), int(context.sample_rate)
        self.codec = str(context.name).upper()
        self._left = np.zeros((0, self.channels), np.float32)

    def read(self, count: int) -> Samples:
        """See `Stream.read`; damage ends the stream."""
        parts, have = [self._left], len(self._left)
        while have < count:
            try:
                frame = next(self._frames, None)
            except self._error:
                frame = None
            if frame is None:
                break
            samples = self._samples(frame)
            if samples.shape[1] != self.channels:  # the layout changed on the way: what follows cannot be placed
                break
            parts.append(samples)
            have += len(samples)
        joined = np.concatenate(parts)
        self._left = joined[count:]
        return joined[:count]

    def _samples(self, frame: Any) -> Samples:
        values, name = frame.to_ndarray(), frame.format.name.rstrip("p")
        shaped = values.T if frame.format.is_planar else values.reshape(-1, frame.layout.nb_channels)
        if name == "u8":
            shaped = shaped.astype(np.float32) - np.float32(128)
        return np.ascontiguousarray(shaped.astype(np.float32) * np.float32(_SCALES.get(name, 1.0)))

    def close(self) -> None:
        self._container.close()
        self._file.close()


def count_samples(stream: Stream, limit: int = 1 << 62) -> int:
    """Samples per channel that a stream gives before it ends; the stream is closed."""
    total = 0
    try:
        while total < limit:
            got = len(stream.read(BLOCK_SAMPLES))
            total += got
            if got < BLOCK_SAMPLES:
                break
    except soundfile.LibsndfileError:
        pass
    stream.close()
    return total
