from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.corpus.conftest import write_csv, write_sound

from tymbal.corpus import Corpus, indexing, make_split, tally
from tymbal.corpus.indexing import index
from tymbal.errors import AnnotationError, InputPathError, NothingDoneError, UsageError
from tymbal.jobs import Shard, ShardOutcomes, only_writer


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    root = tmp_path / "sounds"
    for number in range(6):
        write_sound(root / f"site{number % 2}" / f"take{number}.{'WAV' if number % 3 else 'flac'}", seed=number)
    write_sound(root / "site1" / "take0.flac", seed=99)  # the same stem as site0/take0.flac
    return root


def files(corpus: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(corpus.glob("[!.]*")) if path.is_file()}


def test_paths_and_content_are_the_identity_never_the_stem(sounds: Path, tmp_path: Path) -> None:
    corpus = index(sounds, out=tmp_path / "c", workers=1)
    names = corpus.recordings["recording"].to_list()
    assert names == sorted(names)
    assert {"site0/take0.flac", "site1/take0.flac", "site1/take1.WAV"} <= set(names)
    assert corpus.recordings["content_hash"].n_unique() == 7
    assert corpus.recordings["sample_rate_hz"].unique().to_list() == [8000]
    assert corpus.file("site1/take0.flac") == sounds / "site1/take0.flac"
    assert corpus.changes is not None
    assert len(corpus.changes.added) == 7


