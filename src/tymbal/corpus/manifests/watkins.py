"""The Watkins Marine Mammal Sound Database: a table with its record numbers, one row a cut.

Columns by name (record_number, scientific_name, display_name, note, location, observation_date), as re-releases have
them, or by the two letters of the database itself (RN, GS, NT, GA, OD: Watkins et al. 1992, WHOI-92-31).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tymbal.corpus.manifests.base import Entry, Head, Heard, Notes, Reader, day_of, number_of, text_of
from tymbal.corpus.manifests.rows import rows_of

NUMBER = ("record_number", "RN", "Record Number")
NAMES = ("scientific_name", "GS", "species", "Genus")
TAPE = 5  # characters of a record number before the cut: year and tape
_CODE = re.compile(r"\s+[A-Z]{2}\d{1,2}[A-Z]{1,2}$")  # the database's code of a species, after its name


def _knows(head: Head) -> bool:
    return any(name in head.columns for name in NUMBER) and any(name in head.columns for name in NAMES)


def _read(path: Path, notes: Notes) -> Iterator[Entry]:
    for row in rows_of(path, notes):
        number = text_of(row, *NUMBER)
        if number is None:
            notes.note("no_id", "?", "a row without its record number; left out")
            continue
        parts = (_CODE.sub("", part.strip()) for part in (text_of(row, *NAMES) or "").split("|"))
        names = list(dict.fromkeys(part for part in parts if part))
        if not names:
            notes.note("identity_unknown", number, "no species is named; no label")
        facts = {
            "species": names[0] if names else None,
            "common_name": text_of(row, "display_name", "common_name"),
            "species_code": text_of(row, "species_code"),
            "site": text_of(row, "location", "GA"),
            "latitude": number_of(text_of(row, "latitude", "lat"), -90, 90),
            "longitude": number_of(text_of(row, "longitude", "lon"), -180, 180),
            "date": day_of(text_of(row, "observation_date", "OD")) or text_of(row, "observation_date", "OD"),
            "note": text_of(row, "note", "NT"),
            "tape": number[:TAPE] if len(number) == 8 else None,  # what must not be torn apart in a split
            "source_id": number,
        }
        heard = [Heard(names[0])] if names else []
        heard += [Heard(name, "background") for name in names[1:]]
        files = tuple(text for text in (text_of(row, "path", "file_name", "filename"), number) if text)
        yield Entry(number, files, facts, tuple(heard))


READER = Reader("watkins", "a table with record_number and scientific_name, or RN and GS", _knows, _read)
