"""Xeno-canto: answers of its API, and the tables people make of them, with their traps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tymbal.corpus.manifests.base import Entry, Notes
from tymbal.corpus.manifests.registry import find_reader
from tymbal.corpus.manifests.xeno_canto import READER

RHEA: dict[str, Any] = {
    "id": "314181",
    "gen": "Rhea",
    "sp": "americana",
    "ssp": "intermedia",
    "en": "Greater Rhea",
    "rec": "A. Person",
    "cnt": "Brazil",
    "loc": "Uberaba, Minas Gerais",
    "lat": "-19.2797",
    "lng": "-48.0278",
    "alt": "950",
    "type": "song",
    "url": "//xeno-canto.org/314181",
    "file": "https://xeno-canto.org/314181/download",
    "file-name": "XC314181-Rhea americana_0630.mp3",
    "lic": "//creativecommons.org/licenses/by-nc-sa/4.0/",
    "q": "A",
    "length": "1:05",
    "time": "07:14",
    "date": "2016-04-23",
    "also": ["Cariama cristata", "", "Cariama cristata"],
}


def read(path: Path) -> tuple[list[Entry], Notes]:
    assert find_reader(path) is READER
    notes = Notes()
    return list(READER.read(path, notes)), notes


def answer(tmp_path: Path, *recordings: dict[str, Any]) -> Path:
    path = tmp_path / "page1.json"
    path.write_text(json.dumps({"numRecordings": "1", "page": 1, "recordings": list(recordings)}))
    return path


def test_every_field_of_an_answer(tmp_path: Path) -> None:
    (entry,), notes = read(answer(tmp_path, RHEA))
    assert (entry.id, entry.files) == ("314181", ("XC314181-Rhea americana_0630.mp3", "XC314181"))
    assert [(each.label, each.role) for each in entry.heard] == [
        ("Rhea americana", "primary"),
        ("Cariama cristata", "background"),
    ]
    assert entry.length_s == 65
    wanted = {
        "species": "Rhea americana",
        "subspecies": "intermedia",
        "site": "Uberaba, Minas Gerais",
        "latitude": "-19.2797",
        "longitude": "-48.0278",
        "start_time": "2016-04-23T07:14:00",
        "licence": "CC-BY-NC-SA-4.0",
        "quality": "A",
        "source_id": "XC314181",
        "recordist": "A. Person",
    }
    assert {name: entry.facts[name] for name in wanted} == wanted
    assert notes.counts == {}


def test_version_three_says_lon_and_several_pages_are_one_list(tmp_path: Path) -> None:
    third = {**RHEA, "lon": RHEA["lng"], "grp": "birds"}
    del third["lng"]
    path = tmp_path / "all.json"
    path.write_text(json.dumps([{"recordings": [third]}, {"recordings": [{**RHEA, "id": "2"}]}]))
    entries, _ = read(path)
    assert [entry.facts["longitude"] for entry in entries] == ["-48.0278", "-48.0278"]
    assert entries[0].facts["group"] == "birds"


@pytest.mark.parametrize(
    ("change", "column", "wanted"),
    [
        ({"q": "no score"}, "quality", None),
        ({"lat": None, "lng": None}, "latitude", None),
        ({"lat": "", "lng": ""}, "longitude", None),
        ({"lat": "12.5", "lng": ""}, "latitude", None),
        ({"time": "?"}, "start_time", None),
        ({"time": "7:05"}, "start_time", "2016-04-23T07:05:00"),
        ({"date": "2005-00-00"}, "start_time", None),
        ({"date": "2005-00-00"}, "date", None),
        ({"time": "am"}, "date", "2016-04-23"),
        ({"lic": "//creativecommons.org/publicdomain/zero/1.0/"}, "licence", "CC0-1.0"),
    ],
)
def test_what_is_not_known_is_blank(change: dict[str, Any], column: str, wanted: str | None, tmp_path: Path) -> None:
    (entry,), _ = read(answer(tmp_path, {**RHEA, **change}))
    assert entry.facts[column] == wanted


def test_half_a_place_is_said(tmp_path: Path) -> None:
    _, notes = read(answer(tmp_path, {**RHEA, "lat": "12.5", "lng": "west"}))
    assert notes.counts == {"no_place": 1}


def test_mysteries_have_no_label_and_soundscapes_their_background_alone(tmp_path: Path) -> None:
    mystery = {**RHEA, "id": "1", "gen": "Mystery", "sp": "mystery", "en": "Identity unknown", "also": [""]}
    scape = {**RHEA, "id": "2", "gen": "Sonus", "sp": "naturalis", "en": "Soundscape", "also": ["Turdus merula"]}
    entries, notes = read(answer(tmp_path, mystery, scape))
    assert entries[0].heard == ()
    assert [(each.label, each.role) for each in entries[1].heard] == [("Turdus merula", "background")]
    assert [entry.facts["species"] for entry in entries] == [None, None]
    assert notes.counts == {"identity_unknown": 1, "soundscape": 1}


def test_an_entry_without_a_species_is_said(tmp_path: Path) -> None:
    (entry,), notes = read(answer(tmp_path, {**RHEA, "gen": "", "sp": None, "en": None, "also": None}))
    assert entry.heard == ()
    assert notes.counts == {"no_species": 1}


def test_protected_species_have_no_sound_to_miss(tmp_path: Path) -> None:
    entries, _ = read(answer(tmp_path, {**RHEA, "file": ""}, RHEA))
    assert [entry.expected for entry in entries] == [False, True]


def test_a_table_with_the_names_of_the_api(tmp_path: Path) -> None:
    path = tmp_path / "xc.csv"
    path.write_text(
        "id,gen,sp,ssp,lat,lng,q,length,lic,also,file-name\n"
        '7,Rhea,americana,,,,no score,0:09,,"Turdus merula, Parus major",XC7.mp3\n'
        """8,Rhea,americana,,1,2,B,0:09,,"['Turdus merula', 'Parus major']",XC8.mp3\n"""
        '9,Rhea,americana,,1,2,B,0:09,,"[""Turdus merula"", ""Parus major""]",XC9.mp3\n'
    )
    entries, _ = read(path)
    for entry in entries:
        assert [each.label for each in entry.heard] == ["Rhea americana", "Turdus merula", "Parus major"]
    assert entries[0].facts["latitude"] is None
    assert entries[0].length_s == 9


def test_a_table_of_warbler(tmp_path: Path) -> None:
    path = tmp_path / "warbler.csv"
    path.write_text(
        '"Recording_ID","Genus","Specific_epithet","Subspecies","Latitude","Longitude","Other_species","Other_species1"\n'
        '"154138","Phaethornis","longirostris",NA,10.1,-84.2,"Turdus grayi","Habia rubica"\n'
    )
    (entry,), _ = read(path)
    assert [each.label for each in entry.heard] == ["Phaethornis longirostris", "Turdus grayi", "Habia rubica"]
    assert entry.facts["subspecies"] is None
    assert READER.ids("phaethornis-longirostris-154138") == ("154138",)


def test_a_table_of_birdclef(tmp_path: Path) -> None:
    path = tmp_path / "train_metadata.csv"
    path.write_text(
        "primary_label,secondary_labels,type,latitude,longitude,scientific_name,common_name,author,license,rating,url,"
        "filename\n"
        "asbfly,\"['comtai1']\",['call'],39.2,118.1,Muscicapa dauurica,Asian Brown Flycatcher,A,Creative Commons,5.0,"
        "https://www.xeno-canto.org/134896,asbfly/XC134896.ogg\n"
    )
    (entry,), _ = read(path)
    assert (entry.id, entry.files[0]) == ("134896", "asbfly/XC134896.ogg")
    assert [(each.label, each.role) for each in entry.heard] == [
        ("Muscicapa dauurica", "primary"),
        ("comtai1", "background"),
    ]
    assert entry.facts["species_code"] == "asbfly"


@pytest.mark.parametrize(
    ("stem", "number"),
    [("xc134896", "134896"), ("xc134896-rhea", "134896"), ("134896", "134896"), ("rec_20200610", "rec_20200610")],
)
def test_numbers_in_names(stem: str, number: str) -> None:
    assert READER.ids(stem) == (number,)
