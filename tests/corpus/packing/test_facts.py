from __future__ import annotations

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from tymbal.annotations import make_events
from tymbal.corpus import Corpus
from tymbal.corpus.packing.facts import counted, grouped_by, overlap_ratio, overlapping_pairs

TIMES = st.integers(0, 12)


@given(st.lists(st.tuples(TIMES, TIMES, st.sampled_from("ab"), st.sampled_from([1, 2])), max_size=14))
def test_pairs_are_those_found_one_by_one(rows: list[tuple[int, int, str, int]]) -> None:
    spans = [(min(a, b) / 10, (max(a, b) + 1) / 10, name, channel) for a, b, name, channel in rows]
    slow = sum(
        one[2:] == other[2:] and one[0] < other[1] - 1e-6 and other[0] < one[1] - 1e-6
        for at, one in enumerate(spans)
        for other in spans[:at]
    )
    columns = ("onset_s", "offset_s", "recording", "channel")
    kinds = [pl.Float64, pl.Float64, pl.String, pl.Int32]
    events = make_events(pl.DataFrame(spans, schema=dict(zip(columns, kinds, strict=True)), orient="row"))
    assert overlapping_pairs(events) == slow
    assert overlap_ratio(events) == (slow / len(spans) if spans else None)


def test_counts_by_label_and_by_what_recordings_share(corpus: Corpus) -> None:
    tables = {"recordings": corpus.recordings, "events": corpus.events, "splits": corpus.splits}
    found = dict(counted(tables, "label"))
    assert [(row[0], row[1], row[3]) for row in found["label"]] == [
        ("song", "2", "2"),
        ("call", "1", "1"),
        ("song; long", "1", "1"),
    ]
    assert [(row[0], row[1], row[3]) for row in found["site"]] == [("pond", "2", "3"), ("wood", "2", "1")]
    assert grouped_by(tables, "places") == "site"
    assert grouped_by(tables, "shares") == "individual"
