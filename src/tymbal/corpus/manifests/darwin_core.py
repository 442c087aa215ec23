"""Darwin Core archives: occurrence.txt and multimedia.txt, as GBIF hands out the Animal Sound Archive and others.

Terms as https://dwc.tdwg.org/terms/ and https://rs.gbif.org/extension/gbif/1.0/multimedia.xml define them. One
occurrence may have several sounds, and pictures.
"""

from __future__ import annotations

import re
from collections import defaultdict
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
    seconds_of,
    text_of,
)
from tymbal.corpus.manifests.rows import Row, beside, table_rows
from tymbal.errors import AnnotationError

ABOVE_SPECIES = ("genus", "family", "order", "class", "phylum", "kingdom")
CORE_ID = ("gbifID", "coreid", "id", "occurrenceID", "tsa_id")
# Our columns <- terms taken as they are.
AS_THEY_ARE = {
    "common_name": ("vernacularName", "species_common"),
    "taxon_rank": ("taxonRank",),
    "group": ("class",),
    "recordist": ("recordedBy", "recordist"),
    "country": ("country", "countryCode"),
    "site": ("locality", "verbatimLocality"),
    "vocalisation": ("behavior", "soundType"),
    "quality": ("soundQuality",),
    "sex": ("sex",),
    "life_stage": ("lifeStage",),
    "remarks": ("occurrenceRemarks",),
    "recorder": ("recordingEquipment",),
}


def _knows(head: Head) -> bool:
    if head.path.is_dir():
        return beside(head.path, "occurrence.txt") is not None
    return bool({"gbifID", "occurrenceID", "tsa_id"} & head.columns) and bool(
        {"scientificName", "species", "canonical_name"} & head.columns
    )


def _read(path: Path, notes: Notes) -> Iterator[Entry]:
    table = beside(path, "occurrence.txt") if path.is_dir() else path
    if table is None:
        raise AnnotationError("no occurrence.txt in this folder", where=path, mend="Unpack the archive here.")
    media_table = beside(table, "multimedia.txt")
    media = _sounds(media_table, notes) if media_table is not None else {}
    for row in table_rows(table, notes):
        number = text_of(row, *CORE_ID)
        if number is None:
            notes.note("no_id", str(text_of(row, "catalogNumber") or "?"), "an occurrence without its id; left out")
            continue
        sounds = media.get(number, [])
        if not sounds:
            own = file_of(text_of(row, "associatedMedia", "url"))
            expected = media_table is None  # else it has pictures, or nothing
            yield _entry(number, row, {}, (own,) if own else (), expected, notes)
        for sound in sounds:
            name = file_of(text_of(sound, "identifier"))
            yield _entry(number, row, sound, (name,) if name else (), True, notes)


def _sounds(path: Path, notes: Notes) -> dict[str, list[Row]]:
    """Sounds of multimedia.txt by the occurrence that they belong to."""
    found: dict[str, list[Row]] = defaultdict(list)
    for row in table_rows(path, notes):
        is_sound = text_of(row, "type") == "Sound" or (text_of(row, "format") or "").startswith("audio")
        number = text_of(row, *CORE_ID)
        if is_sound and number is not None:
            found[number].append(row)
    return found


def _entry(number: str, row: Row, sound: Row, files: tuple[str, ...], expected: bool, notes: Notes) -> Entry:
    name = _name(row)
    if name is None and expected:
        notes.note("identity_unknown", number, "no taxon is named; no label")
    elif expected and _rank(row) in ABOVE_SPECIES:
        notes.note("not_to_species", number, "named to a genus or above only; labelled so")
    when = text_of(row, "eventDate")
    start = None if "/" in (when or "") else moment_of(when, None if "T" in (when or "") else text_of(row, "eventTime"))
    facts = {column: text_of(row, *terms) for column, terms in AS_THEY_ARE.items()}
    latitude = number_of(text_of(row, "decimalLatitude", "latitudeDecimal"), -90, 90)
    longitude = number_of(text_of(row, "decimalLongitude", "longitudeDecimal"), -180, 180)
    facts |= {
        "species": name,
        "subspecies": text_of(row, "infraspecificEpithet"),
        "latitude": latitude if longitude is not None else None,
        "longitude": longitude if latitude is not None else None,
        "accuracy_m": number_of(text_of(row, "coordinateUncertaintyInMeters"), 0, 1e8),
        "date": day_of(when) if "/" not in (when or "") else when,
        "start_time": start,
        "start_time_source": "darwin-core" if start else None,
        "licence": licence_of(text_of(sound, "license") or text_of(row, "media_license", "license")),
        "rights_holder": text_of(sound, "rightsHolder", "creator") or text_of(row, "rightsHolder"),
        "captive": "true" if text_of(row, "basisOfRecord") == "LIVING_SPECIMEN" else None,
        "catalogue_number": text_of(row, "catalogNumber"),
        "source_id": number,
        "source_url": text_of(sound, "references", "identifier") or text_of(row, "references", "url"),
    }
    doubt = text_of(row, "identificationQualifier", "identificationVerificationStatus")
    heard = [Heard(name, certainty=doubt)] if name else []
    heard += [Heard(each, "background") for each in _background(row) if each != name]
    others = tuple(text for text in (text_of(row, "originals_path"), text_of(row, "catalogNumber")) if text)
    length_s = seconds_of(text_of(row, "duration_seconds"))
    return Entry(number, (*files, *others), facts, tuple(heard), length_s=length_s, expected=expected)


def _name(row: Row) -> str | None:
    """The species as two words, where one is named; else the taxon of the rank that is; else the name as it stands."""
    whole = text_of(row, "species", "canonical_name", "species_scientific")
    genus, epithet = text_of(row, "genus"), text_of(row, "specificEpithet")
    if whole is None and genus and epithet:
        whole = f"{genus} {epithet}"
    if whole is None and _rank(row) in ABOVE_SPECIES:
        whole = text_of(row, _rank(row))
    return whole or text_of(row, "acceptedScientificName", "scientificName", "verbatimScientificName")


def _rank(row: Row) -> str:
    return (text_of(row, "taxonRank") or "").lower()


def _background(row: Row) -> list[str]:
    """Names in associatedTaxa ("singing with: Turdus merula | …") or backgroundSpecies."""
    text = text_of(row, "backgroundSpecies", "associatedTaxa") or ""
    parts = (part.rpartition(":")[2].strip(' "') for part in re.split(r"[|;,]", text))
    return list(dict.fromkeys(part for part in parts if part))


def _ids(stem: str) -> tuple[str, ...]:
    """1950935083, 1950935083_2: GBIF's number of the occurrence; other archives' ids as they are."""
    found = re.match(r"(?:gbif)?[ _-]?(\d{5,})(?:[ _-]\d+)?$", stem)
    return (found[1], stem) if found else (stem,)


READER = Reader("darwin-core", "occurrence.txt, or a folder with it (gbifID, scientificName)", _knows, _read, _ids)
