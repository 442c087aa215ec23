"""iNaturalist's export: an observation is no sound, and no licence means all rights."""

from __future__ import annotations

from pathlib import Path

from tymbal.corpus.manifests.base import Notes
from tymbal.corpus.manifests.inaturalist import READER
from tymbal.corpus.manifests.registry import find_reader

TABLE = '''\
id,uuid,observed_on,time_observed_at,user_login,user_name,quality_grade,license,url,image_url,sound_url,description,\
captive_cultivated,place_guess,latitude,longitude,positional_accuracy,coordinates_obscured,scientific_name,common_name,\
iconic_taxon_name,taxon_id
101,a,2024-01-15,2024-01-15 14:30:00 UTC,ann,Ann B,research,CC-BY-NC,https://x/101,,\
https://static.inaturalist.org/sounds/55.m4a?123,"two
lines, and ""quotes""",false,Park,40.7,-73.9,10,false,Cardinalis cardinalis,Northern Cardinal,Aves,9083
102,b,2024-01-16,2024-01-16 10:30:00 +0100,bob,,casual,,https://x/102,,\
https://static.inaturalist.org/sounds/56.wav,,true,Zoo,,,,true,Anura,Frogs,Amphibia,20979
103,c,2024-01-17,,cy,,needs_id,CC0,https://x/103,https://p/1.jpg,,,false,,1,2,,false,,,,
'''


def test_fields_traps_and_notes(tmp_path: Path) -> None:
    path = tmp_path / "observations-1.csv"
    path.write_text(TABLE)
    assert find_reader(path) is READER
    notes = Notes()
    cardinal, frog, photo = READER.read(path, notes)
    assert (cardinal.id, cardinal.files) == ("101", ("55.m4a",))
    assert [(each.label, each.certainty) for each in cardinal.heard] == [("Cardinalis cardinalis", "research")]
    assert cardinal.facts["start_time"] == "2024-01-15T14:30:00+00:00"
    assert (cardinal.facts["licence"], cardinal.facts["licence_of"]) == ("CC-BY-NC", "observation")
    assert cardinal.facts["recordist"] == "Ann B"
    assert (frog.facts["licence"], frog.facts["captive"]) == ("all rights reserved", "true")
    assert (frog.facts["start_time"], frog.facts["recordist"]) == ("2024-01-16T10:30:00+01:00", "bob")
    assert (frog.facts["latitude"], frog.facts["coordinates_obscured"]) == (None, "true")
    assert (photo.expected, photo.heard) == (False, ())  # an observation of a picture misses no sound
    assert notes.counts == {"captive": 1}


def test_files_may_be_called_by_the_observation() -> None:
    for stem in ("101", "101_2", "inat101", "obs-101"):
        assert READER.ids(stem) == ("101",)
