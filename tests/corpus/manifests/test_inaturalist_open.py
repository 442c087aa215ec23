"""iNaturalist's open data: taxa and observers come from the tables beside it."""

from __future__ import annotations

import gzip
from pathlib import Path

from tymbal.corpus.manifests.base import Notes
from tymbal.corpus.manifests.inaturalist_open import READER
from tymbal.corpus.manifests.registry import find_reader

UUIDS = [f"c075c500-b566-44aa-847c-95da8fb8b3c{number}" for number in range(3)]


def test_taxa_by_number_quotes_as_they_stand(tmp_path: Path) -> None:
    columns = ("observation_uuid", "observer_id", "latitude", "longitude", "positional_accuracy", "taxon_id")
    header = "\t".join((*columns, "quality_grade", "observed_on")) + "\n"
    cells = [("7", "12716", "research"), ("8", "999", "needs_id"), ("8", "", "casual")]
    rows = [
        f"{uuid}\t{who}\t1.5\t2.5\t\t{taxon}\t{grade}\t2020-05-05\n"
        for uuid, (who, taxon, grade) in zip(UUIDS, cells, strict=True)
    ]
    path = tmp_path / "observations.csv.gz"
    path.write_bytes(gzip.compress((header + "".join(rows)).encode()))
    (tmp_path / "taxa.csv").write_text(
        "taxon_id\tancestry\trank_level\trank\tname\tactive\n12716\t1/2\t10\tspecies\tTurdus merula\tt\n"
    )
    (tmp_path / "observers.csv").write_text('observer_id\tlogin\tname\n7\tann\tAnn "Owl\n')
    assert find_reader(path) is READER
    notes = Notes()
    known, lost, none = READER.read(path, notes)
    assert (known.id, known.facts["recordist"], known.facts["taxon_rank"]) == (UUIDS[0], 'Ann "Owl', "species")
    assert [(each.label, each.certainty) for each in known.heard] == [("Turdus merula", "research")]
    assert [each.label for each in lost.heard] == ["taxon 999"]
    assert none.heard == ()
    assert not known.expected
    assert notes.counts == {"no_taxon": 1, "identity_unknown": 1}
    assert READER.ids(f"{UUIDS[0]}_1") == (UUIDS[0],)
    assert READER.ids("take1") == ()
