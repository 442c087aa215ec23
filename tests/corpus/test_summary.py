from __future__ import annotations

from collections.abc import Callable

from tymbal.corpus import Corpus, summary


def test_numbers_of_a_corpus(make_corpus: Callable[..., Corpus]) -> None:
    events = {"recording": ["a.wav", "a.wav"], "onset_s": [0, 0.1], "offset_s": [0.1, 0.2], "label": ["p", "q"]}
    corpus = make_corpus({"recording": ["a.wav", "b.flac"], "site": ["S", "T"]}, events, coverage="complete")
    found = summary(corpus)
    assert found["recordings"] == 2
    assert found["hours"] == round(0.6 / 3600, 4)
    assert found["sample_rates_hz"] == {"8000": 2}
    assert set(found["formats"]) == {"WAV PCM_16", "FLAC PCM_16"}
    assert (found["events"], found["events_with_times"], found["recordings_with_events"]) == (2, 2, 1)
    assert found["labels"] == {"p": 1, "q": 1}
    assert found["coverage_hours"] == round(0.3 / 3600, 4)
    assert summary(corpus, "site")["labels"] == {"S": 1, "T": 1}
    assert summary(make_corpus({"recording": ["a.wav"]}))["coverage_hours"] is None
