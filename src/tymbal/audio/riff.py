"""A tolerant walk over RIFF chunks: WAV, RIFX, RF64/BW64 and Sony Wave64, whose sizes may lie.

Nothing is allocated by what a header claims: chunk sizes are clipped to the file. Sources: Microsoft RIFF/WAVE
(1991, 1994), EBU Tech 3306 (RF64), Sony Wave64 1.0.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass, field
from typing import BinaryIO

from tymbal.audio.window import Path
from tymbal.errors import AudioError, Fault

MAX_CHUNKS = 20_000
MAX_CHUNK_TEXT = 1 << 20  # bytes of a metadata chunk that are looked at
_UNKNOWN = 0xFFFFFFFF
_W64_TAIL = b"\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a"


@dataclass(frozen=True)
class Chunk:
    """One chunk: its four letters, where its body begins, and how many bytes of it are in the file."""

    name: bytes
    offset: int
    size: int


@dataclass(frozen=True)
class Format:
    """The fmt chunk. `container` is bytes per sample and channel, `valid_bits` those that carry sound."""

    tag: int
    channels: int
    sample_rate_hz: int
    byte_rate: int
    block_align: int
    bits: int
    valid_bits: int
    extensible: bool


@dataclass
class Riff:
    """What the walk found; `data_bytes` is what is really there."""

    form: str
    big_endian: bool
    size: int
    format: Format | None = None
    data: Chunk | None = None
    chunks: list[Chunk] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    def fault(self, code: str, message: str) -> None:
        """Add a fault once."""
        if all(fault.code != code for fault in self.faults):
            self.faults.append(Fault(code, message))


class _Walker:
    """Reads chunk headers of one file from byte 12 (40 for W64) on."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self.path, self.file = path, file
        self.size = os.fstat(file.fileno()).st_size
        head = self.read(0, 40)
        self.w64 = head[:4] == b"riff"
        self.big = head[:4] == b"RIFX"
        self.rf64 = head[:4] in (b"RF64", b"BW64")
        self.claimed = self._claimed(head)
        self.riff = Riff("W64" if self.w64 else "RF64" if self.rf64 else "WAV", self.big, self.size)
        self.long_data: int | None = None

    def read(self, at: int, count: int) -> bytes:
        self.file.seek(at)
        return self.file.read(count)

    def number(self, data: bytes, at: int, width: int) -> int:
        return int.from_bytes(data[at : at + width], "big" if self.big else "little")

    def _claimed(self, head: bytes) -> int | None:
        """Bytes that the outermost header claims for the whole file; None where it does not say."""
        if self.w64:
            return self.number(head, 16, 8)
        claimed = self.number(head, 4, 4)
        return None if self.rf64 and claimed == _UNKNOWN else claimed + 8

    def header(self, at: int) -> tuple[bytes, int, int] | None:
        """Name, body offset and claimed body size of the chunk at `at`; None where no chunk can be."""
        if self.w64:
            head = self.read(at, 24)
            if len(head) < 24 or head[4:16] not in (_W64_TAIL, b"\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00\x00"):
                return None
            return head[:4], at + 24, self.number(head, 16, 8) - 24
        head = self.read(at, 8)
        if len(head) < 8 or not all(0x20 <= byte < 0x7F for byte in head[:4]):
            return None
        return head[:4], at + 8, self.number(head, 4, 4)

    def after(self, chunk_offset: int, size: int) -> int:
        """Where the next chunk begins: chunks are padded to even bytes, in W64 to eight."""
        end = chunk_offset + size
        if self.w64:
            return end + -end % 8
        return end + (size & 1)

    def plausible(self, at: int) -> bool:
        """Whether a chunk whose body fits into the file begins at `at`."""
        found = self.header(at)
        return found is not None and 0 <= found[2] <= self.size - found[1]


def parse(path: Path) -> Riff:
    """Walk the chunks of a file that begins with a RIFF-like header.

    Raises AudioError where no sound can be taken from it: no usable fmt chunk before the data, or no data.
    """
    with open(path, "rb") as file:
        walker = _Walker(path, file)
        riff = walker.riff
        _walk(walker)
        if riff.data is None:
            raise _no_data(path, walker)
        if riff.format is None:
            raise AudioError(
                "no fmt chunk stands before the data chunk, so rate and sample type are unknown",
                where=path,
                mend="Import it as raw data (Audacity: File, Import, Raw Data) with the recorder's settings.",
            )
        _check_outer_size(walker)
        _check_text_mode(walker)
    return riff


def _walk(walker: _Walker) -> None:
    riff, at = walker.riff, 40 if walker.w64 else 12
    while at + 8 <= walker.size:
        found = walker.header(at)
        if found is None:
            _stray(walker, at)
            return
        if len(riff.chunks) >= MAX_CHUNKS:
            riff.fault("many_chunks", f"more than {MAX_CHUNKS} chunks; those behind byte {at} were not looked at")
            return
        name, body, size = found
        if name in (b"RIFF", b"RIFX") and walker.read(at + 8, 4) == b"WAVE":
            riff.fault("joined", f"a second whole WAV file begins at byte {at}; only the first was read")
            return
        if name == b"ds64":
            _read_ds64(walker, body)
        if name == b"data" and riff.data is None:
            if riff.format is None:
                riff.data = Chunk(name, body, 0)
                return
            size = _resolve_data(walker, body, size)
            riff.data = Chunk(name, body, size)
        else:
            if name == b"data":
                riff.fault("two_data_chunks", f"a second data chunk begins at byte {at}; only the first was read")
            if size > walker.size - body or size < 0:
                where = "" if riff.data else ", and no data chunk was found before it"
                riff.fault(
                    "chunk_overrun",
                    f"the {_text(name)} chunk at byte {at} claims {size} bytes, only {walker.size - body} follow in the"
                    f" file{where}",
                )
                riff.chunks.append(Chunk(name, body, max(0, walker.size - body)))
                return
            if name == b"fmt ":
                _take_format(walker, body, size)
        riff.chunks.append(Chunk(name, body, size))
        at = _next(walker, name, body, size)


