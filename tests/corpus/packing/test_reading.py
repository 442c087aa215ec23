from __future__ import annotations

from pathlib import Path

import pytest

from tymbal.corpus import Corpus
from tymbal.corpus.packing import Terms, pack, read_packed
from tymbal.errors import CorpusError


@pytest.fixture
def dataset(corpus: Corpus, tmp_path: Path) -> Path:
    pack(corpus, tmp_path / "ds", terms=Terms("CC0"), audited=False)
    return tmp_path / "ds"


def test_files_that_are_gone_or_changed_are_named(dataset: Path) -> None:
    read_packed(dataset)
    (dataset / "audio/a/one.wav").unlink()
    with (dataset / "events.csv").open("a") as file:
        file.write("x\n")
    with pytest.raises(
        CorpusError, match=r"1 are missing \(audio/a/one.wav\) and 1 are not what was packed \(events.csv"
    ):
        read_packed(dataset)
    assert read_packed(dataset, verify=False).recordings.height == 4


def test_a_corpus_that_was_not_packed_is_told(corpus: Corpus) -> None:
    with pytest.raises(CorpusError, match=r"no checksums\.sha256 here"):
        read_packed(corpus.path)
