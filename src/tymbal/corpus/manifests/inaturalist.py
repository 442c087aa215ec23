"""iNaturalist: the table of its export tool, one row an observation (or one a sound, where somebody took it apart)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tymbal.corpus.manifests.base import (
    Entry,
    Head,
    Heard,
    Notes,
    Reader,
    day_of,
    file_of,
    licence_of,
    moment_of,
    number_of,
    text_of,
)
from tymbal.corpus.manifests.rows import Row, table_rows

NO_LICENCE = "all rights reserved"  # what no licence means there


def _knows(head: Head) -> bool:
    return {"quality_grade", "scientific_name", "sound_url"} <= head.columns


def _read(path: Path, notes: Notes) -> Iterator[Entry]:
    for row in table_rows(path, notes):
        number = text_of(row, "id")
        if number is None:
            notes.note("no_id", str(text_of(row, "url") or "?"), "an observation without its number; left out")
            continue
        yield _entry(number, row, notes)


def _entry(number: str, row: Row, notes: Notes) -> Entry:
    name, sound = text_of(row, "scientific_name"), file_of(text_of(row, "sound_url"))
    if name is None and sound:
        notes.note("identity_unknown", number, "nobody named a taxon; no label")
    captive = (text_of(row, "captive_cultivated") or "").casefold() in ("true", "t", "1")
    if captive and sound:
        notes.note("captive", number, "an animal in captivity; in column captive")
    latitude = number_of(text_of(row, "latitude"), -90, 90)
    longitude = number_of(text_of(row, "longitude"), -180, 180)
    start = moment_of(text_of(row, "time_observed_at"))
    facts = {
        "species": name,
        "common_name": text_of(row, "common_name"),
        "group": text_of(row, "iconic_taxon_name"),
        "recordist": text_of(row, "user_name", "user_login", "user_id"),
        "site": text_of(row, "place_guess"),
        "latitude": latitude if longitude is not None else None,
        "longitude": longitude if latitude is not None else None,
        "accuracy_m": number_of(text_of(row, "positional_accuracy"), 0, 1e8),
        "coordinates_obscured": text_of(row, "coordinates_obscured"),
        "date": day_of(text_of(row, "observed_on")),
        "start_time": start,
        "start_time_source": "inaturalist" if start else None,
        "quality": text_of(row, "quality_grade"),
        "captive": str(captive).lower(),
        "licence": licence_of(text_of(row, "license")) or NO_LICENCE,
        "licence_of": "observation",  # a sound may have another, which the table does not tell
        "source_id": number,
        "source_url": text_of(row, "url"),
    }
    heard = (Heard(name, certainty=text_of(row, "quality_grade")),) if name else ()
    return Entry(number, (sound,) if sound else (), facts, heard, expected=sound is not None)


def _ids(stem: str) -> tuple[str, ...]:
    """101, 101_2, iNat101, obs101-1: of an observation; a sound's own number is a file's name."""
    found = re.match(r"(?:inat|obs|observation)?[ _-]?(\d+)(?:[ _-].*)?$", stem)
    return (found[1],) if found else (stem,)


READER = Reader(
    "inaturalist", "the table of its export tool (quality_grade, scientific_name, sound_url)", _knows, _read, _ids
)
