from __future__ import annotations

from collections.abc import Callable

import pytest
import soundfile
from tests.corpus.conftest import write_sound

from tymbal.corpus import Corpus, Finding, index
from tymbal.corpus.auditing.columns import Grouping
from tymbal.corpus.auditing.confounds import confound_findings
from tymbal.corpus.auditing.listen import measures
from tymbal.corpus.auditing.view import make_view

Make = Callable[..., Corpus]


def look(corpus: Corpus, label: str, leaky: tuple[Grouping, ...] = ()) -> list[Finding]:
    return confound_findings(make_view(corpus, label, measures(corpus)[0]), leaky)


def test_format_and_label_together_are_an_error(make_corpus: Make) -> None:
    names = [f"{n:02d}.{'flac' if n % 2 else 'ogg'}" for n in range(20)]
    found = look(make_corpus({"recording": names, "kind": list("xy") * 10}), "kind")
    assert (found[0].code, found[0].severity) == ("confounded", "error")
    assert found[0].details["facts"] == ["container, codec"] or "container" in found[0].details["facts"][0]


def test_presence_of_events_is_a_label_too(make_corpus: Make) -> None:
    names = [f"{n:02d}.{'flac' if n < 8 else 'ogg'}" for n in range(20)]
    events = {"recording": names[:8], "onset_s": [0] * 8, "offset_s": [0.1] * 8, "label": ["owl"] * 8}
    found = look(make_corpus({"recording": names}, events), "label")
    assert found[0].severity == "error"
    assert found[0].message.startswith("presence of owl goes with container")


def test_level_is_noted_not_condemned(make_corpus: Make) -> None:
    names = [f"{n:02d}.wav" for n in range(20)]
    corpus = make_corpus({"recording": names, "kind": list("xy") * 10})
    for number, name in enumerate(names):
        write_sound(corpus.root / name, seed=number, seconds=0.3, gain=0.3 if number % 2 else 0.03)
    tables = corpus.path.parent / "metadata.csv"
    found = look(index(corpus.root, out=corpus.path, metadata=tables, workers=1), "kind")
    notes = [each for each in found if each.severity == "note"]
    assert "level_db" in notes[0].details["facts"]
    assert not [each for each in found if each.severity == "error"]


def test_nothing_is_found_where_nothing_is(make_corpus: Make) -> None:
    corpus = make_corpus({"recording": [f"{n:02d}.wav" for n in range(20)], "kind": list("xy") * 10})
    assert look(corpus, "kind") == []


def test_groups_are_the_units_where_labels_were_given_to_groups(make_corpus: Make) -> None:
    """Two groups per label and all of a group in one format: four units prove nothing, twenty recordings would."""
    names = [f"{n:02d}.{'flac' if n < 10 else 'ogg'}" for n in range(20)]
    corpus = make_corpus({"recording": names, "kind": ["x"] * 10 + ["y"] * 10})
    group = Grouping("visit", tuple(f"v{n // 5}" for n in range(20)), named=True)
    assert [each.severity for each in look(corpus, "kind") if "container" in each.message] == ["error"]
    assert look(corpus, "kind", (group,)) == []


def test_rates_are_facts_of_files(make_corpus: Make) -> None:
    names = [f"{n:02d}.wav" for n in range(20)]
    corpus = make_corpus({"recording": names, "kind": list("xy") * 10})
    for number, name in enumerate(names):
        if number % 2:
            samples, _ = soundfile.read(corpus.root / name)
            soundfile.write(corpus.root / name, samples, 11025)
    tables = corpus.path.parent / "metadata.csv"
    found = look(index(corpus.root, out=corpus.path, metadata=tables, workers=1), "kind")
    rate = next(each for each in found if "sample_rate_hz" in each.message)
    assert rate.severity == "error"
    assert rate.details["associations"][0]["strength"] == pytest.approx(1, abs=0.01)
