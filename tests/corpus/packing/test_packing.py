from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from tests.corpus.conftest import write_sound

from tymbal.annotations import make_coverage, make_events, read_events
from tymbal.corpus import Corpus, index
from tymbal.corpus.corpus import write_head, write_table
from tymbal.corpus.packing import Terms, pack, packing, read_packed
from tymbal.corpus.packing.sound import PackSound
from tymbal.errors import DataError, NothingDoneError, UsageError

OPEN = Terms("CC0")
LOCAL = ("mtime_ns",)


def assert_same(packed: Corpus, corpus: Corpus) -> None:
    for name in ("events", "coverage", "splits"):
        assert_frame_equal(getattr(packed, name), getattr(corpus, name))
    assert_frame_equal(packed.recordings.drop(LOCAL), corpus.recordings.drop(LOCAL))
    assert packed.digest == corpus.digest


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_it_reads_back_equal(corpus: Corpus, tmp_path: Path) -> None:
    packed = pack(corpus, tmp_path / "ds", terms=OPEN)
    assert packed.failures == ()
    assert_same(read_packed(tmp_path / "ds"), corpus)
    moved = tmp_path / "elsewhere" / "ds"
    shutil.move(tmp_path / "ds", moved)
    assert_same(read_packed(moved), corpus)
    assert str(tmp_path) not in "".join(path.read_text("utf-8") for path in moved.rglob("*.*") if path.suffix == ".csv")
    assert not list(moved.glob(".*"))


def test_its_open_tables_alone_make_the_corpus_again(corpus: Corpus, tmp_path: Path) -> None:
    pack(corpus, tmp_path / "ds", terms=OPEN, audited=False)
    ds = tmp_path / "ds"
    again = index(
        ds / "audio",
        out=tmp_path / "again",
        annotations=ds / "events.csv",
        metadata=ds / "recordings.csv",
        coverage=ds / "coverage.csv",
    )
    assert_frame_equal(again.events.drop("source"), corpus.events.drop("source"))
    assert_frame_equal(again.coverage, corpus.coverage)
    theirs = [name for name in corpus.recordings.columns if name not in LOCAL]
    assert_frame_equal(again.recordings.select(theirs), corpus.recordings.select(theirs))
    splits = pl.read_csv(ds / "splits.csv", schema=corpus.splits.schema)
    assert_frame_equal(splits, corpus.splits)


def test_flac_changes_names_and_nothing_else(corpus: Corpus, tmp_path: Path) -> None:
    packed = pack(corpus, tmp_path / "ds", audio="flac", terms=OPEN, audited=False)
    assert packed.renamed == {
        "a/one.wav": "a/one.flac",
        "a/two.wav": "a/two.flac",
        "b/three.wav": "b/three.flac",
    }
    found = read_packed(tmp_path / "ds")
    assert found.recordings["container"].unique().to_list() == ["FLAC"]
    back = {new: old for old, new in packed.renamed.items()}
    for name in ("events", "coverage"):
        table = (
            getattr(found, name).with_columns(pl.col("recording").replace(back)).sort("recording", maintain_order=True)
        )
        assert_frame_equal(table, getattr(corpus, name))
    assert found.folds("places")["group"].to_list() == corpus.folds("places")["group"].to_list()
    for name in found.recordings["recording"]:
        assert found.file(name).is_file()


def test_names_that_hold_the_folder_already_are_not_put_into_another(tmp_path: Path) -> None:
    write_sound(tmp_path / "s/audio/a.wav")
    corpus = index(tmp_path / "s", out=tmp_path / "corpus")
    pack(corpus, tmp_path / "ds", terms=OPEN)
    assert (tmp_path / "ds/audio/a.wav").is_file()
    assert_same(read_packed(tmp_path / "ds"), corpus)


def test_without_licences_it_stops_and_names_them(corpus: Corpus, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"1 of 4 recordings have no licence to publish them under: a/two\.wav"):
        pack(corpus, tmp_path / "ds")
    assert not (tmp_path / "ds").exists()
    packed = pack(corpus, tmp_path / "ds", allow_unlicensed=True, audited=False)
    assert packed.unlicensed == ("a/two.wav",)
    assert "Not to be published" in (tmp_path / "ds/DATASHEET.md").read_text("utf-8")


def test_a_bad_file_is_listed_and_the_rest_goes_on(corpus: Corpus, tmp_path: Path) -> None:
    write_sound(corpus.root / "a/one.wav", seed=99)
    (corpus.root / "b/three.wav").unlink()
    packed = pack(corpus, tmp_path / "ds", terms=OPEN, audited=False)
    assert [failure.item for failure in packed.failures] == ["a/one.wav", "b/three.wav"]
    assert packed.corpus.recordings["recording"].to_list() == ["a/two.wav", "b/one.flac"]
    assert packed.corpus.events["recording"].to_list() == ["a/two.wav"]
    assert set(packed.corpus.splits["recording"]) == {"a/two.wav", "b/one.flac"}
    assert packed.corpus.failures["item"].to_list() == ["a/one.wav", "b/three.wav"]
    assert str(tmp_path) not in str(packed.corpus.failures.rows())
    write_sound(corpus.root / "a/one.wav", seed=0, seconds=0.4)  # mended: the same command takes it in
    write_sound(corpus.root / "b/three.wav", seed=3, seconds=0.4)
    assert_same(pack(corpus, tmp_path / "ds", terms=OPEN, audited=False).corpus, corpus)


