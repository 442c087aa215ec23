from __future__ import annotations

import polars as pl

from tymbal.corpus import Corpus, Finding
from tymbal.corpus.packing.datasheet import FILL, datasheet
from tymbal.corpus.packing.licences import Terms, licences
from tymbal.corpus.tables import FAILURES


def tables(corpus: Corpus) -> dict[str, pl.DataFrame]:
    names = ("recordings", "events", "coverage", "splits", "failures", "faults")
    return {name: getattr(corpus, name) for name in names}


def test_it_states_what_the_tables_say_and_asks_for_the_rest(corpus: Corpus) -> None:
    found = [Finding("x", "warning", "a | b"), Finding("y", "note", "something <else>")]
    page = datasheet("Ponds", tables(corpus), licences(corpus.recordings, Terms("CC0")), findings=found, label="label")
    assert page.startswith("# Ponds\n")
    for said in (
        "4 recordings, 1.6 s",
        "| song | 2 |",
        "| wood | 2 |",
        "1 pairs of events share time, 0.250 per event",
        "`places`: grouped by site, none of which is in two folds.",
        "`shares`: grouped by individual, none of which is in two folds.",
        '| CC-BY-NC-4.0 | 1 | C "D" E |',
        "Dates: unknown",
        "warning: a \\| b",
        "note: something &lt;else>",
    ):
        assert said in page, said
    assert page.count(FILL) >= 5
    assert "Not to be published" not in page


def test_what_is_missing_is_said(corpus: Corpus) -> None:
    lost = tables(corpus)
    lost["coverage"] = lost["coverage"].clear()
    lost["splits"] = lost["splits"].clear()
    lost["failures"] = pl.DataFrame([("a/four.wav", "AudioError", "gone", "")], schema=FAILURES, orient="row")
    page = datasheet("Ponds", lost, licences(corpus.recordings, Terms()), findings=None)
    for said in (
        "Coverage: none is known",
        "None is given.",
        "**Not to be published**: 1 recordings have no licence (a/two.wav).",
        "1 recordings could not be packed, their events are left out: a/four.wav.",
        "was not run",
    ):
        assert said in page, said
