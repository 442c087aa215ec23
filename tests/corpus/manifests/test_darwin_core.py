"""Darwin Core: tabs with quotes in cells, several sounds of one occurrence, pictures among them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tymbal.corpus.manifests.base import Entry, Notes
from tymbal.corpus.manifests.darwin_core import READER
from tymbal.corpus.manifests.registry import find_reader
from tymbal.errors import AnnotationError

OCCURRENCE = """
gbifID|scientificName|species|genus|taxonRank|eventDate|eventTime|locality|decimalLatitude|recordedBy|license
1000001|Strix aluco Linnaeus, 1758|Strix aluco|Strix|SPECIES|1951-10-30|22:10:00|Zoo "Mitte|52.5|Tembrock|CC_BY_4_0
1000002|Turdus Linnaeus, 1758||Turdus|GENUS|1960-05-05/1960-05-08||||
1000003|Turdus merula|Turdus merula|Turdus|SPECIES|1999||||
"""
MORE = """
decimalLongitude|associatedTaxa|occurrenceRemarks|identificationQualifier
13.4|with: Turdus merula; Parus major|he said "hu|cf.
|||
|||
"""
MEDIA = """
gbifID|type|format|identifier|license|creator
1000001|Sound|audio/mpeg|http://a/Strix_aluco_1.mp3|http://creativecommons.org/licenses/by-nc-sa/4.0/|T
1000001||audio/mpeg|http://a/Strix_aluco_2.mp3?x=1||
1000001|StillImage|image/jpeg|http://a/owl.jpg||
1000002|Sound|audio/mpeg|http://a/Turdus.mp3||
1000003|StillImage|image/jpeg|http://a/merula.jpg||
"""


def table(path: Path, *parts: str) -> Path:
    """Parts side by side, bars as tabs."""
    lines = zip(*(part.strip().splitlines() for part in parts), strict=True)
    path.write_text("".join("|".join(line).replace("|", "\t") + "\n" for line in lines))
    return path


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    table(tmp_path / "occurrence.txt", OCCURRENCE, MORE)
    table(tmp_path / "multimedia.txt", MEDIA)
    return tmp_path


def read(path: Path) -> tuple[list[Entry], Notes]:
    assert find_reader(path) is READER
    notes = Notes()
    return list(READER.read(path, notes)), notes


@pytest.mark.parametrize("name", ["", "occurrence.txt"])
def test_sounds_are_entries_pictures_are_not(name: str, archive: Path) -> None:
    entries, notes = read(archive / name)
    files = [(entry.id, entry.files[:1], entry.expected) for entry in entries]
    assert files == [
        ("1000001", ("Strix_aluco_1.mp3",), True),
        ("1000001", ("Strix_aluco_2.mp3",), True),
        ("1000002", ("Turdus.mp3",), True),
        ("1000003", (), False),
    ]
    owl = entries[0]
    assert owl.facts["site"] == 'Zoo "Mitte'
    assert owl.facts["remarks"] == 'he said "hu'
    assert owl.facts["start_time"] == "1951-10-30T22:10:00"
    assert owl.facts["licence"] == "CC-BY-NC-SA-4.0"
    assert [(each.label, each.role, each.certainty) for each in owl.heard] == [
        ("Strix aluco", "primary", "cf."),
        ("Turdus merula", "background", None),
        ("Parus major", "background", None),
    ]
    assert (entries[2].facts["start_time"], entries[2].facts["date"]) == (None, "1960-05-05/1960-05-08")
    assert (entries[2].heard[0].label, entries[2].facts["taxon_rank"]) == ("Turdus", "GENUS")
    assert notes.counts == {"not_to_species": 1}


def test_without_the_media_the_file_is_found_by_number(tmp_path: Path) -> None:
    entries, _ = read(table(tmp_path / "occurrence.txt", OCCURRENCE, MORE))
    assert [entry.expected for entry in entries] == [True, True, True]
    assert READER.ids("1000001_2") == ("1000001", "1000001_2")


def test_a_folder_without_occurrences_is_none(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match="no manifest that is known here"):
        find_reader(tmp_path)
