"""Watkins: by record numbers, the tape in their beginning."""

from __future__ import annotations

from pathlib import Path

import pytest

from tymbal.corpus.manifests.base import Notes
from tymbal.corpus.manifests.registry import find_reader
from tymbal.corpus.manifests.watkins import READER

NAMED = """\
record_number,scientific_name,display_name,note,location,observation_date
6001200A,Orcinus orca,KillerWhale,"Calls, faint",Vancouver,1960-10-12
,Orcinus orca,KillerWhale,,,
57001003,,Unknown,,,
"""
CODED = 'RN\tGS\tNT\tOD\n6001200A\tOrcinus orca BE7A | Tursiops truncatus BD15A\tCalls "faint\tOct 1960\n'


def test_columns_by_name(tmp_path: Path) -> None:
    path = tmp_path / "watkins.csv"
    path.write_text(NAMED)
    assert find_reader(path) is READER
    notes = Notes()
    orca, unknown = READER.read(path, notes)
    assert (orca.id, orca.files, orca.facts["tape"]) == ("6001200A", ("6001200A",), "60012")
    assert (orca.facts["site"], orca.facts["date"], orca.facts["note"]) == ("Vancouver", "1960-10-12", "Calls, faint")
    assert [each.label for each in orca.heard] == ["Orcinus orca"]
    assert unknown.heard == ()
    assert notes.counts == {"no_id": 1, "identity_unknown": 1}


def test_columns_by_the_letters_of_the_database(tmp_path: Path) -> None:
    path = tmp_path / "watkins.tsv"
    path.write_text(CODED)
    (orca,) = READER.read(path, Notes())
    assert [(each.label, each.role) for each in orca.heard] == [
        ("Orcinus orca", "primary"),
        ("Tursiops truncatus", "background"),
    ]
    assert (orca.facts["note"], orca.facts["date"]) == ('Calls "faint', "Oct 1960")


@pytest.mark.parametrize("text", ["record_number,other\n1,2\n", "scientific_name,other\n1,2\n"])
def test_half_of_the_columns_is_none_of_it(text: str, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(text)
    from tymbal.corpus.manifests.rows import head_of

    assert not READER.knows(head_of(tmp_path / "x.csv"))
