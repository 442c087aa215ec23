"""MPEG audio frames: where they begin, how many samples they hold, whether the last ones are missing.

ISO/IEC 11172-3 and 13818-3, section 2.4.2.3 (header); the Xing/Info, LAME and VBRI tags as their encoders write them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from tymbal.audio.window import Path

_BITRATES = {  # (MPEG 1?, layer) -> kbit/s by index
    (True, 1): (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
CHAIN = 4  # frames in a row that must agree before bytes count as MPEG audio
_WALK_BYTES = 1 << 20
DECODER_DELAY = 529  # samples an MP3 decoder adds to the delay of the encoder (LAME technical FAQ)


@dataclass(frozen=True)
class FrameHeader:
    """One frame: bytes it takes, samples per channel in it, and what must not change from frame to frame."""

    size: int
    samples: int
    sample_rate_hz: int
    channels: int
    version: int
    layer: int

    @property
    def stream(self) -> tuple[int, int, int]:
        """What all frames of one stream share."""
        return self.version, self.layer, self.sample_rate_hz


def parse_header(data: bytes, at: int) -> FrameHeader | None:
    """The frame header at byte `at`, or None where there is none."""
    return _header(data[at : at + 4])


@lru_cache(maxsize=4096)  # few different headers make up a file of a million frames
def _header(four: bytes) -> FrameHeader | None:
    if len(four) < 4 or four[0] != 0xFF or four[1] & 0xE0 != 0xE0:
        return None
    version, layer = four[1] >> 3 & 3, 4 - (four[1] >> 1 & 3)
    bitrate, rate = four[2] >> 4, four[2] >> 2 & 3
    if version == 1 or layer == 4 or bitrate in (0, 15) or rate == 3:
        return None
    kbps, hertz, padding = _BITRATES[version == 3, layer][bitrate], _RATES[version][rate], four[2] >> 1 & 1
    if layer == 1:
        size, samples = (12000 * kbps // hertz + padding) * 4, 384
    else:
        samples = 576 if layer == 3 and version != 3 else 1152
        size = samples // 8 * 1000 * kbps // hertz + padding
    channels = 1 if four[3] >> 6 == 3 else 2
    return FrameHeader(size, samples, hertz, channels, version, layer)


def find_frames(data: bytes, *, chain: int = CHAIN) -> int | None:
    """Byte of the first of `chain` frames in a row that agree, or None.

    A chain cut by the end of `data` counts from two frames on when it starts at byte 0, so that very short files
    are found while random bytes are not.
    """
    at = data.find(b"\xff")
    while at != -1:
        count, position, first = 0, at, parse_header(data, at)
        while first is not None and count < chain:
            header = parse_header(data, position)
            if header is None or header.stream != first.stream:
                break
            count, position = count + 1, position + header.size
        if count >= chain or (at == 0 and count >= 2 and position >= len(data) - 4):
            return at
        at = data.find(b"\xff", at + 1)
    return None


def id3v2_bytes(data: bytes) -> int:
    """Length of the ID3v2 tag at the start of `data`, its header and footer included; 0 where there is none."""
    if len(data) < 10 or data[:3] != b"ID3":
        return 0
    size = 0
    for byte in data[6:10]:
        size = size << 7 | (byte & 0x7F)
    return 10 + size + (10 if data[5] & 0x10 else 0)


@dataclass(frozen=True)
class MpegLayout:
    """Where the frames lie, counted from the headers.

    `frames` counts whole frames, a tag's own (`tag` names it) included, though it holds no sound; `claimed_frames` is
    what the Xing/Info/VBRI tag says, None where it does not; `delay` and `padding` are the encoder's, in samples.
    """

    start: int
    sound_start: int
    stop: int
    frames: int
    header: FrameHeader
    first_bytes: bytes
    tag: str | None
    claimed_frames: int | None
    has_delay: bool
    delay: int
    padding: int
    partial_last: bool
    stray_bytes: int
    channels_change: bool


def walk(path: Path, begin: int, size: int) -> MpegLayout | None:
    """Walk all frame headers from byte `begin`; None where no chain of frames is found."""
    with open(path, "rb") as file:
        file.seek(begin)
        head = file.read(1 << 16)
        found = find_frames(head)
        first = None if found is None else parse_header(head, found)
        if found is None or first is None:
            return None
        tag, claimed, trims = _tag(head, found, first)
        end = size - _tail_tags(file, size)
        position, frames, changed, partial = begin + found, 0, False, False
        window, window_at = b"", 0
        while position + 4 <= end:
            if not window_at <= position <= window_at + len(window) - 4:
                file.seek(position)
                window, window_at = file.read(_WALK_BYTES), position
            header = parse_header(window, position - window_at)
            if header is None or header.stream != first.stream:
                break
            if position + header.size > end:
                partial = True
                break
            changed = changed or header.channels != first.channels
            frames, position = frames + 1, position + header.size
    return MpegLayout(
        start=begin + found,
        sound_start=begin + found + (first.size if tag else 0),
        stop=position,
        frames=frames,
        header=first,
        first_bytes=head[found : found + 4],
        tag=tag,
        claimed_frames=claimed,
        has_delay=trims is not None,
        delay=trims[0] if trims else 0,
        padding=trims[1] if trims else 0,
        partial_last=partial,
        stray_bytes=max(0, end - position),
        channels_change=changed,
    )


def _tail_tags(file: object, size: int) -> int:
    # ID3v1 is the last 128 bytes; its text would look like a broken frame to the decoder.
    if size < 128:
        return 0
    file.seek(size - 128)  # type: ignore[attr-defined]
    return 128 if file.read(3) == b"TAG" else 0  # type: ignore[attr-defined]


def _side_bytes(header: FrameHeader) -> int:
    """Length of the side information of a layer III frame; the tag stands behind it."""
    return {(3, 1): 17, (3, 2): 32}.get((header.version, header.channels), 9 if header.channels == 1 else 17)


def _tag(head: bytes, at: int, header: FrameHeader) -> tuple[str | None, int | None, tuple[int, int] | None]:
    """Name, frame count, and encoder delay and padding (samples) of the tag in the first frame."""
    place = at + 4 + _side_bytes(header)
    if head[place : place + 4] in (b"Xing", b"Info"):
        flags = int.from_bytes(head[place + 4 : place + 8], "big")
        cursor, frames = place + 8, None
        if flags & 1:
            frames, cursor = int.from_bytes(head[cursor : cursor + 4], "big"), cursor + 4
        cursor += (4 if flags & 2 else 0) + (100 if flags & 4 else 0) + (4 if flags & 8 else 0)
        lame = head[cursor : cursor + 24]
        trims = None
        if lame[:4] in (b"LAME", b"Lavc", b"Lavf", b"L3.9"):
            packed = int.from_bytes(lame[21:24], "big")
            trims = (packed >> 12, packed & 0xFFF)
        return head[place : place + 4].decode(), frames, trims
    if head[at + 36 : at + 40] == b"VBRI":
        return "VBRI", int.from_bytes(head[at + 50 : at + 54], "big"), None
    return None, None, None


def true_front(layout: MpegLayout, frames: int) -> tuple[bytes, int]:
    """Bytes to put before `frames` sound frames in place of the file's own tag, and samples to drop after decoding.

    A decoder without a tag guesses the length and stops there; one with a tag that lies prints warnings. So an Info
    tag that tells the truth goes first. With it libmpg123 drops its own delay of 529 samples. Where the file states the
    encoder's delay that is wanted; where it does not, a silent frame makes up for it, so that nothing is cut.
    """
    count = frames if layout.has_delay else frames + 1
    for bitrate in range(1, 15):
        lead = bytearray(layout.first_bytes)
        lead[1] |= 1  # no CRC
        lead[2] = bitrate << 4 | (lead[2] & 0x0C)
        header = parse_header(bytes(lead), 0)
        side = _side_bytes(layout.header)
        if header is not None and header.size >= 4 + side + 16:
            silent = bytes(lead).ljust(header.size, b"\0")
            tag = bytes(lead) + bytes(side) + b"Info" + (3).to_bytes(4, "big") + count.to_bytes(4, "big")
            total = layout.stop - layout.sound_start + header.size * (count - frames + 1)
            tag = (tag + total.to_bytes(4, "big")).ljust(header.size, b"\0")
            if layout.has_delay:
                return tag, layout.delay
            return tag + silent, header.samples - DECODER_DELAY
    return b"", 0