def test_same_bytes_for_any_number_of_workers(sounds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (sounds / "bad.wav").write_bytes(b"RIFF nonsense")
    monkeypatch.setattr(indexing, "FEW", 0)
    monkeypatch.setattr(tally, "PER_SHARD", 2)
    index(sounds, out=tmp_path / "one", workers=1)
    index(sounds, out=tmp_path / "two", workers=2)
    assert files(tmp_path / "one") == files(tmp_path / "two")


def test_indexing_again_says_what_changed_and_equals_a_fresh_start(sounds: Path, tmp_path: Path) -> None:
    index(sounds, out=tmp_path / "c", workers=1)
    write_sound(sounds / "new.wav", seed=50)
    write_sound(sounds / "site0" / "take2.WAV", seed=51, seconds=0.7)
    (sounds / "site1" / "take3.flac").unlink()
    (sounds / "site1" / "take5.WAV").rename(sounds / "site1" / "moved.WAV")
    again = index(sounds, out=tmp_path / "c", workers=1)
    assert again.changes is not None
    assert again.changes.added == ("new.wav",)
    assert again.changes.changed == ("site0/take2.WAV",)
    assert again.changes.removed == ("site1/take3.flac",)
    assert again.changes.renamed == (("site1/take5.WAV", "site1/moved.WAV"),)
    assert again.changes.unchanged == 4
    index(sounds, out=tmp_path / "fresh", workers=1)
    assert files(tmp_path / "c") == files(tmp_path / "fresh")


def test_unchanged_files_are_not_read_again_unless_asked(
    sounds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index(sounds, out=tmp_path / "c", workers=1)
    read: list[str] = []
    real = indexing.Identify.__call__

    def counted(work: Any, item: Any) -> Any:
        read.append(item.name)
        return real(work, item)

    monkeypatch.setattr(indexing.Identify, "__call__", counted)
    index(sounds, out=tmp_path / "c", workers=1)
    assert read == []
    # The same size and time, other bytes: only a full reading can tell.
    path = sounds / "site1" / "take1.WAV"
    status, data = path.stat(), bytearray(path.read_bytes())
    data[-1] ^= 0xFF
    path.write_bytes(data)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert index(sounds, out=tmp_path / "c", workers=1).changes.changed == ()  # type: ignore[union-attr]
    fresh = index(sounds, out=tmp_path / "c", workers=1, resume=False)
    assert fresh.changes.changed == ("site1/take1.WAV",)  # type: ignore[union-attr]
    assert len(read) == 7


def test_a_killed_job_resumes_and_ends_with_the_same_bytes(
    sounds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tally, "PER_SHARD", 2)
    index(sounds, out=tmp_path / "whole", workers=1)
    saved: list[int] = []
    real = tally.Folder.save

    def dying(folder: Any, shard: Shard[Any], outcomes: ShardOutcomes[Any]) -> None:
        if len(saved) == 2:
            raise KeyboardInterrupt
        real(folder, shard, outcomes)
        saved.append(shard.index)

    monkeypatch.setattr(tally.Folder, "save", dying)
    with pytest.raises(KeyboardInterrupt):
        index(sounds, out=tmp_path / "c", workers=1)
    assert saved == [0, 1]
    monkeypatch.setattr(tally.Folder, "save", real)
    worked: list[str] = []
    real_call = indexing.Identify.__call__
    monkeypatch.setattr(indexing.Identify, "__call__", lambda w, item: worked.append(item.name) or real_call(w, item))
    index(sounds, out=tmp_path / "c", workers=1)
    assert len(worked) == 3  # of seven; two shards of two were kept
    assert files(tmp_path / "c") == files(tmp_path / "whole")


def test_broken_files_are_rows_and_the_rest_goes_on(sounds: Path, tmp_path: Path) -> None:
    (sounds / "broken.wav").write_bytes(b"not sound at all")
    (sounds / "empty.flac").write_bytes(b"")
    corpus = index(sounds, out=tmp_path / "c", workers=1)
    assert corpus.failures["item"].to_list() == ["broken.wav", "empty.flac"]
    assert all(name in message for name, message in corpus.failures.select("item", "message").iter_rows())
    assert corpus.recordings.height == 7


def test_nothing_found_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes.txt").write_text("x")
    with pytest.raises(NothingDoneError, match=r"no recording in this folder or below it \(1 other files\).*\.wav"):
        index(tmp_path / "empty", out=tmp_path / "c")
    (tmp_path / "empty" / "a.wav").write_bytes(b"RIFF")
    with pytest.raises(NothingDoneError, match="none of 1 recordings could be read"):
        index(tmp_path / "empty", out=tmp_path / "c", workers=1)
    with pytest.raises(InputPathError, match="no such folder"):
        index(tmp_path / "missing", out=tmp_path / "c")


def test_a_folder_with_other_things_is_not_taken_for_a_corpus(sounds: Path, tmp_path: Path) -> None:
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "thesis.docx").write_text("x")
    with pytest.raises(UsageError, match="holds other things"):
        index(sounds, out=tmp_path / "c")
    with pytest.raises(UsageError, match="this is a file"):
        index(sounds, out=tmp_path / "c" / "thesis.docx")


def test_events_of_recordings_that_are_not_there_are_listed(sounds: Path, tmp_path: Path) -> None:
    table = {
        "recording": ["site0/take0.flac", "gone.wav", "take0.flac", "take1.wav"],
        "onset_s": [0.1, 0.1, 0.1, 0.2],
        "offset_s": [0.2, 0.2, 0.2, 9.0],
        "label": ["a", "b", "c", "d"],
    }
    events = write_csv(tmp_path / "events.csv", table)
    corpus = index(sounds, out=tmp_path / "c", workers=1, annotations=events)
    assert corpus.events.select("recording", "label").rows() == [("site0/take0.flac", "a"), ("site1/take1.WAV", "d")]
    assert corpus.events["offset_s"].max() == pytest.approx(0.5)  # clipped to the recording
    codes = dict(corpus.faults.select("code", "message").iter_rows())
    assert "gone.wav" in codes["no_recording"]
    assert "2 recordings" in codes["ambiguous_recording"]
    assert "over_end" in codes
    with pytest.raises(AnnotationError, match="no such table"):
        index(sounds, out=tmp_path / "c", workers=1, annotations=tmp_path / "nope.csv")


def test_event_ids_survive_growth_and_splits_of_the_old_corpus_do_not(sounds: Path, tmp_path: Path) -> None:
    table = {"recording": ["site0/take0.flac"] * 2, "onset_s": [0.1, 0.1], "offset_s": [0.2, 0.2], "label": ["a", "a"]}
    events = write_csv(tmp_path / "events.csv", table)
    first = index(sounds, out=tmp_path / "c", workers=1, annotations=events)
    ids = first.events["event_id"].to_list()
    assert len(set(ids)) == 2
    make_split(first, "s", folds=2)
    same = index(sounds, out=tmp_path / "c", workers=1, annotations=events)
    assert same.schemes == ["s"]
    assert same.digest == first.digest
    write_sound(sounds / "a_new_one.wav", seed=77)
    grown = index(sounds, out=tmp_path / "c", workers=1, annotations=events)
    assert grown.events["event_id"].to_list() == ids
    assert grown.schemes == []
    assert grown.changes.splits_dropped == ("s",)  # type: ignore[union-attr]
    assert grown.digest != first.digest


def test_complete_means_annotated_recordings_and_no_others(sounds: Path, tmp_path: Path) -> None:
    table = {"recording": ["site0/take0.flac"], "onset_s": [0.1], "offset_s": [0.2], "label": ["a"]}
    events = write_csv(tmp_path / "events.csv", table)
    silent = index(sounds, out=tmp_path / "c", workers=1, annotations=events)
    assert silent.coverage.is_empty()
    assert silent.covered("site0/take0.flac", 0.0, 0.1) is None
    corpus = index(sounds, out=tmp_path / "c", workers=1, annotations=events, coverage="complete")
    assert corpus.covered("site0/take0.flac", 0.0, 0.5, label="a") is True
    assert corpus.covered("site1/take0.flac", 0.0, 0.1, label="a") is False
    assert corpus.covered_seconds() == pytest.approx(0.5)
    spans = {"recording": ["site1/take0.flac"], "onset_s": [None], "offset_s": [None]}
    with pytest.raises(AnnotationError, match="holds no coverage"):
        index(sounds, out=tmp_path / "c", workers=1, coverage=write_csv(tmp_path / "w.csv", spans))


def test_one_writer_at_a_time(sounds: Path, tmp_path: Path) -> None:
    with only_writer(tmp_path / "c"), pytest.raises(UsageError, match="another process is writing"):
        index(sounds, out=tmp_path / "c")
    assert index(sounds, out=tmp_path / "c").recordings.height == 7


def test_the_corpus_folder_may_lie_among_the_recordings(sounds: Path, tmp_path: Path) -> None:
    index(sounds, out=sounds / "corpus", workers=1)
    write_sound(sounds / "corpus" / "extra.wav")
    assert index(sounds, out=sounds / "corpus", workers=1).recordings.height == 7
    assert (sounds / "corpus" / "corpus.toml").read_text().count('root = ".."') == 1
    moved = tmp_path / "elsewhere"
    shutil.move(sounds, moved)
    assert Corpus.open(moved / "corpus").file("site0/take0.flac").is_file()


def test_names_that_no_table_can_hold_are_failures(sounds: Path, tmp_path: Path) -> None:
    try:
        shutil.copy(sounds / "site0" / "take0.flac", os.fsencode(sounds) + b"/bad\xff.flac")
    except OSError:
        pytest.skip("this file system refuses names that are not UTF-8")
    corpus = index(sounds, out=tmp_path / "c", workers=1)
    assert corpus.recordings.height == 7
    assert corpus.failures.height == 1
    assert "not valid UTF-8" in corpus.failures["message"][0]


def test_metadata_rides_along(sounds: Path, tmp_path: Path) -> None:
    one = write_csv(tmp_path / "m.csv", {"recording": ["site0/take0.flac", "nowhere.wav"], "lek": ["L1", "L2"]})
    corpus = index(sounds, out=tmp_path / "c", workers=1, metadata=one)
    assert corpus.recordings.filter(pl.col("lek") == "L1")["recording"].to_list() == ["site0/take0.flac"]
    assert corpus.faults["code"].to_list() == ["no_recording"]


class TestManifests:
    """Corpora of archives: labels, places, licences; what is missing is listed; taxa made one."""

    @pytest.fixture
    def archive(self, tmp_path: Path) -> Path:
        write_sound(tmp_path / "sounds" / "XC1-Amsel.wav", seed=1)
        write_sound(tmp_path / "sounds" / "XC2.wav", seed=2)
        write_sound(tmp_path / "sounds" / "mine.wav", seed=3)
        row = {"gen": "Turdus", "sp": "merula", "rec": "Ann", "loc": "Park", "lic": "cc-by-4.0", "length": "0:01"}
        rows = [
            {**row, "id": "1", "also": ["Parus ater"], "date": "2020-05-05", "time": "05:00"},
            {**row, "id": "2", "gen": "Mystery", "sp": "mystery", "also": [""], "loc": "Lake"},
            {**row, "id": "3", "also": []},
        ]
        (tmp_path / "xc.json").write_text(json.dumps({"recordings": rows}))
        (tmp_path / "taxa.csv").write_text("name,canonical\nTurdus merula,Amsel\nParus ater,A\nParus ater,B\n")
        return tmp_path

    def test_one_corpus(self, archive: Path) -> None:
        sounds, out = archive / "sounds", archive / "c"
        corpus = index(sounds, out=out, manifest=archive / "xc.json", taxonomy=archive / "taxa.csv")
        told = corpus.recordings.select("recording", "species", "site", "licence", "start_time", "start_time_source")
        assert told.rows() == [
            ("XC1-Amsel.wav", "Amsel", "Park", "CC-BY-4.0", "2020-05-05T05:00:00", "xeno-canto"),
            ("XC2.wav", None, "Lake", "CC-BY-4.0", None, None),
            ("mine.wav", None, None, None, None, None),
        ]
        events = corpus.events.select("recording", "label", "role", "label_as_given", "onset_s").rows()
        assert events == [
            ("XC1-Amsel.wav", "Amsel", "primary", "Turdus merula", None),
            ("XC1-Amsel.wav", "Parus ater", "background", "Parus ater", None),
        ]
        again = Corpus.open(out)
        assert again.absent["id"].to_list() == ["3"]
        assert again.taxa.select("label", "status").rows() == [("Parus ater", "split"), ("Turdus merula", "mapped")]
        assert corpus.manifests == (("xc.json", "xeno-canto", 2, 3),)
        assert {"identity_unknown", "not_on_disk", "not_in_manifest"} <= set(corpus.faults["code"])
        assert again.examples("species")["recording"].to_list() == ["XC1-Amsel.wav"]
        before = files(out)
        index(sounds, out=out, manifest=archive / "xc.json", taxonomy=archive / "taxa.csv")
        assert files(out) == before
        index(sounds, out=out)
        assert Corpus.open(out).absent.is_empty()
        assert Corpus.open(out).taxa.is_empty()

    def test_the_users_own_table_stands_over_the_archive(self, archive: Path) -> None:
        own = write_csv(
            archive / "own.csv", {"recording": ["XC1-Amsel.wav"], "site": ["Garden"], "species": ["Cuckoo"]}
        )
        corpus = index(archive / "sounds", out=archive / "c", manifest=archive / "xc.json", metadata=own)
        row = corpus.recordings.filter(recording="XC1-Amsel.wav").row(0, named=True)
        assert (row["site"], row["species"], row["recordist"]) == ("Garden", "Cuckoo", "Ann")
        assert "metadata_conflict" in set(corpus.faults["code"])

    def test_tables_of_nobody_are_refused_before_any_work(self, archive: Path) -> None:
        (archive / "x.csv").write_text("a,b\n1,2\n")
        with pytest.raises(AnnotationError, match="no manifest that is known here"):
            index(archive / "sounds", out=archive / "c", manifest=archive / "x.csv")
        with pytest.raises(AnnotationError, match="no table of names"):
            index(archive / "sounds", out=archive / "c", taxonomy=archive / "x.csv")
        assert not (archive / "c").exists()
