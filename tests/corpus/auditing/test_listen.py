from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.corpus.conftest import write_sound

from tymbal.corpus import Corpus, index
from tymbal.corpus.auditing.listen import KEPT, measures
from tymbal.corpus.auditing.measure import Measure


def test_each_content_is_heard_once_and_kept(
    make_corpus: Callable[..., Corpus], monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = make_corpus({"recording": ["a.wav", "b.wav"]})
    (corpus.root / "copy.wav").write_bytes((corpus.root / "a.wav").read_bytes())
    corpus = index(corpus.root, out=corpus.path, workers=1)
    heard: list[str] = []
    real = Measure.__call__

    def counted(work: Any, item: Any) -> Any:
        heard.append(item.name)
        return real(work, item)

    monkeypatch.setattr(Measure, "__call__", counted)
    table, failures = measures(corpus)
    assert table["recording"].to_list() == ["a.wav", "b.wav", "copy.wav"]
    assert heard == ["a.wav", "b.wav"]
    assert failures == []
    kept = (corpus.path / KEPT).read_bytes()
    again, _ = measures(corpus)
    assert again.equals(table)
    assert len(heard) == 2
    (corpus.path / KEPT).unlink()
    measures(corpus)
    assert (corpus.path / KEPT).read_bytes() == kept
    write_sound(corpus.root / "c.wav", seed=9)
    measures(index(corpus.root, out=corpus.path, workers=1))
    assert heard[4:] == ["c.wav"]
    assert Corpus.open(corpus.path).recordings.height == 4


def test_what_cannot_be_heard_is_a_failure(make_corpus: Callable[..., Corpus]) -> None:
    corpus = make_corpus({"recording": ["a.wav", "b.wav"]})
    (corpus.root / "b.wav").write_bytes(b"gone bad after indexing")
    table, failures = measures(corpus)
    assert table["recording"].to_list() == ["a.wav"]
    assert [failure.item for failure in failures] == ["b.wav"]
