"""When a recording began: from its metadata or its name, with the UTC offset where one is stated, never guessed.

AudioMoth writes its zone into the comment ("(UTC)", "(UTC+2)"); GUANO and wamd may carry an offset; a Song Meter name
is local time without one, and so is a bext chunk: their offset stays unknown. Names of eight hexadecimal digits
(early AudioMoth) are UNIX time, hence UTC. Impossible dates (31 February) give no stamp.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

_AUDIOMOTH = re.compile(
    r"Recorded at (\d{1,2}):(\d\d):(\d\d)(?:\.\d+)? (\d{1,2})/(\d{1,2})/(\d{4})"
    r"(?: \((?:UTC|GMT)([+-]\d{1,2})?(?::?(\d\d))?\))?"
)
_ISO = re.compile(
    r"^\s*(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(\.\d+)?)?\s*(Z|[+-]\d\d:?\d\d|[+-]\d\d)?\s*$",
    re.IGNORECASE,
)
_NAME = re.compile(
    r"(?<!\d)((?:19|20)\d\d)([-_.]?)(\d\d)\2(\d\d)[T_\-. ]?(\d\d)([-_.:h]?)(\d\d)\6(\d\d)"
    r"(Z(?![A-Za-z])|[+-]\d{4}(?!\d)|[+-]\d\d:\d\d)?(?!\d)"
)
_HEX = re.compile(r"^[0-9A-Fa-f]{8}$")
_HEX_FIRST, _HEX_LAST = datetime(2014, 1, 1, tzinfo=UTC), datetime(2040, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class StartTime:
    """Start of a recording: ISO 8601 text, with the UTC offset where `has_offset`, and where it was read.

    `source` is one of "guano", "audiomoth", "wamd", "bext", "filename".
    """

    text: str
    has_offset: bool
    source: str


def _stamp(parts: tuple[int, ...], fraction: str, offset: timedelta | None, source: str) -> StartTime | None:
    try:
        zone = None if offset is None else timezone(offset)
        when = datetime(*parts, tzinfo=zone)  # type: ignore[arg-type,misc]
    except (ValueError, OverflowError):
        return None
    text = when.replace(tzinfo=None).isoformat(timespec="seconds")
    text += f".{(fraction[1:] + '000')[:3]}" if fraction else ""
    if zone is not None:
        text += when.isoformat(timespec="seconds")[19:]
    return StartTime(text, zone is not None, source)


def _offset(text: str | None) -> timedelta | None:
    """UTC offset of "Z", "+0200", "+02:00" or "-03"; None without one or past 14 hours."""
    if not text:
        return None
    if text in "Zz":
        return timedelta(0)
    digits = text[1:].replace(":", "")
    hours, minutes = int(digits[:2]), int(digits[2:] or 0)
    if hours > 14 or minutes > 59:
        return None
    return (-1 if text[0] == "-" else 1) * timedelta(hours=hours, minutes=minutes)


def from_iso(text: str, source: str) -> StartTime | None:
    """A date and time as GUANO, wamd and bext write it; None where it is none or cannot exist."""
    match = _ISO.match(text)
    if match is None:
        return None
    numbers = tuple(int(item or 0) for item in match.groups()[:6])
    return _stamp(numbers, match[7] or "", _offset(match[8]), source)


def from_audiomoth(comment: str) -> StartTime | None:
    """The stamp in an AudioMoth comment, "Recorded at 19:31:30 03/09/2024 (UTC+1) by AudioMoth ..."; day first.

    Comments of the oldest firmware state no zone; those clocks ran on UTC.
    """
    match = _AUDIOMOTH.search(comment)
    if match is None:
        return None
    hour, minute, second, day, month, year = (int(item) for item in match.groups()[:6])
    hours, minutes = int(match[7] or 0), int(match[8] or 0)
    if abs(hours) > 14 or minutes > 59:
        return None
    negative = (match[7] or "").startswith("-")
    offset = timedelta(hours=abs(hours), minutes=minutes) * (-1 if negative else 1)
    return _stamp((year, month, day, hour, minute, second), "", offset, "audiomoth")


def claims_audiomoth_time(comment: str) -> bool:
    """Whether the comment is AudioMoth's and holds a time, possible or not."""
    return _AUDIOMOTH.search(comment) is not None


def from_name(stem: str) -> StartTime | None:
    """The stamp in a file name without its extension: YYYYMMDD_HHMMSS in its usual spellings, or hexadecimal time.

    Eight digits without a letter are never taken as hexadecimal: they are dates or serial numbers more often.
    """
    for match in _NAME.finditer(stem):
        year, month, day = int(match[1]), int(match[3]), int(match[4])
        clock = (int(match[5]), int(match[7]), int(match[8]))
        found = _stamp((year, month, day, *clock), "", _offset(match[9]), "filename")
        if found is not None:
            return found
    if _HEX.match(stem) and not stem.isdigit():
        when = datetime.fromtimestamp(int(stem, 16), UTC)
        if _HEX_FIRST <= when < _HEX_LAST:
            return StartTime(when.isoformat(timespec="seconds"), True, "filename")
    return None
