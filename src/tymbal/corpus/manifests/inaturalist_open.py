"""iNaturalist's open data: observations.csv, with taxa.csv and observers.csv beside it.

The tables (github.com/inaturalist/inaturalist-open-data, Metadata/structure.sql) list photos and no sounds, so a
recording is found by the observation's UUID in its file name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tymbal.corpus.manifests.base import Entry, Head, Heard, Notes, Reader, day_of, number_of, text_of
from tymbal.corpus.manifests.rows import beside, table_rows

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def _knows(head: Head) -> bool:
    return {"observation_uuid", "observer_id", "taxon_id", "quality_grade"} <= head.columns


def _read(path: Path, notes: Notes) -> Iterator[Entry]:
    taxa = _names(path, "taxa.csv", "taxon_id", "name")
    ranks = _names(path, "taxa.csv", "taxon_id", "rank")
    observers = _names(path, "observers.csv", "observer_id", "name", "login")
    for row in table_rows(path, notes):
        number, taxon = text_of(row, "observation_uuid"), text_of(row, "taxon_id")
        if number is None:
            continue
        name = taxa.get(taxon or "")
        if taxon is not None and name is None:
            notes.note("no_taxon", number, "its taxon is not in taxa.csv beside the manifest; labelled by number")
            name = f"taxon {taxon}"
        if name is None:
            notes.note("identity_unknown", number, "nobody named a taxon; no label")
        quality = text_of(row, "quality_grade")
        facts = {
            "species": name,
            "taxon_rank": ranks.get(taxon or ""),
            "recordist": observers.get(text_of(row, "observer_id") or "") or text_of(row, "observer_id"),
            "latitude": number_of(text_of(row, "latitude"), -90, 90),
            "longitude": number_of(text_of(row, "longitude"), -180, 180),
            "accuracy_m": number_of(text_of(row, "positional_accuracy"), 0, 1e8),
            "date": day_of(text_of(row, "observed_on")),
            "quality": quality,
            "source_id": number,
            "source_url": f"https://www.inaturalist.org/observations/{number}",
        }
        yield Entry(number, (), facts, (Heard(name, certainty=quality),) if name else (), expected=False)


def _names(path: Path, file: str, key: str, *columns: str) -> dict[str, str]:
    """One column of a table beside the manifest by another; empty where the table is not there."""
    table = beside(path, file)
    if table is None:
        return {}
    return {row[key]: text for row in table_rows(table) if (text := text_of(row, *columns)) and row.get(key)}


def _ids(stem: str) -> tuple[str, ...]:
    found = _UUID.search(stem)
    return (found[0],) if found else ()


READER = Reader(
    "inaturalist-open", "observations.csv of its open data (observation_uuid, taxon_id)", _knows, _read, _ids
)
