from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from tymbal.corpus import Corpus, make_split
from tymbal.corpus.corpus import frames_digest, portable_root, read_table, write_table
from tymbal.errors import CorpusError, DataError

Make = Callable[..., Corpus]
CLIPS = {"recording": ["a.wav", "b.wav", "c.wav"], "individual": ["x", "y", None], "site": ["S", "S", "T"]}


def test_what_is_no_corpus_is_said(tmp_path: Path, make_corpus: Make) -> None:
    with pytest.raises(CorpusError, match="not a corpus"):
        Corpus.open(tmp_path / "nowhere")
    corpus = make_corpus(CLIPS)
    head = corpus.path / "corpus.toml"
    text = head.read_text()
    head.write_text(text.replace("format = 1", "format = 9"))
    with pytest.raises(CorpusError, match=r"format 9 \(allowed: 1\)"):
        Corpus.open(corpus.path)
    head.write_text("= nonsense")
    with pytest.raises(CorpusError, match="damaged"):
        Corpus.open(corpus.path)


@pytest.mark.parametrize("name", ["recordings", "events", "coverage", "failures", "faults"])
def test_tables_that_do_not_fit_the_head_are_refused(make_corpus: Make, name: str) -> None:
    corpus = make_corpus(CLIPS)
    file = corpus.path / f"{name}.parquet"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    with pytest.raises(CorpusError, match=f"{name}.parquet is not the table"):
        Corpus.open(corpus.path)
    file.unlink()
    with pytest.raises(CorpusError, match=f"{name}.parquet is not the table"):
        Corpus.open(corpus.path)


def test_a_moved_root_is_named_and_can_be_overridden(make_corpus: Make, tmp_path: Path) -> None:
    corpus = make_corpus(CLIPS)
    shutil.move(tmp_path / "sounds", tmp_path / "away")
    with pytest.raises(CorpusError, match=r"sounds.*root=FOLDER"):
        Corpus.open(corpus.path)
    opened = Corpus.open(corpus.path, root=tmp_path / "away")
    assert opened.file("a.wav") == tmp_path / "away" / "a.wav"
    (tmp_path / "away" / "b.wav").unlink()
    with pytest.raises(CorpusError, match="not under"):
        opened.file("b.wav")
    with pytest.raises(CorpusError, match=r"no recording 'z\.wav'"):
        opened.file("z.wav")


def test_a_tree_that_moves_as_a_whole_stays_open(make_corpus: Make, tmp_path: Path) -> None:
    make_corpus(CLIPS)
    (tmp_path / "new").mkdir()
    shutil.move(tmp_path / "sounds", tmp_path / "new" / "sounds")
    shutil.move(tmp_path / "corpus", tmp_path / "new" / "corpus")
    assert Corpus.open(tmp_path / "new" / "corpus").file("a.wav").is_file()
    assert portable_root(tmp_path / "x" / "c", tmp_path / "y" / "s") == (tmp_path / "y" / "s").as_posix()


def test_examples_take_any_column_for_the_label(make_corpus: Make) -> None:
    events = {"recording": ["a.wav", "a.wav", "b.wav"], "onset_s": [0, 0.1, 0], "offset_s": [0.1, 0.2, 0.1]}
    corpus = make_corpus(CLIPS, {**events, "label": ["p", "q", "p"], "type": ["t", None, "u"]})
    assert corpus.examples()["label"].to_list() == ["p", "q", "p"]
    assert corpus.examples()["site"].to_list() == ["S", "S", "S"]
    assert corpus.examples("type").select("label", "onset_s").rows() == [("t", 0.0), ("u", 0.0)]
    whole = corpus.examples("individual")
    assert whole.select("event_id", "label", "onset_s").rows() == [("a.wav", "x", None), ("b.wav", "y", None)]
    make_split(corpus, "s", folds=3)
    both = corpus.examples("individual", scheme="s")
    assert both["group"].to_list() == ["a.wav", "b.wav"]
    assert both["fold"].null_count() == 0
    with pytest.raises(DataError, match=r"no column 'nope'.*individual"):
        corpus.examples("nope")


def test_the_digest_knows_content_and_nothing_else(make_corpus: Make, tmp_path: Path) -> None:
    corpus = make_corpus(CLIPS)
    before = corpus.digest
    rows = corpus.recordings
    corpus._tables["recordings"] = rows.with_columns(pl.lit(5).alias("mtime_ns"))
    assert corpus.digest == before
    corpus._tables["recordings"] = rows.with_columns(pl.lit("0" * 32).alias("content_hash"))
    assert corpus.digest != before
    corpus._tables["recordings"] = rows.with_columns(pl.lit("U").alias("site"))
    assert corpus.digest != before


def test_equal_tables_have_equal_bytes(tmp_path: Path) -> None:
    whole = pl.DataFrame({"a": list(range(5000)), "b": [f"x{n % 7}" for n in range(5000)]})
    parts = pl.concat([whole[:123], whole[123:]], rechunk=False)
    write_table(tmp_path / "one.parquet", whole)
    write_table(tmp_path / "two.parquet", parts)
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()
    assert frames_digest([whole]) == frames_digest([parts])
    (tmp_path / "one.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(CorpusError, match="cannot be read as Parquet"):
        read_table(tmp_path / "one.parquet")
