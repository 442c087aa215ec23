from __future__ import annotations

from collections.abc import Callable

from tymbal.corpus import Corpus, Finding
from tymbal.corpus.auditing.classes import class_findings
from tymbal.corpus.auditing.listen import measures
from tymbal.corpus.auditing.view import make_view

Make = Callable[..., Corpus]


def look(corpus: Corpus, label: str) -> dict[str, Finding]:
    return {each.code: each for each in class_findings(make_view(corpus, label, measures(corpus)[0]))}


def test_one_recording_per_label_is_an_error(make_corpus: Make) -> None:
    clips = {"recording": ["a.wav", "b.wav"], "kind": ["x", "y"], "site": ["S", "T"]}
    found = look(make_corpus(clips), "kind")
    assert set(found) == {"one_recording_per_label"}  # and no word of sites, which add nothing
    assert found["one_recording_per_label"].severity == "error"


def test_one_lek_per_type_is_found_and_one_of_several_noted(make_corpus: Make) -> None:
    clips = {
        "recording": [f"{n}.wav" for n in range(12)],
        "kind": [kind for kind in "xyz" for _ in range(4)],
        "lek": ["A"] * 8 + ["B"] * 4,
        "date": ["mon", "tue"] * 4 + ["wed"] * 4,
    }
    found = look(make_corpus(clips), "kind")
    assert found["one_unit_per_label"].details == {"column": "lek", "labels": ["x", "y", "z"], "units": 2}
    assert found["label_in_one_unit"].details["labels"] == ["z"]
    assert found["few_recordings"].details["labels"] == ["x", "y", "z"]


def test_rare_labels_and_shared_recordings(make_corpus: Make) -> None:
    clips = {"recording": ["a.wav", "b.wav", "c.wav"], "site": ["S", "S", "S"]}
    events = {
        "recording": ["a.wav", "a.wav", "b.wav", "c.wav"],
        "onset_s": [0, 0.1, 0, 0],
        "offset_s": [0.1, 0.2, 0.1, 0.1],
        "label": ["owl", "frog", "owl", "owl"],
    }
    found = look(make_corpus(clips, events), "label")
    assert found["label_in_one_recording"].details["labels"] == ["frog"]
    assert found["examples_share_recordings"].details == {"recordings": 3, "with_several": 1, "expected_torn": 0.8}


def test_one_class_is_said(make_corpus: Make) -> None:
    assert set(look(make_corpus({"recording": ["a.wav", "b.wav"], "kind": ["x", "x"]}), "kind")) == {"one_class"}


def test_a_sound_set_is_silent(make_corpus: Make) -> None:
    clips = {"recording": [f"{n}.wav" for n in range(12)], "kind": list("xy") * 6, "site": list("SSTTUU") * 2}
    assert look(make_corpus(clips), "kind") == {}
