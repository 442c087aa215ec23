"""Manifests meet the recordings on this disk: metadata, events, and what is named but not there."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from tymbal.annotations.matching import AUDIO_SUFFIXES
from tymbal.annotations.tables import make_events
from tymbal.corpus.manifests.base import Entry, Heard, Notes, Reader
from tymbal.corpus.manifests.registry import find_reader
from tymbal.corpus.tables import ABSENT
from tymbal.errors import Fault

BY_FILE, BY_NUMBER = 0, 1  # how surely a recording is an entry's: a file's name before a bare number
SLACK_S = 2.0  # archives round lengths to seconds, and packing adds some silence
SLACK = 0.02


@dataclass
class Gathered:
    """What manifests say of the recordings.

    metadata : per manifest (name, table) with a `recording` column, for `join_metadata`.
    events : labels, by recording; with a column `role`, "primary" or "background".
    absent : entries without a recording here (`corpus.tables.ABSENT`).
    faults : (manifest, fault).
    counts : per manifest (name, archive, entries with a recording, entries).
    told : the labels among `events`: what a second manifest says again (queries overlap) is no second label.
    """

    metadata: list[tuple[str, pl.DataFrame]] = field(default_factory=list)
    events: list[pl.DataFrame] = field(default_factory=list)
    absent: list[pl.DataFrame] = field(default_factory=list)
    faults: list[tuple[str, Fault]] = field(default_factory=list)
    counts: list[tuple[str, str, int, int]] = field(default_factory=list)
    told: set[tuple[object, ...]] = field(default_factory=set)


def gather(manifests: Sequence[Path], recordings: pl.DataFrame) -> Gathered:
    """Read every manifest and find its entries among the recordings (columns `recording`, `duration_s`).

    An entry belongs to the recordings whose names it states, with folders where it states some; else to those whose
    name holds its number. A recording that several entries claim is left out of all of them and reported.
    Raises AnnotationError for a manifest that is not there, is of no archive known here, or cannot be read.
    """
    result = Gathered()
    durations = dict(zip(recordings["recording"], recordings["duration_s"], strict=True))
    unknown = dict.fromkeys(durations)
    for path in manifests:
        for name in _one(path, find_reader(path), durations, result):
            unknown.pop(name, None)
    if unknown and manifests:
        names = list(unknown)
        some = ", ".join(names[:5]) + (f" and {len(names) - 5:,} more" if len(names) > 5 else "")
        first, others = manifests[0].name, len(manifests) - 1
        where = "the manifest" if not others else "this manifest" + f" or the {others} other{'s' if others > 1 else ''}"
        told = "1 recording is" if len(names) == 1 else f"{len(names):,} recordings are"
        result.faults.append((first, Fault("not_in_manifest", f"{first}: {told} not in {where}: {some}")))
    return result


def _one(path: Path, reader: Reader, durations: dict[str, float], result: Gathered) -> Iterable[str]:
    """Add what one manifest says; returns the recordings that it speaks of."""
    places = _Places(durations, reader)
    notes, claims = Notes(), defaultdict[str, list[tuple[int, Entry]]](list)
    absent: list[dict[str, str | None]] = []
    entries = found_entries = 0
    for entry in reader.read(path, notes):
        rank, names = places.find(entry)
        entries += bool(entry.expected or names)
        found_entries += bool(names)
        for name in names:
            claims[name].append((rank, entry))
        if not names and entry.expected:
            file = entry.files[0] if entry.files else None
            absent.append({"manifest": path.name, "id": entry.id, "file": file, "species": entry.facts.get("species")})
    facts, events = [], []
    for name in sorted(claims):
        settled = _settled(name, claims[name], notes)
        if settled is None:
            continue
        facts.append({"recording": name, **{key: value for key, value in settled.facts.items() if value is not None}})
        events += [_event(name, heard, settled, durations[name], path.name) for heard in settled.heard]
        _compare_length(name, settled, durations[name], notes)
    result.absent.append(pl.DataFrame(absent, schema=ABSENT))
    if absent:
        some = ", ".join(str(row["file"] or row["id"]) for row in absent[:5]) + (", …" if len(absent) > 5 else "")
        text = f"{path.name}: {len(absent):,} of {entries:,} entries have no recording here: {some}"
        result.faults.append((path.name, Fault("not_on_disk", text)))
    if facts:
        columns = list(dict.fromkeys(key for row in facts for key in row))
        result.metadata.append((path.name, pl.DataFrame(facts, schema=dict.fromkeys(columns, pl.String()))))
    events = [row for row in events if _label_of(row) not in result.told]
    result.told.update(map(_label_of, events))
    if events:
        result.events.append(make_events(pl.DataFrame(events, infer_schema_length=None)))
    result.faults += notes.faults(path.name)
    result.counts.append((path.name, reader.name, found_entries, entries))
    return claims


class _Places:
    """Recordings by what entries call them: the ends of their paths, and the numbers in their names."""

    def __init__(self, names: Iterable[str], reader: Reader) -> None:
        self._fold = reader.fold_case
        self._files: dict[str, list[str]] = defaultdict(list)
        self._numbers: dict[str, list[str]] = defaultdict(list)
        for name in names:
            parts = self._key(name).split("/")
            for start in range(len(parts)):
                self._files["/".join(parts[start:])].append(name)
            for number in reader.ids(parts[-1]):
                self._numbers[number].append(name)

    def _key(self, name: str) -> str:
        text = name if name.isascii() else unicodedata.normalize("NFC", name)
        text = text.replace("\\", "/").removeprefix("./")
        text = text.casefold() if self._fold else text
        stem, dot, suffix = text.rpartition(".")
        return stem if dot and suffix.casefold() in AUDIO_SUFFIXES else text

    def find(self, entry: Entry) -> tuple[int, list[str]]:
        """The recordings of an entry and how surely; the longest path that fits counts."""
        for file in entry.files:
            key = self._key(file)
            while True:
                found = self._files.get(key)
                if found:
                    return BY_FILE, found
                if "/" not in key:
                    break
                key = key.partition("/")[2]
        number = entry.id.casefold() if self._fold else entry.id
        return BY_NUMBER, self._numbers.get(number, [])


def _settled(name: str, claims: list[tuple[int, Entry]], notes: Notes) -> Entry | None:
    """The one entry of a recording, its labels those of all rows with the same number; None where several claim it."""
    surest = min(rank for rank, _ in claims)
    entries = [entry for rank, entry in claims if rank == surest]
    if len({entry.id for entry in entries}) > 1:
        ids = ", ".join(dict.fromkeys(entry.id for entry in entries[:4]))
        notes.note("several_entries", name, f"several entries fit this recording ({ids}, …); it got nothing of them")
        return None
    first = entries[0]
    species = {entry.facts.get("species") for entry in entries} - {None}
    if len(species) > 1:
        text = "rows of one number name different species; all of them are its labels: which is right?"
        notes.note("several_species", f"{name}: {', '.join(sorted(map(str, species)))}", text)
    heard = tuple(dict.fromkeys(each for entry in entries for each in entry.heard))
    return Entry(first.id, first.files, first.facts, heard, first.span_s, first.length_s, first.expected)


def _event(name: str, heard: Heard, entry: Entry, duration_s: float, manifest: str) -> dict[str, object]:
    """One label as an event; of a whole video the segment that was listened to, of the segment alone the whole."""
    onset_s, offset_s = heard.onset_s, heard.offset_s
    if entry.span_s is not None and duration_s > entry.span_s[1] - entry.span_s[0] + SLACK_S:
        start_s, end_s = entry.span_s
        onset_s = start_s + onset_s if onset_s is not None else start_s
        offset_s = start_s + offset_s if offset_s is not None else end_s
    return {
        "recording": name,
        "onset_s": onset_s,
        "offset_s": offset_s,
        "label": heard.label,
        "certainty": heard.certainty,
        "annotator": None,
        "source": manifest,
        "role": heard.role,
    }


def _label_of(event: dict[str, object]) -> tuple[object, ...]:
    return tuple(event[name] for name in ("recording", "label", "role", "onset_s", "offset_s"))


def _compare_length(name: str, entry: Entry, duration_s: float, notes: Notes) -> None:
    if entry.length_s is not None and abs(entry.length_s - duration_s) > SLACK_S + SLACK * entry.length_s:
        text = "the manifest states another length than the file has: cut, or not the file it means?"
        notes.note("length_disagrees", f"{name}: {duration_s:.1f} s, stated {entry.length_s:g} s", text)
