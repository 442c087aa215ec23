"""FLAC metadata, and an index of frames for files whose header lies or whose middle is damaged (RFC 9639).

Every FLAC frame stands alone: its header holds its number and a CRC-8. So a damaged file is read frame by frame; what
cannot be decoded becomes zeros at the right place in time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tymbal.audio.window import Path, file_size
from tymbal.errors import AudioError

_STEP = 1 << 23
_BLOCK_SIZES = (0, 192, 576, 1152, 2304, 4608, -8, -16, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768)
_RATES = (0, 88200, 176400, 192000, 8000, 16000, 22050, 24000, 32000, 44100, 48000, 96000, -8, -16, -10, -1)
_BITS = (0, 8, 12, -1, 16, 20, 24, 32)
HEADER_BYTES = 16


@dataclass(frozen=True)
class StreamInfo:
    """The STREAMINFO block; `total` samples per channel, 0 = unknown; `begin` is the byte of the first frame."""

    min_block: int
    max_block: int
    max_frame: int
    sample_rate_hz: int
    channels: int
    bits: int
    total: int
    md5: bytes
    begin: int
    comments: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Frame:
    """One frame header: where it lies, which samples it holds and how."""

    offset: int
    first: int
    samples: int
    channels: int
    bits: int
    sample_rate_hz: int
    variable: bool

    @property
    def end(self) -> int:
        """The sample after its last."""
        return self.first + self.samples


def _damaged(path: Path, what: str) -> AudioError:
    mend = "Fetch the file again, or try: flac --decode --decode-through-errors"
    return AudioError(what, where=path, mend=mend)


def read_info(path: Path, begin: int) -> tuple[StreamInfo, bool]:
    """STREAMINFO and comments of the stream that begins at byte `begin`; False where metadata ends off a frame.

    Raises AudioError where STREAMINFO is missing, cut or senseless, or the chain of metadata blocks breaks.
    """
    size = file_size(path)
    with open(path, "rb") as file:
        file.seek(begin)
        head = file.read(42)
        if len(head) < 42:
            raise _damaged(path, f"the file ends inside the FLAC header ({size} bytes)")
        if head[4] & 0x7F != 0 or int.from_bytes(head[5:8], "big") != 34:
            raise _damaged(path, "the FLAC header lacks its STREAMINFO block, so rate and sample type are unknown")
        info = _stream_info(path, head[8:42])
        at, last = begin + 42, bool(head[4] & 0x80)
        comments: tuple[tuple[str, str], ...] = ()
        while not last:
            file.seek(at)
            block = file.read(4)
            length = int.from_bytes(block[1:4], "big")
            if len(block) < 4 or block[0] & 0x7F == 127 or (block[0] & 0x7F > 6) or at + 4 + length > size:
                raise _damaged(
                    path, f"the chain of FLAC metadata blocks breaks at byte {at}: one states a wrong length"
                )
            if block[0] & 0x7F == 4:
                comments = _comments(file.read(min(length, 1 << 20)))
            last, at = bool(block[0] & 0x80), at + 4 + length
        file.seek(at)
        head = file.read(2)
    at_frame = at >= size or (len(head) == 2 and head[0] == 0xFF and head[1] & 0xFC == 0xF8)
    return replace(info, begin=at, comments=comments), at_frame


def _stream_info(path: Path, body: bytes) -> StreamInfo:
    packed = int.from_bytes(body[10:18], "big")
    info = StreamInfo(
        min_block=int.from_bytes(body[0:2], "big"),
        max_block=int.from_bytes(body[2:4], "big"),
        max_frame=int.from_bytes(body[7:10], "big"),
        sample_rate_hz=packed >> 44,
        channels=(packed >> 41 & 7) + 1,
        bits=(packed >> 36 & 31) + 1,
        total=packed & ((1 << 36) - 1),
        md5=body[18:34],
        begin=0,
    )
    if info.sample_rate_hz == 0 or info.bits < 4 or info.max_block < 16:
        raise _damaged(
            path,
            f"the FLAC STREAMINFO is senseless ({info.sample_rate_hz} Hz, {info.bits} bits, blocks of"
            f" {info.max_block} samples)",
        )
    return info


def _comments(block: bytes) -> tuple[tuple[str, str], ...]:
    """Name and value pairs of a VORBIS_COMMENT block, as far as its lengths make sense."""
    found: list[tuple[str, str]] = []
    at = 4 + int.from_bytes(block[0:4], "little")
    count = int.from_bytes(block[at : at + 4], "little")
    at += 4
    while count > 0 and at + 4 <= len(block):
        length = int.from_bytes(block[at : at + 4], "little")
        name, equals, value = block[at + 4 : at + 4 + length].decode("utf-8", "replace").partition("=")
        if equals:
            found.append((name.upper(), value))
        at, count = at + 4 + length, count - 1
    return tuple(found)


def _crc_table(polynomial: int, bits: int) -> tuple[int, ...]:
    top, mask = 1 << (bits - 1), (1 << bits) - 1
    table = []
    for byte in range(256):
        value = byte << (bits - 8)
        for _ in range(8):
            value = (value << 1) ^ polynomial if value & top else value << 1
        table.append(value & mask)
    return tuple(table)


_CRC8 = _crc_table(0x07, 8)
_CRC16 = _crc_table(0x8005, 16)


def _crc8(data: bytes) -> int:
    value = 0
    for byte in data:
        value = _CRC8[value ^ byte]
    return value


def crc16_holds(frame: bytes) -> bool:
    """Whether `frame`, footer included, is a whole frame: the CRC-16 over all of it comes out 0."""
    value = 0
    for byte in frame:
        value = (value << 8 & 0xFFFF) ^ _CRC16[value >> 8 ^ byte]
    return len(frame) > 2 and value == 0


def _coded_number(data: bytes, at: int) -> tuple[int, int] | None:
    """The UTF-8-like number at `at` and the byte after it."""
    lead = data[at]
    if lead < 0x80:
        return lead, at + 1
    extra = next((count for count in range(1, 7) if not lead & (0x40 >> count)), 0) if lead & 0x40 else 0
    if lead == 0xFF or extra == 0 or at + extra >= len(data):
        return None
    value = lead & (0x3F >> extra)
    for byte in data[at + 1 : at + 1 + extra]:
        if byte & 0xC0 != 0x80:
            return None
        value = value << 6 | (byte & 0x3F)
    return value, at + 1 + extra


def parse_frame(data: bytes, at: int, info: StreamInfo, nominal: int, offset: int) -> Frame | None:
    """The frame header at byte `at` of `data`, or None; `nominal` is the block size of fixed-size streams."""
    if at + 6 > len(data) or data[at] != 0xFF or data[at + 1] & 0xFE != 0xF8:
        return None
    size_code, rate_code = data[at + 2] >> 4, data[at + 2] & 15
    channel_code, bits_code = data[at + 3] >> 4, data[at + 3] >> 1 & 7
    if size_code == 0 or rate_code == 15 or channel_code > 10 or bits_code == 3 or data[at + 3] & 1:
        return None
    number = _coded_number(data, at + 4)
    if number is None:
        return None
    value, cursor = number
    samples, rate = _BLOCK_SIZES[size_code], _RATES[rate_code]
    if samples < 0:
        width = 1 if samples == -8 else 2
        samples, cursor = int.from_bytes(data[cursor : cursor + width], "big") + 1, cursor + width
    if rate < 0:
        width = 1 if rate == -8 else 2
        unit = {-8: 1000, -16: 1, -10: 10}[rate]
        rate, cursor = int.from_bytes(data[cursor : cursor + width], "big") * unit, cursor + width
    if cursor >= len(data) or _crc8(data[at:cursor]) != data[cursor]:
        return None
    first = value if data[at + 1] & 1 else value * (nominal or samples)
    channels = channel_code + 1 if channel_code < 8 else 2
    bits, variable = _BITS[bits_code] or info.bits, bool(data[at + 1] & 1)
    return Frame(offset, first, samples, channels, bits, rate or info.sample_rate_hz, variable)


def _candidates(piece: bytes) -> NDArray[np.int64]:
    """Bytes where a sync code may stand."""
    values = np.frombuffer(piece, dtype=np.uint8)
    if len(values) < 2:
        return np.zeros(0, dtype=np.int64)
    return np.flatnonzero((values[:-1] == 0xFF) & (values[1:] & 0xFE == 0xF8))


def frames_between(path: Path, info: StreamInfo, begin: int, end: int, nominal: int) -> list[Frame]:
    """All frame headers whose sync code lies in bytes [begin, end) of the file, in order of the file."""
    found: list[Frame] = []
    with open(path, "rb") as file:
        for at in range(begin, end, _STEP):
            file.seek(at)
            piece = file.read(min(_STEP, end - at) + HEADER_BYTES)
            for place in _candidates(piece):
                if place < _STEP and (frame := parse_frame(piece, int(place), info, nominal, at + int(place))):
                    found.append(frame)
    return found


def first_frame(path: Path, info: StreamInfo, *, search: int = 1 << 16) -> Frame | None:
    """The first frame header within `search` bytes after the metadata."""
    size = file_size(path)
    frames = frames_between(path, info, info.begin, min(size, info.begin + search), 0)
    return frames[0] if frames else None


def last_frame(path: Path, info: StreamInfo, nominal: int) -> tuple[Frame | None, bool]:
    """The last frame of the file and whether its bytes are all there, read from the end of the file."""
    size = file_size(path)
    reach = min(max(4 * info.max_frame, 1 << 17), 1 << 22)
    begin = max(info.begin, size - reach)
    frames = _consistent(frames_between(path, info, begin, size, nominal))
    if not frames:
        return None, False
    last = frames[-1]
    with open(path, "rb") as file:
        file.seek(last.offset)
        return last, crc16_holds(file.read(size - last.offset))


def index(path: Path, info: StreamInfo, nominal: int) -> list[Frame]:
    """Every believable frame header of the file, numbers rising."""
    return index_with_spares(path, info, nominal)[0]


def index_with_spares(path: Path, info: StreamInfo, nominal: int) -> tuple[list[Frame], dict[int, list[Frame]]]:
    """The index, and by first sample the frames that repeat one of it (pieces of a file copied twice)."""
    found = frames_between(path, info, info.begin, file_size(path), nominal)
    kept = _consistent(found)
    chosen, spares = {frame.offset for frame in kept}, dict[int, list[Frame]]()
    for frame in found:
        if frame.offset not in chosen:
            spares.setdefault(frame.first, []).append(frame)
    return kept, spares


def _consistent(frames: list[Frame]) -> list[Frame]:
    # Chance sync codes with a fitting CRC-8 exist (about one in 16 MB). Keep the longest chain by links: a frame
    # follows another when it begins where that one ends; strangers that overlap a chain are dropped.
    kept: list[Frame] = []
    ends = {frame.end for frame in frames} | {0}
    starts = {frame.first for frame in frames}
    for frame in frames:
        linked = frame.first in ends or frame.end in starts
        if not linked and len(frames) > 1:
            continue
        if kept and frame.first < kept[-1].end:
            continue
        kept.append(frame)
    return kept


def stream_header(frame: Frame, total: int) -> bytes:
    """A FLAC header for a run of frames like `frame` that holds `total` samples; no MD5."""
    packed = frame.sample_rate_hz << 44 | (frame.channels - 1) << 41 | (frame.bits - 1) << 36 | total
    # Equal smallest and largest block sizes are how libFLAC turns the numbers of fixed-size frames into samples.
    blocks = (16, 65535) if frame.variable else (frame.samples, frame.samples)
    body = b"".join(size.to_bytes(2, "big") for size in blocks) + bytes(6) + packed.to_bytes(8, "big") + bytes(16)
    return b"fLaC\x80" + len(body).to_bytes(3, "big") + body
