"""What a reader of manifests gives, and the small readings that several of them share."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Literal

from tymbal.errors import Fault

Role = Literal["primary", "background"]
SHOWN = 5  # entries that a fault names; the rest is counted
NO_VALUE = frozenset(("", "?", "na", "n/a", "nan", "none", "null", "no score", "unknown", "not set"))
_LICENCE = re.compile(r"creativecommons\.org/(licenses|publicdomain)/(?P<kind>[a-z0-9+-]+)/?(?P<version>\d\.\d)?")
_SHORT = re.compile(r"cc[ -]?(?P<kind>0|by(?:[ -](?:nc|nd|sa))*)(?:[ -]v?(?P<version>\d\.\d))?", re.IGNORECASE)


@dataclass(frozen=True)
class Heard:
    """One label of a recording. Null times: of the whole; `certainty` in the archive's own words."""

    label: str
    role: Role = "primary"
    certainty: str | None = None
    onset_s: float | None = None
    offset_s: float | None = None


@dataclass(frozen=True)
class Entry:
    """One recording of an archive.

    Parameters
    ----------
    id : the archive's own number for it.
    files : names under which it may lie, folders before it where the manifest has some.
    facts : columns of the recordings table, as text.
    heard : its labels; empty where nobody knows what it is.
    span_s : where in a longer recording it was cut from; labels hold there.
    length_s : how long the archive says it is.
    expected : whether the archive has a sound for it at all.
    """

    id: str
    files: tuple[str, ...] = ()
    facts: Mapping[str, str | None] = field(default_factory=dict)
    heard: tuple[Heard, ...] = ()
    span_s: tuple[float, float] | None = None
    length_s: float | None = None
    expected: bool = True


@dataclass
class Notes:
    """What a reader met that a user must know: by code, how many entries and the first of them."""

    counts: dict[str, int] = field(default_factory=dict)
    shown: dict[str, list[str]] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)

    def note(self, code: str, entry: str, text: str) -> None:
        """Count one entry under `code`; `text` says what that means, the same for each of its entries."""
        self.counts[code] = self.counts.get(code, 0) + 1
        self.texts.setdefault(code, text)
        shown = self.shown.setdefault(code, [])
        if len(shown) < SHOWN:
            shown.append(entry)

    def faults(self, source: str) -> list[tuple[str, Fault]]:
        """One fault a code, with its count and first entries."""
        found = []
        for code, count in self.counts.items():
            more = f" and {count - len(self.shown[code])} more" if count > len(self.shown[code]) else ""
            entries = "1 entry" if count == 1 else f"{count:,} entries"
            text = f"{source}: {entries} ({', '.join(self.shown[code])}{more}): {self.texts[code]}"
            found.append((source, Fault(code, text)))
        return found


@dataclass(frozen=True)
class Head:
    """The beginning of a manifest: its columns (of JSON, the keys of the first recording) and its first line."""

    path: Path
    columns: frozenset[str]
    first_line: str


@dataclass(frozen=True)
class Reader:
    """How the manifests of one archive are read.

    Parameters
    ----------
    name, about : what users are told; `about` says by which columns or files it is known.
    knows : whether a file with this beginning is one.
    read : its entries, in order, noting what is odd.
    ids : numbers that a recording's file name (without folders and extension) may stand for.
    fold_case : whether names that differ in case are the same.
    """

    name: str
    about: str
    knows: Callable[[Head], bool]
    read: Callable[[Path, Notes], Iterator[Entry]]
    ids: Callable[[str], Sequence[str]] = lambda stem: (stem,)
    fold_case: bool = True


def text_of(row: Mapping[str, object], *names: str) -> str | None:
    """The first cell under one of `names` that says anything, as text."""
    for name in names:
        value = row.get(name)
        if value is None or isinstance(value, dict | list):
            continue
        text = str(value).strip()
        if text.casefold() not in NO_VALUE:
            return text
    return None


def number_of(text: str | None, low: float, high: float) -> str | None:
    """`text` as it is where it is a number from `low` to `high`, else None."""
    try:
        value = float(text or "")
    except ValueError:
        return None
    return text if low <= value <= high else None


def seconds_of(text: str | None) -> float | None:
    """Seconds of a length as archives write it: "1:05", "1:02:03", "65.2"; None where it is none."""
    parts = (text or "").split(":")
    try:
        values = [float(part) for part in parts]
    except ValueError:
        return None
    if len(values) > 3 or any(value < 0 for value in values):
        return None
    total = 0.0
    for value in values:
        total = 60 * total + value
    return total or None


def licence_of(text: str | None) -> str | None:
    """A Creative Commons licence by its short name and version ("CC-BY-NC-4.0"), any other as it is written."""
    if text is None:
        return None
    found = _LICENCE.search(text.lower())
    if found:
        kind = found["kind"]
        name = "CC0" if kind == "zero" else "CC-PDM" if kind == "mark" else f"CC-{kind.upper()}"
        return f"{name}-{found['version']}" if found["version"] else name
    short = _SHORT.fullmatch(text.strip())
    if short:
        name = "CC0" if short["kind"] == "0" else f"CC-{short['kind'].upper().replace(' ', '-')}"
        return f"{name}-{short['version']}" if short["version"] else name
    return text.strip()


def moment_of(day: str | None, clock: str | None = None) -> str | None:
    """Date and time of day as ISO 8601, with the UTC offset where it is stated; None where either is not whole."""
    stamp = (day or "").strip()
    if clock:
        stamp = f"{stamp[:10]} {clock.strip()}"
    stamp = stamp.replace(" UTC", "+00:00")
    stamp = re.sub(r"\s([+-]\d{2}):?(\d{2})$", r"\1:\2", stamp)
    if not re.match(r"\d{4}-\d{2}-\d{2}[ T]\d{1,2}:\d{2}", stamp):
        return None
    stamp = re.sub(r"[ T](\d):", r" 0\1:", stamp)
    try:
        return datetime.fromisoformat(stamp).isoformat()
    except ValueError:
        return None


def day_of(text: str | None) -> str | None:
    """The date in `text` where it begins with a whole one (2019-05-00 is none)."""
    try:
        return date.fromisoformat((text or "")[:10]).isoformat()
    except ValueError:
        return None


def file_of(url: str | None) -> str | None:
    """The file's name at the end of an address, without what follows a ? or #."""
    name = re.split(r"[?#]", url or "")[0].rstrip("/").rpartition("/")[2]
    return name or None