def _next(walker: _Walker, name: bytes, body: int, size: int) -> int:
    at = walker.after(body, size)
    if not walker.w64 and size & 1 and not walker.plausible(at) and walker.plausible(body + size):
        walker.riff.fault("missing_pad", f"the odd-sized {_text(name)} chunk lacks its pad byte; the rest was found")
        return body + size
    return at


def _stray(walker: _Walker, at: int) -> None:
    extra = walker.size - at
    if walker.riff.data is None:
        walker.riff.fault("stray_bytes", f"{extra} bytes from byte {at} on are no chunk")
    elif extra > 1:
        walker.riff.fault(
            "trailing_bytes", f"{extra} bytes behind the sound belong to no chunk; they were left out (from byte {at})"
        )


def _text(name: bytes) -> str:
    return repr(name.decode("latin-1"))


def _read_ds64(walker: _Walker, body: int) -> None:
    record = walker.read(body, 24)
    if len(record) == 24:
        total, walker.long_data, _ = struct.unpack("<QQQ", record)
        if walker.claimed is None:
            walker.claimed = total + 8


def _resolve_data(walker: _Walker, body: int, claimed: int) -> int:
    """Bytes of sound that are there, whatever the header claims."""
    riff, available = walker.riff, walker.size - body
    if walker.rf64 and claimed == _UNKNOWN and walker.long_data is not None:
        claimed = walker.long_data
    if claimed in (0, -24) and available > 0 and not walker.plausible(body):
        riff.fault(
            "data_size_zero",
            f"the header says 0 bytes of sound (the recorder lost power?), {available} bytes follow and were read",
        )
        return available
    if claimed <= available:
        return max(claimed, 0)
    if claimed == _UNKNOWN:
        riff.fault("size_unknown", f"the header leaves the length open (a stream?); {available} bytes of sound follow")
    else:
        riff.fault("truncated", f"the header claims {claimed} bytes of sound, the file holds {available}")
    return available


def _take_format(walker: _Walker, body: int, size: int) -> None:
    riff, record = walker.riff, walker.read(body, min(size, 40))
    if len(record) < 14:
        raise AudioError(
            f"the fmt chunk has {len(record)} bytes, too few to say rate and sample type",
            where=walker.path,
            allowed="16 bytes or more",
            mend="The header is damaged: copy the file again, or import it as raw data.",
        )
    tag, channels, rate, byte_rate, align = (
        walker.number(record, at, width) for at, width in ((0, 2), (2, 2), (4, 4), (8, 4), (12, 2))
    )
    bits = walker.number(record, 14, 2) if len(record) >= 16 else 0
    valid, extensible = bits, tag == 0xFFFE and len(record) >= 28
    if extensible:
        valid, tag = walker.number(record, 18, 2) or bits, walker.number(record, 24, 4) & 0xFFFF
    found = Format(tag, channels, rate, byte_rate, align, bits, valid, extensible)
    if riff.format is None:
        riff.format = found
    elif riff.format != found:
        riff.fault(
            "two_fmt_chunks",
            f"two fmt chunks disagree ({riff.format.sample_rate_hz} Hz, {riff.format.channels} channels, then"
            f" {rate} Hz, {channels} channels); the first was believed",
        )


def _no_data(path: Path, walker: _Walker) -> AudioError:
    riff = walker.riff
    overrun = next((fault.message for fault in riff.faults if fault.code == "chunk_overrun"), None)
    if overrun is not None:
        what = overrun
    elif riff.format is None:
        what = f"the file ends inside its header ({walker.size} bytes, neither fmt nor data chunk)"
    else:
        what = f"there is no data chunk in the {walker.size} bytes of the file"
    return AudioError(
        what, where=path, mend="The header is damaged or the file was cut short: copy it again from the recorder."
    )


def _check_outer_size(walker: _Walker) -> None:
    riff, claimed = walker.riff, walker.claimed
    spoken = {fault.code for fault in riff.faults}
    if claimed is None or riff.data is None or spoken & {"truncated", "size_unknown", "joined"}:
        return
    end = riff.data.offset + riff.data.size
    if claimed < end - 8 or claimed > walker.size + 8:  # a pad byte or a header's length more or less hurts nobody
        riff.fault(
            "riff_size", f"the outer header claims {claimed} bytes, the file has {walker.size}; the sound is all there"
        )


def _check_text_mode(walker: _Walker) -> None:
    """A transfer in text mode turns every LF into CR LF: then no LF stands alone, and the file is too long."""
    riff = walker.riff
    if riff.data is None or walker.claimed is None or walker.claimed >= walker.size:
        return
    piece = walker.read(riff.data.offset, 1 << 20)
    feeds = piece.count(b"\n")
    if feeds >= 8 and piece.count(b"\r\n") == feeds:
        riff.faults = [fault for fault in riff.faults if fault.code != "trailing_bytes"]
        riff.fault(
            "text_mode",
            f"every LF byte ({feeds}) follows a CR: the file passed through a text-mode transfer and its samples are"
            " wrong; transfer it again in binary mode",
        )
