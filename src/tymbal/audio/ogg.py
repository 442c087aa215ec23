"""Ogg pages: their order, their checksums, and where sound is missing between them (RFC 3533).

The page checksum is CRC-32 with polynomial 0x04C11DB7, unreflected, start and final value 0. Reflecting every byte
turns it into the CRC of zlib, so it runs at the speed of C.
"""

from __future__ import annotations

import os
import zlib
from dataclasses import dataclass

from tymbal.audio.window import Path

_REFLECT = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_NO_GRANULE = (1 << 64) - 1
_HEADER_BYTES = 27
HOLE_LIMIT = 1000  # holes after which the rest of a file is left as it is


@dataclass(frozen=True)
class Page:
    """One page: where it lies and what its header says."""

    offset: int
    size: int
    granule: int | None
    serial: int
    sequence: int
    first: bool
    last: bool


@dataclass(frozen=True)
class Run:
    """Pages in a row without a hole: bytes [start, stop) of the file, and the granule at which they end."""

    start: int
    stop: int
    end_granule: int | None


@dataclass(frozen=True)
class OggLayout:
    """What a walk over the pages found.

    `header_stop` is the byte behind the pages that hold the codec's headers; `runs` are the sound pages of the first
    logical stream, cut at holes; `bad_pages` counts those whose checksum fails (checked walks only).
    """

    codec: str
    header_stop: int
    runs: tuple[Run, ...]
    ended: bool
    bad_pages: int
    other_streams: int
    chained_at: int | None
    end_granule: int | None

    @property
    def whole(self) -> bool:
        """No hole between the sound pages."""
        return len(self.runs) <= 1 and self.bad_pages == 0


def checksum(page: bytes) -> int:
    """CRC of a whole page, its own checksum field taken as zero."""
    zeroed = page[:22] + b"\0\0\0\0" + page[26:]
    value = zlib.crc32(zeroed.translate(_REFLECT), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{value:032b}"[::-1], 2)


class _Walk:
    """State of one pass over the pages."""

    def __init__(self, path: Path, check: bool) -> None:
        self.file = open(path, "rb")  # noqa: SIM115  closed by walk()
        self.size = os.fstat(self.file.fileno()).st_size
        self.check = check

    def page(self, at: int) -> tuple[Page, bool, bytes] | None:
        """The page at byte `at`, whether its checksum holds (True unchecked), and its body when checked."""
        self.file.seek(at)
        head = self.file.read(_HEADER_BYTES + 255)
        if len(head) < _HEADER_BYTES or head[:4] != b"OggS" or head[4] != 0:
            return None
        segments = head[26]
        size = _HEADER_BYTES + segments + sum(head[27 : 27 + segments])
        if len(head) < _HEADER_BYTES + segments or at + size > self.size:
            return None
        granule = int.from_bytes(head[6:14], "little")
        page = Page(
            offset=at,
            size=size,
            granule=None if granule == _NO_GRANULE else granule,
            serial=int.from_bytes(head[14:18], "little"),
            sequence=int.from_bytes(head[18:22], "little"),
            first=bool(head[5] & 2),
            last=bool(head[5] & 4),
        )
        if not self.check:
            return page, True, head
        self.file.seek(at)
        body = self.file.read(size)
        return page, checksum(body) == int.from_bytes(body[22:26], "little"), body

    def next_sync(self, at: int) -> int | None:
        """Byte of the next capture pattern at or after `at`."""
        step = 1 << 16
        while at < self.size:
            self.file.seek(at)
            piece = self.file.read(step + 3)
            found = piece.find(b"OggS")
            if found != -1:
                return at + found
            at += step
        return None


def walk(path: Path, *, check: bool = False) -> OggLayout | None:
    """Walk all pages; `check=True` verifies checksums too (reads every byte). None where there is no first page."""
    state = _Walk(path, check)
    with state.file:
        found = state.page(0)
        if found is None:
            return None
        serial = found[0].serial
        codec = _codec(state, found[0])
        at: int | None = 0
        header_stop, bad, chained = 0, 0, None
        runs: list[Run] = []
        others: set[int] = set()
        start: int | None = None
        granule, end_granule, expected, ended, stop = None, None, None, False, 0
        while at is not None and at < state.size and chained is None and len(runs) < HOLE_LIMIT:
            found = state.page(at)
            if found is None or not found[1]:
                bad += found is not None
                at = state.next_sync(at + 4)
                continue
            page, at = found[0], at + found[0].size
            if page.serial != serial:
                others.add(page.serial)
                chained = page.offset if ended and page.first else None
                continue
            if ended:
                chained = page.offset
                continue
            if page.granule in (0, None) and start is None and not runs:
                header_stop, expected = page.offset + page.size, page.sequence + 1
                continue
            if start is not None and page.sequence != expected:
                runs.append(Run(start, stop, granule))
                start = None
            elif start is None and not runs and page.sequence != expected:
                runs.append(Run(header_stop, header_stop, None))
            start = page.offset if start is None else start
            granule = page.granule if page.granule is not None else granule
            end_granule, expected, stop, ended = granule, page.sequence + 1, page.offset + page.size, page.last
        if start is not None:
            runs.append(Run(start, stop, granule))
    return OggLayout(codec, header_stop, tuple(runs), ended, bad, len(others), chained, end_granule)


def _codec(state: _Walk, page: Page) -> str:
    state.file.seek(page.offset + _HEADER_BYTES)
    body = state.file.read(300)
    for magic, name in ((b"\x01vorbis", "VORBIS"), (b"OpusHead", "OPUS"), (b"\x7fFLAC", "FLAC"), (b"Speex", "SPEEX")):
        if magic in body[:300]:
            return name
    return "unknown"
