from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tymbal.corpus import Corpus
from tymbal.corpus.auditing.listen import measures
from tymbal.corpus.auditing.view import facts, make_view

Make = Callable[..., Corpus]
EVENTS = {
    "recording": ["a.wav", "a.wav", "b.wav", "c.flac"],
    "onset_s": [0, 0.1, 0, 0],
    "offset_s": [0.1, 0.2, 0.1, 0.1],
    "label": ["owl", "frog", "owl", "frog"],
    "observer": ["x", "x", "y", ""],
}
CLIPS = {"recording": ["a.wav", "b.wav", "c.flac", "d.flac"], "site": ["S", "S", "T", "T"], "species": list("ppqq")}


def test_labels_of_recordings_and_presence_of_events(make_corpus: Make) -> None:
    corpus = make_corpus(CLIPS, EVENTS)
    view = make_view(corpus, "label", measures(corpus)[0])
    assert view.label == [None, "owl", "frog", None]
    assert not view.single
    assert {name: found.tolist() for name, found in view.presence.items()} == {
        "frog": [1, 0, 1, 0],
        "owl": [1, 1, 0, 0],
    }
    assert view.table["observer"].to_list()[:2] == ["x", "y"]  # rides on recordings where their events agree
    assert view.features().shape == (4, 72)
    assert np.isfinite(view.features()).all()
    assert (view.title, view.of) == ("the label", "")


def test_one_label_per_recording(make_corpus: Make) -> None:
    corpus = make_corpus(CLIPS)
    view = make_view(corpus, "species", measures(corpus)[0])
    assert view.single
    assert view.label == ["p", "p", "q", "q"]
    assert view.presence == {}
    assert (view.title, view.of) == ("label 'species'", " of 'species'")


def test_facts_name_equal_partitions_once(make_corpus: Make) -> None:
    corpus = make_corpus(CLIPS)
    view = make_view(corpus, "species", measures(corpus)[0])
    names = [fact.name for fact in facts(view)]
    assert names[0] == "container, site"  # WAV at S, FLAC at T: the same lines are drawn
    assert "sample_rate_hz" not in names  # the same everywhere
    assert {"level_db", "peak_db", "offset"} <= set(names)


def test_recordings_that_could_not_be_heard_have_no_features(make_corpus: Make) -> None:
    corpus = make_corpus(CLIPS)
    view = make_view(corpus, "species", measures(corpus)[0][1:])
    assert np.isnan(view.features()[0]).all()
    assert np.isfinite(view.features()[1:]).all()