def test_nothing_to_pack_is_an_error(corpus: Corpus, tmp_path: Path) -> None:
    shutil.rmtree(corpus.root)
    corpus.root.mkdir()
    with pytest.raises(NothingDoneError, match="no recording could be packed"):
        pack(corpus, tmp_path / "ds", terms=OPEN)


def test_it_never_writes_over_other_things(corpus: Corpus, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/events.csv").write_text("mine")
    for place in (tmp_path / "mine", corpus.path, corpus.root, corpus.root / "in"):
        with pytest.raises(UsageError):
            pack(corpus, place, terms=OPEN)
    assert files(tmp_path / "mine") == {"events.csv": b"mine"}
    pack(corpus, tmp_path / "ds", terms=OPEN, audited=False)
    before = files(tmp_path / "ds")
    with pytest.raises(UsageError, match="of another corpus, splits or settings"):
        pack(corpus, tmp_path / "ds", terms=Terms("CC-BY-4.0"), audited=False)
    assert pack(corpus, tmp_path / "ds", terms=OPEN, audited=False).resumed
    assert files(tmp_path / "ds") == before


def test_killed_and_resumed_it_ends_with_the_same_bytes(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack(corpus, tmp_path / "whole", terms=OPEN, title="t", audited=False)
    real = PackSound.__call__

    def killed(self: PackSound, item: Any) -> Any:
        if item.name.startswith("b"):
            raise KeyboardInterrupt
        return real(self, item)

    for owner, name, broken in (
        (PackSound, "__call__", killed),
        (packing, "write_raven", _interrupted),
        (packing, "datasheet", _interrupted),
        (packing, "write_head", _interrupted),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, broken)
            with pytest.raises(KeyboardInterrupt):
                pack(corpus, tmp_path / "ds", terms=OPEN, title="t", audited=False)
        assert not (tmp_path / "ds/corpus.toml").exists()
    pack(corpus, tmp_path / "ds", terms=OPEN, title="t", audited=False)
    assert files(tmp_path / "ds") == files(tmp_path / "whole")


def _interrupted(*_: Any, **__: Any) -> None:
    raise KeyboardInterrupt


TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=6).filter(lambda t: t == t.strip())
NUMBER = st.floats(0, 0.25, allow_nan=False)
EVENT = st.tuples(st.sampled_from([0, 1]), NUMBER, NUMBER, st.none() | TEXT, st.none() | TEXT, st.none() | NUMBER)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(EVENT, max_size=5), st.lists(st.tuples(NUMBER, st.none() | st.just(["x", "y z"])), max_size=3))
def test_whatever_the_tables_hold_comes_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Any], spans: list[Any]
) -> None:
    folder = tmp_path_factory.mktemp("pack")
    names = [write_sound(folder / f"s/{name}.wav", seconds=0.3).name for name in "ab"]
    corpus = index(folder / "s", out=folder / "c")
    events = make_events(
        pl.DataFrame(
            {
                "event_id": [f"id{at}" for at in range(len(rows))],
                "recording": [names[row[0]] for row in rows],
                "onset_s": [min(row[1:3]) for row in rows],
                "offset_s": [max(row[1:3]) for row in rows],
                "label": [row[3] for row in rows],
                "extra": [row[4] for row in rows],
                "score": [row[5] for row in rows],
            },
            schema_overrides={"label": pl.String, "extra": pl.String, "score": pl.Float64, "recording": pl.String},
        )
    ).sort("recording", maintain_order=True)
    starts = {
        "recording": [names[0]] * len(spans),
        "start_s": [s for s, _ in spans],
        "labels": [each for _, each in spans],
    }
    coverage = make_coverage(pl.DataFrame(starts, schema_overrides={"labels": pl.List(pl.String)}))
    for name, table in (("events", events), ("coverage", coverage)):
        write_table(corpus.path / f"{name}.parquet", table)
    write_head(corpus.path, corpus.root, {})
    corpus = Corpus.open(corpus.path)
    packed = pack(corpus, folder / "ds", terms=OPEN, audited=False).corpus
    assert_same(packed, corpus)
    if rows:
        plain = read_events(folder / "ds/events.csv").events
        wanted = ["event_id", "onset_s", "offset_s", "label", "extra", "score"]
        assert_frame_equal(plain.select(wanted), events.select(wanted).with_columns(pl.col("extra").fill_null("")))
