from __future__ import annotations

import polars as pl

from tymbal.corpus.packing.licences import Terms, licences, unlicensed


def test_each_recording_has_its_own_and_the_rest_what_was_told() -> None:
    table = pl.DataFrame(
        {
            "recording": ["a", "b", "c"],
            "licence": ["CC BY-NC 4.0", " ", None],
            "license": [None, "all rights reserved", None],
            "recordist": ["Ann", None, None],
            "source_url": [None, "https://x.org/b", None],
        }
    )
    found = licences(table, Terms("CC0", "Team", "https://team.org"))
    assert found.rows() == [
        ("a", "CC-BY-NC-4.0", "Ann", "https://team.org", "licence"),
        ("b", "all rights reserved", "Team", "https://x.org/b", "license"),
        ("c", "CC0", "Team", "https://team.org", "when packing"),
    ]
    assert unlicensed(found) == ["b"]
    assert unlicensed(licences(table, Terms())) == ["b", "c"]
