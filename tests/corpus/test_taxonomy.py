"""Labels to canonical names: what maps, and every label that does not, by its reason."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from tymbal.corpus.taxonomy import map_names, rename_taxa
from tymbal.errors import AnnotationError

EBIRD = """\
\ufeffTAXON_ORDER,CATEGORY,SPECIES_CODE,TAXON_CONCEPT_ID,PRIMARY_COM_NAME,SCI_NAME,ORDER,FAMILY,SPECIES_GROUP,REPORT_AS
1,species,eurbla,,Eurasian Blackbird,Turdus merula,Passeriformes,"Turdidae (Thrushes, and Allies)",Thrushes,
2,issf,eurbla2,,Eurasian Blackbird (merula),Turdus merula [merula Group],P,T,,eurbla
3,species,comrav,,Common Raven,Corvus corax,P,C,,
4,spuh,duck,,duck sp.,Anatinae sp.,A,A,,
5,species,blaowl1,,Black Owl,Strix huhula,S,S,,
6,species,blaowl2,,Black Owl,Strix nigrolineata,S,S,,
"""
CLEMENTS = """\
sort v2023,species_code,category,English name,scientific name,range
1,eurbla,species,Eurasian Blackbird,Turdus merula,
2,,subspecies,,Turdus merula azorensis,
3,,group (polytypic),Eurasian Blackbird (x),Turdus merula [merula Group],
"""
GBIF = """\
taxonID\tdatasetID\tparentNameUsageID\tacceptedNameUsageID\toriginalNameUsageID\tscientificName\tcanonicalName\ttaxonRank\ttaxonomicStatus
1\td\t\t\t\tTurdus merula Linnaeus, 1758\tTurdus merula\tspecies\taccepted
2\td\t\t1\t\tMerula vulgaris "Selby\tMerula vulgaris\tspecies\tsynonym
3\td\t\t\t\tOenanthe L.\tOenanthe\tgenus\taccepted
4\td\t\t\t\tOenanthe Vieillot\tOenanthe\tgenus\taccepted
5\td\t\t\t\tParus major L.\tParus major\tspecies\taccepted
6\td\t\t1\t\tParus ater X\tParus ater\tspecies\tpro parte synonym
7\td\t\t5\t\tParus ater Y\tParus ater\tspecies\tpro parte synonym
8\td\t\t5\t\tTurdus merula Z\tTurdus merula\tspecies\tsynonym
9\td\t\t\t\tDubia avis\tDubia avis\tspecies\tdoubtful
"""
PLAIN = "name,canonical\nAmsel,Turdus merula\nSilbermöwe,Larus argentatus\nSilbermöwe,Larus smithsonianus\n"


def looked_up(text: str, *labels: str, tmp_path: Path, name: str = "taxa.csv") -> dict[str, tuple[str, list[str]]]:
    (tmp_path / name).write_text(text, encoding="utf-8")
    found = map_names(labels, tmp_path / name)
    for label, status, canonical, _ in found.report.iter_rows():
        assert found.names[label] == (canonical[0] if status in ("same", "mapped") else label)
    return {label: (status, canonical) for label, status, canonical, _ in found.report.iter_rows()}


def test_ebird_by_scientific_common_name_and_code(tmp_path: Path) -> None:
    found = looked_up(
        EBIRD,
        *("Turdus merula", "turdus_merula", "Eurasian Blackbird", "eurbla2", "duck sp.", "Black Owl", "Pica pica"),
        tmp_path=tmp_path,
    )
    assert found == {
        "Turdus merula": ("same", ["Turdus merula"]),
        "turdus_merula": ("mapped", ["Turdus merula"]),
        "Eurasian Blackbird": ("mapped", ["Turdus merula"]),
        "eurbla2": ("mapped", ["Turdus merula"]),  # a group that is reported as its species
        "duck sp.": ("mapped", ["Anatinae sp."]),
        "Black Owl": ("ambiguous", ["Strix huhula", "Strix nigrolineata"]),
        "Pica pica": ("unmapped", []),
    }


def test_clements_subspecies_count_as_their_species(tmp_path: Path) -> None:
    found = looked_up(CLEMENTS, "Turdus merula azorensis", "Eurasian Blackbird (x)", tmp_path=tmp_path)
    assert list(found.values()) == [("mapped", ["Turdus merula"])] * 2


def test_gbif_synonyms_homonyms_and_splits(tmp_path: Path) -> None:
    found = looked_up(
        GBIF,
        *("Turdus merula", "Merula  vulgaris", "Oenanthe", "Parus ater", "Dubia avis", "Nemo nemo"),
        tmp_path=tmp_path,
        name="Taxon.tsv",
    )
    assert found == {
        "Turdus merula": ("same", ["Turdus merula"]),  # accepted, whatever synonym is spelt so
        "Merula  vulgaris": ("mapped", ["Turdus merula"]),
        "Oenanthe": ("ambiguous", ["Oenanthe (GBIF 3)", "Oenanthe (GBIF 4)"]),
        "Parus ater": ("split", ["Parus major", "Turdus merula"]),
        "Dubia avis": ("same", ["Dubia avis"]),
        "Nemo nemo": ("unmapped", []),
    }


def test_a_table_of_ones_own(tmp_path: Path) -> None:
    found = looked_up(PLAIN, "amsel", "Silbermöwe", tmp_path=tmp_path)
    assert found["amsel"] == ("mapped", ["Turdus merula"])
    assert found["Silbermöwe"] == ("split", ["Larus argentatus", "Larus smithsonianus"])


def test_events_and_species_are_renamed_and_counted(tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text(PLAIN)
    events = pl.DataFrame({"label": ["Amsel", "Amsel", "Elster", None]})
    recordings = pl.DataFrame({"recording": ["a", "b"], "species": ["Amsel", None]})
    renamed, told, report = rename_taxa(events, recordings, tmp_path / "own.csv")
    assert renamed["label"].to_list() == ["Turdus merula", "Turdus merula", "Elster", None]
    assert renamed["label_as_given"].to_list() == ["Amsel", "Amsel", "Elster", None]
    assert told["species"].to_list() == ["Turdus merula", None]
    assert report is not None
    assert report.select("label", "status", "events").rows() == [("Amsel", "mapped", 2), ("Elster", "unmapped", 1)]
    assert rename_taxa(events, recordings, None)[2] is None


def test_a_table_without_names_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    with pytest.raises(AnnotationError, match="no table of names that is known here; its columns: a, b"):
        map_names(["x"], tmp_path / "x.csv")
