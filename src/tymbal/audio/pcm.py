"""Samples as they lie in a RIFF file: every linear width, both byte orders, float, A-law and mu-law.

Scaling is libsndfile's: integers of n bits are divided by 2**(n-1), 8-bit unsigned by 128 after subtracting 128,
floats are left as they are. Reads are random access and exact, and allocate what was asked for, never what a header
claims.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from tymbal.audio.riff import Format, Riff
from tymbal.audio.window import Path
from tymbal.errors import AudioError, Fault

PCM, FLOAT, ALAW, MULAW = 1, 3, 6, 7
TAG_NAMES = {
    0x02: "MS ADPCM",
    0x11: "IMA ADPCM",
    0x31: "GSM 6.10",
    0x38: "NMS ADPCM",
    0x40: "G.721 ADPCM",
    0x50: "MPEG layer 1/2",
    0x55: "MP3",
    0x64: "G.726 ADPCM",
    0xFF: "AAC",
    0x161: "Windows Media Audio",
}
MAX_CHANNELS = 1024
MAX_RATE_HZ = 10_000_000
_SUBTYPES = {1: "PCM_U8", 2: "PCM_16", 3: "PCM_24", 4: "PCM_32", 8: "PCM_64"}


@dataclass(frozen=True)
class Pcm:
    """Where samples lie and how one is written.

    `kind` is "int", "float", "alaw" or "mulaw"; `width` bytes per sample; `low_bits` > 0 says that only so many low
    bits of the container carry the sample (against the standard, which wants the high ones).
    """

    offset: int
    frames: int
    channels: int
    kind: str
    width: int
    big_endian: bool = False
    low_bits: int = 0

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample of every channel."""
        return self.width * self.channels


def check_geometry(path: Path, channels: int, sample_rate_hz: int) -> None:
    """Refuse counts of channels and rates that no recording has."""
    if not 1 <= channels <= MAX_CHANNELS:
        raise AudioError(
            f"the header says {channels} channels",
            where=path,
            allowed=f"1 to {MAX_CHANNELS}",
            mend="The header is damaged: copy the file again, or import it as raw data.",
        )
    if not 1 <= sample_rate_hz <= MAX_RATE_HZ:
        raise AudioError(
            f"the header says a sample rate of {sample_rate_hz} Hz",
            where=path,
            allowed=f"1 to {MAX_RATE_HZ} Hz",
            mend="The header is damaged: set the rate in a copy of the file (Audacity: import as raw data).",
        )


def layout_of(path: Path, riff: Riff) -> tuple[Pcm | None, str, list[Fault]]:
    """How to read the samples of a parsed RIFF file, the name of the codec, and what is odd about the fmt chunk.

    None stands for a codec that is not linear and is left to libsndfile.
    """
    form, data = riff.format, riff.data
    if form is None or data is None:
        raise AudioError("no fmt or no data chunk", where=path, mend="Copy the file again.")
    check_geometry(path, form.channels, form.sample_rate_hz)
    if form.tag not in (PCM, FLOAT, ALAW, MULAW):
        return None, TAG_NAMES.get(form.tag, f"tag 0x{form.tag:04X}"), []
    faults: list[Fault] = []
    width = _width(path, form, faults)
    frames, rest = divmod(data.size, width * form.channels)
    if rest and not any(fault.code == "truncated" for fault in riff.faults):
        faults.append(Fault("partial_frame", f"{rest} bytes at the end are less than one sample of every channel"))
    kind, codec = {
        PCM: ("int", _SUBTYPES.get(width, "")),
        FLOAT: ("float", "DOUBLE" if width == 8 else "FLOAT"),
        ALAW: ("alaw", "ALAW"),
        MULAW: ("mulaw", "ULAW"),
    }[form.tag]
    low_bits = _low_bits(path, form, width, data.offset, min(frames * form.channels, 65536), riff.big_endian)
    if low_bits:
        faults.append(
            Fault("low_justified", f"{low_bits}-bit samples fill the low bits of {8 * width}; they were read as such")
        )
    if width == 8 and kind == "int":
        faults.append(Fault("unusual_encoding", "64-bit integer samples, which most programs refuse"))
    return Pcm(data.offset, frames, form.channels, kind, width, riff.big_endian, low_bits), codec, faults


