"""Xeno-canto: answers of its API (versions 2 and 3), and the tables that people make of them.

Fields as https://xeno-canto.org/explore/api names them. Tables may have the API's names, those of R's warbleR, or those
of the BirdCLEF challenges, whose labels are eBird's codes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from tymbal.corpus.manifests.base import (
    Entry,
    Head,
    Heard,
    Notes,
    Reader,
    day_of,
    licence_of,
    moment_of,
    number_of,
    seconds_of,
    text_of,
)
from tymbal.corpus.manifests.rows import Row, rows_of

# The API's field -> what tables call it.
ALIASES = {
    "id": ("id", "Recording_ID", "XC_id", "xc_id"),
    "gen": ("gen", "Genus", "genus"),
    "sp": ("sp", "Specific_epithet", "species_epithet"),
    "ssp": ("ssp", "Subspecies"),
    "en": ("en", "English_name", "common_name"),
    "rec": ("rec", "Recordist", "author"),
    "cnt": ("cnt", "Country"),
    "loc": ("loc", "Locality"),
    "lat": ("lat", "Latitude", "latitude"),
    "lon": ("lon", "lng", "Longitude", "longitude"),
    "alt": ("alt", "Altitude"),
    "type": ("type", "Vocalization_type"),
    "file-name": ("file-name", "file_name", "fileName", "filename", "File_name"),
    "lic": ("lic", "License", "license"),
    "q": ("q", "Quality"),
    "length": ("length", "Length"),
    "time": ("time", "Time"),
    "date": ("date", "Date"),
    "url": ("url", "Url"),
    "also": ("also", "Other_species", "secondary_labels"),
}
# Our columns <- fields taken as they are.
AS_THEY_ARE = {
    "subspecies": "ssp",
    "common_name": "en",
    "recordist": "rec",
    "country": "cnt",
    "site": "loc",
    "vocalisation": "type",
    "quality": "q",
    "sex": "sex",
    "life_stage": "stage",
    "method": "method",
    "recorder": "dvc",
    "microphone": "mic",
    "animal_seen": "animal-seen",
    "playback_used": "playback-used",
    "rating": "rating",
}
_ID = re.compile(r"(?:^|[^0-9a-z])xc[ _-]?(\d+)")
_QUOTED = re.compile(r"'([^']*)'|\"([^\"]*)\"")


def _knows(head: Head) -> bool:
    names = head.columns
    return (
        {"gen", "sp"} <= names or {"Recording_ID", "Genus"} <= names or {"primary_label", "secondary_labels"} <= names
    )


def _read(path: Path, notes: Notes) -> Iterator[Entry]:
    for row in rows_of(path, notes):
        field = {name: text_of(row, *aliases) for name, aliases in ALIASES.items()}
        number = _number(row, field)
        if number is None:
            notes.note(
                "no_id", str(field["url"] or field["file-name"] or "?"), "without a number or file name; left out"
            )
            continue
        yield _entry(number, row, field, notes)


def _number(row: Row, field: Mapping[str, str | None]) -> str | None:
    """The catalogue number: stated, or in the address or the file's name; else the file's name."""
    number = (field["id"] or "").upper().removeprefix("XC")
    if number.isdigit():
        return number
    for text in (field["url"], field["file-name"]):
        found = re.search(r"xeno-canto\.org/(\d+)", text or "") or _ID.search((text or "").lower())
        if found:
            return found[1]
    return field["file-name"] or text_of(row, "id")


def _entry(number: str, row: Row, field: Mapping[str, str | None], notes: Notes) -> Entry:
    heard = []
    name = _name(number, row, field, notes)
    if name is not None:
        heard.append(Heard(name))
    heard += [Heard(each, "background") for each in _also(row, field["also"]) if each != name]
    facts = {column: text_of(row, *ALIASES.get(theirs, (theirs,))) for column, theirs in AS_THEY_ARE.items()}
    start = moment_of(field["date"], field["time"])
    latitude, longitude = number_of(field["lat"], -90, 90), number_of(field["lon"], -180, 180)
    facts |= {
        "species": name,
        "species_code": text_of(row, "primary_label"),
        "group": text_of(row, "grp", "group", "class_name"),
        "latitude": latitude if longitude is not None else None,
        "longitude": longitude if latitude is not None else None,
        "elevation_m": number_of(field["alt"], -500, 9000),
        "date": day_of(field["date"]),
        "start_time": start,
        "start_time_source": "xeno-canto" if start else None,
        "licence": licence_of(field["lic"]),
        "source_id": f"XC{number}" if number.isdigit() else number,
        "source_url": field["url"],
    }
    if (field["lat"] or field["lon"]) and (latitude is None or longitude is None):
        notes.note("no_place", str(facts["source_id"]), "its coordinates are none; left blank")
    files = tuple(name for name in (field["file-name"], f"XC{number}" if number.isdigit() else None) if name)
    # Species under protection have no address: their sound cannot be had.
    expected = row.get("file", "there") not in (None, "")
    return Entry(number, files, facts, tuple(heard), length_s=seconds_of(field["length"]), expected=expected)


def _name(number: str, row: Row, field: Mapping[str, str | None], notes: Notes) -> str | None:
    """The species; None for mysteries and soundscapes, which stand under names of their own."""
    genus, species = field["gen"], field["sp"]
    if (genus or "").casefold() == "mystery" or (field["en"] or "").casefold() == "identity unknown":
        notes.note("identity_unknown", f"XC{number}", "nobody knows the species; no label")
        return None
    if (genus or "").casefold() == "sonus":
        notes.note("soundscape", f"XC{number}", "a soundscape; its species are labels of the background")
        return None
    if genus and species:
        return f"{genus} {species}"
    name = text_of(row, "scientific_name", "primary_label") or genus
    if name is None:
        notes.note("no_species", f"XC{number}", "it names no species; no label")
    return name


def _also(row: Row, stated: str | None) -> list[str]:
    """Background species: a list, a list as JSON or Python writes it, or names between commas."""
    value = row.get("also")
    if isinstance(value, list):
        found = [str(each) for each in value]
    elif (stated or "").startswith("["):
        try:
            found = [str(each) for each in json.loads(stated or "")]
        except json.JSONDecodeError:
            found = [one or other for one, other in _QUOTED.findall(stated or "")]
    else:
        found = re.split(r"[,;|]", stated or "")
        found += [str(cell or "") for name, cell in row.items() if re.fullmatch(r"Other_species\d+", str(name))]
    clean = (each.strip() for each in found)
    return list(dict.fromkeys(each for each in clean if each and each.casefold() not in ("identity unknown", "na")))


def _ids(stem: str) -> tuple[str, ...]:
    """XC134896, XC134896-Name, 134896, Genus-species-134896."""
    found = _ID.search(stem) or re.fullmatch(r"(\d+)", stem) or re.fullmatch(r"[a-z]+-[a-z.]+-(\d+)", stem)
    return (found[1],) if found else (stem,)


READER = Reader(
    "xeno-canto",
    "JSON of its API (gen, sp, also), or a table with these, Recording_ID or primary_label",
    _knows,
    _read,
    _ids,
)
