"""What recorders write beside the samples: GUANO, AudioMoth comments, wamd, bext, LIST/INFO.

Sources: GUANO 1.0 specification; Wildlife Acoustics "wamd" as documented with Kaleidoscope; EBU Tech 3285 (bext).
Nothing here raises: what cannot be understood is a fault.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import BinaryIO

from tymbal.audio import stamps
from tymbal.audio.riff import MAX_CHUNK_TEXT, Riff
from tymbal.audio.stamps import StartTime
from tymbal.errors import Fault

_WAMD = {1: "Model", 2: "Serial", 3: "Firmware Version", 4: "Prefix", 5: "Timestamp", 6: "Loc Position", 8: "Note"}
_AUDIOMOTH_ID = re.compile(r"AudioMoth ([0-9A-F]{16})")


@dataclass
class Notes:
    """What the metadata of one file says; `items` has keys with the chunk in front, as "guano.Make"."""

    items: dict[str, str] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    start: StartTime | None = None
    recorder: str | None = None
    time_expansion: float = 1.0

    def fault(self, code: str, message: str) -> None:
        self.faults.append(Fault(code, message))


def read_riff(file: BinaryIO, riff: Riff) -> Notes:
    """Metadata of a parsed RIFF file. The first of GUANO, AudioMoth, wamd and bext that has a start time gives it."""
    notes = Notes()
    found: dict[str, StartTime | None] = {}
    for chunk in riff.chunks:
        if chunk.name not in (b"guan", b"wamd", b"bext", b"LIST"):
            continue
        file.seek(chunk.offset)
        body = file.read(min(chunk.size, MAX_CHUNK_TEXT))
        if chunk.name == b"guan":
            found["guano"] = _guano(body, riff, notes)
        elif chunk.name == b"wamd":
            found["wamd"] = _wamd(body, notes)
        elif chunk.name == b"bext":
            found["bext"] = _bext(body, notes)
        elif body[:4] == b"INFO":
            _info(body[4:], riff.big_endian, notes)
    found["audiomoth"] = comment_start(notes, notes.items.get("info.ICMT", ""))
    for source in ("guano", "audiomoth", "wamd", "bext"):
        notes.start = notes.start or found.get(source)
    notes.recorder = _recorder(notes)
    return notes


def read_comments(comments: tuple[tuple[str, str], ...]) -> Notes:
    """Notes from the name and value pairs of a FLAC or Ogg comment header."""
    notes = Notes({f"comment.{name}": value for name, value in comments})
    text = next((value for name, value in comments if name in ("COMMENT", "DESCRIPTION")), "")
    notes.start = comment_start(notes, text)
    notes.recorder = _recorder(notes)
    return notes


def comment_start(notes: Notes, comment: str) -> StartTime | None:
    """The time in an AudioMoth comment; an impossible one is a fault."""
    start = stamps.from_audiomoth(comment)
    if start is None and stamps.claims_audiomoth_time(comment):
        notes.fault("bad_date", f"the AudioMoth comment holds a date that does not exist: {comment[:60]!r}")
    return start


def _recorder(notes: Notes) -> str | None:
    items = notes.items
    for text in (items.get("info.ICMT", ""), items.get("info.IART", ""), items.get("comment.COMMENT", "")):
        if match := _AUDIOMOTH_ID.search(text):
            return f"AudioMoth {match[1]}"
    make = " ".join(items.get("guano.Make", "").split())
    model = items.get("guano.Model") or items.get("wamd.Model") or ""
    serial = items.get("guano.Serial") or items.get("wamd.Serial") or ""
    named = model if model.lower().startswith(make.lower()) else f"{make} {model}"
    text = " ".join(f"{named} {serial}".split())
    return text or items.get("bext.originator") or None


def _decode(body: bytes) -> tuple[str, bool]:
    """Text and whether it was UTF-8; Latin-1 otherwise, which every byte fits."""
    try:
        return body.decode("utf-8"), True
    except UnicodeDecodeError:
        return body.decode("latin-1"), False


def _guano(body: bytes, riff: Riff, notes: Notes) -> StartTime | None:
    text, proper = _decode(body.rstrip(b"\0"))
    if not proper:
        notes.fault("guano_encoding", "the GUANO text is not UTF-8; it was read as Latin-1")
    if not text.strip():
        notes.fault("guano_empty", "the GUANO chunk is empty")
        return None
    odd: list[str] = []
    for line in text.splitlines():
        name, colon, value = line.partition(":")
        if colon and name.strip():
            notes.items[f"guano.{name.strip()}"] = value.strip().replace("\\n", "\n")
        elif line.strip():
            odd.append(line.strip())
    if odd:
        notes.fault("guano_lines", f"{len(odd)} lines of the GUANO chunk are not 'name: value', first {odd[0][:40]!r}")
    return _guano_values(riff, notes)


def _guano_values(riff: Riff, notes: Notes) -> StartTime | None:
    items, rate_hz = notes.items, riff.format.sample_rate_hz if riff.format else 0
    stamp = items.get("guano.Timestamp", "")
    start = stamps.from_iso(stamp, "guano")
    if start is None and stamp:
        notes.fault("bad_date", f"the GUANO time stamp cannot be read: {stamp[:40]!r}")
    expansion = _number(items.get("guano.TE", "1"))
    if expansion is None or not 0 < expansion <= 1000:
        notes.fault("guano_values", f"the GUANO time expansion cannot be read: {items['guano.TE'][:40]!r}")
    elif expansion != 1:
        notes.time_expansion = expansion
        notes.fault(
            "time_expanded",
            f"time-expanded {expansion:g} times: the animal called at {rate_hz * expansion:g} Hz sampling, the header"
            f" says {rate_hz} Hz; times and frequencies are those of the header",
        )
    claimed = _number(items.get("guano.Samplerate", ""))
    if "guano.Samplerate" in items and claimed is None:
        notes.fault("guano_values", f"the GUANO sample rate cannot be read: {items['guano.Samplerate'][:40]!r}")
    elif claimed is not None and claimed not in (rate_hz, rate_hz * notes.time_expansion):
        notes.fault(
            "guano_rate", f"GUANO says {claimed:g} Hz, the header {rate_hz} Hz; the header was believed, check which"
        )
    return start


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _wamd(body: bytes, notes: Notes) -> StartTime | None:
    at, start = 0, None
    while at + 6 <= len(body):
        kind, length = int.from_bytes(body[at : at + 2], "little"), int.from_bytes(body[at + 2 : at + 6], "little")
        if length > len(body) - at - 6:
            notes.fault("wamd_length", f"entry {kind} of the wamd chunk claims {length} bytes; the rest was left out")
            break
        text = _decode(body[at + 6 : at + 6 + length].rstrip(b"\0"))[0].strip()
        if kind in _WAMD and text:
            notes.items[f"wamd.{_WAMD[kind]}"] = text
        if kind == 5:
            start = stamps.from_iso(text, "wamd")
            if start is None and text:
                notes.fault("bad_date", f"the wamd time stamp cannot be read: {text[:40]!r}")
        at += 6 + length
    return start


def _bext(body: bytes, notes: Notes) -> StartTime | None:
    if len(body) < 346:
        notes.fault("bext_short", f"the bext chunk has {len(body)} bytes, 602 are standard; it was left out")
        return None
    for name, begin, end in (("description", 0, 256), ("originator", 256, 288), ("originator_reference", 288, 320)):
        text = _decode(body[begin:end].split(b"\0")[0])[0].strip()
        if text:
            notes.items[f"bext.{name}"] = text
    date = re.sub(r"[^0-9]", "-", _decode(body[320:330])[0])
    clock = re.sub(r"[^0-9]", ":", _decode(body[330:338])[0])
    notes.items["bext.time_reference_samples"] = str(int.from_bytes(body[338:346], "little"))
    if not any(character in "123456789" for character in date):
        return None
    start = stamps.from_iso(f"{date}T{clock}", "bext")
    if start is None:
        notes.fault("bad_date", f"the date of the bext chunk cannot be read: {date!r} {clock!r}")
    return start


def _info(body: bytes, big_endian: bool, notes: Notes) -> None:
    at = 0
    while at + 8 <= len(body):
        name, size = body[at : at + 4], int.from_bytes(body[at + 4 : at + 8], "big" if big_endian else "little")
        value = _decode(body[at + 8 : at + 8 + size].split(b"\0")[0])[0].strip()
        if value and name.isalnum():
            notes.items[f"info.{name.decode('ascii')}"] = value
        at += 8 + size + (size & 1)