def _width(path: Path, form: Format, faults: list[Fault]) -> int:
    """Bytes per sample; block align wins over bits where it makes sense (24 bits may lie in 4 bytes)."""
    bits, align = form.bits, form.block_align
    least = -(-bits // 8)
    aligned, rest = divmod(align, form.channels)
    width = aligned if rest == 0 and least <= aligned <= 8 and aligned > 0 else least
    allowed = {PCM: (1, 2, 3, 4, 8), FLOAT: (4, 8), ALAW: (1,), MULAW: (1,)}[form.tag]
    if form.tag != PCM:
        width = least
    if bits == 0 or width not in allowed:
        kind = {PCM: "integer", FLOAT: "floating-point", ALAW: "A-law", MULAW: "mu-law"}[form.tag]
        raise AudioError(
            f"the header says {kind} samples of {bits} bits in {width or '?'} bytes",
            where=path,
            allowed=", ".join(f"{8 * item}" for item in allowed) + " bits",
            mend="Convert it with the program that wrote it, or mend the header.",
        )
    if width * form.channels != align:
        faults.append(
            Fault(
                "block_align",
                f"block align is {align}, yet {form.channels} channels of {bits} bits take {width * form.channels}"
                " bytes; channels and bits were believed",
            )
        )
    elif form.byte_rate != align * form.sample_rate_hz:
        faults.append(
            Fault("byte_rate", f"byte rate is {form.byte_rate}, {align * form.sample_rate_hz} fits the rest; ignored")
        )
    if form.tag == PCM and bits % 4:
        faults.append(Fault("odd_bits", f"{bits} bits per sample, read as {8 * width}"))
    return width


def _low_bits(path: Path, form: Format, width: int, offset: int, count: int, big_endian: bool) -> int:
    # 24-bit samples in 4 bytes belong in the high bits, the lowest byte zero. Where it is not zero, they lie low.
    valid = min(form.valid_bits, form.bits)
    if form.tag != PCM or width != 4 or not 0 < valid <= 24:
        return 0
    values = np.frombuffer(_bytes_at(path, offset, count * 4), dtype=">i4" if big_endian else "<i4")
    return valid if np.any(values & ((1 << (32 - valid)) - 1)) else 0


def _bytes_at(path: Path, offset: int, count: int) -> bytes:
    with open(path, "rb") as file:
        file.seek(offset)
        data = file.read(count)
    return data[: len(data) // 4 * 4]


def decode(data: bytes | memoryview, pcm: Pcm) -> NDArray[np.float32]:
    """Bytes as samples, shape (frames, channels), float32."""
    order = ">" if pcm.big_endian else "<"
    if pcm.kind == "float":
        with np.errstate(
            over="ignore", invalid="ignore"
        ):  # a double beyond float32 becomes inf, which the reader reports
            flat = np.frombuffer(data, dtype=f"{order}f{pcm.width}").astype(np.float32)
    elif pcm.kind in ("alaw", "mulaw"):
        flat = _table(pcm.kind)[np.frombuffer(data, dtype=np.uint8)]
    elif pcm.width == 1:
        flat = (np.frombuffer(data, dtype=np.uint8).astype(np.float32) - np.float32(128)) * np.float32(2.0**-7)
    elif pcm.width == 2:
        flat = np.frombuffer(data, dtype=f"{order}i2").astype(np.float32)
        flat *= np.float32(2.0**-15)
    elif pcm.width == 3:
        flat = _int24(data, pcm.big_endian).astype(np.float32)
        flat *= np.float32(2.0**-31)
    elif pcm.low_bits:
        shift = 32 - pcm.low_bits
        values = (np.frombuffer(data, dtype=f"{order}i4").astype(np.int64) << shift).astype(np.int32)
        flat = values.astype(np.float32) * np.float32(2.0**-31)
    else:
        scale = np.float32(2.0 ** (1 - 8 * pcm.width))
        flat = np.frombuffer(data, dtype=f"{order}i{pcm.width}").astype(np.float32) * scale
    return flat.reshape(-1, pcm.channels)


def _int24(data: bytes | memoryview, big_endian: bool) -> NDArray[np.int32]:
    """24-bit samples in the high bits of int32."""
    packed = np.frombuffer(data, dtype=np.uint8).reshape(-1, 3)
    if big_endian:
        packed = packed[:, ::-1]
    wide = np.zeros((len(packed), 4), dtype=np.uint8)
    wide[:, 1:] = packed
    return wide.view("<i4").ravel()


@cache
def _table(kind: str) -> NDArray[np.float32]:
    """G.711 (ITU-T, 1988): the 256 values of A-law and mu-law as 16-bit linear over 32768."""
    codes = np.arange(256)
    if kind == "mulaw":
        flipped = ~codes & 0xFF
        magnitude = (((flipped & 0x0F) << 3) + 0x84 << ((flipped & 0x70) >> 4)) - 0x84
        values = np.where(flipped & 0x80, -magnitude, magnitude)
    else:
        flipped = codes ^ 0x55
        segment, step = (flipped & 0x70) >> 4, (flipped & 0x0F) << 4
        magnitude = np.where(segment == 0, step + 8, (step + 0x108) << np.maximum(segment - 1, 0))
        values = np.where(flipped & 0x80, magnitude, -magnitude)
    return (values / 32768).astype(np.float32)
