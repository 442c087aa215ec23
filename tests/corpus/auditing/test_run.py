"""The audit on real recordings: what must be found without a hint, and what must not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tymbal.corpus import Corpus, Finding, audit, index, make_split
from tymbal.errors import CorpusError, DataError

Data = Callable[[str], Path]


def look(folder: Path, out: Path, label: str, **tables: str) -> tuple[Corpus, dict[str, list[Finding]]]:
    given = {name: folder / file for name, file in tables.items()}
    corpus = index(folder, out=out, label=label, workers=1, **given)  # type: ignore[arg-type]
    return corpus, by_code(audit(corpus, label=label, workers=1))


def by_code(findings: list[Finding]) -> dict[str, list[Finding]]:
    found: dict[str, list[Finding]] = {}
    for each in findings:
        found.setdefault(each.code, []).append(each)
    return found


def test_boobook_presence_is_told_by_the_codec(data: Data, tmp_path: Path) -> None:
    owls = data("boobook_owl")
    _, found = look(owls, tmp_path / "c", "label", annotations="annotations.csv", metadata="recordings.csv")
    worst = found["confounded"][0]
    assert worst.severity == "error"
    assert worst.message.startswith("presence of boobook goes with container, codec (1.00 of 1")
    assert "not_boobook" not in worst.message


def test_bats_have_one_recording_per_species(data: Data, tmp_path: Path) -> None:
    bats = data("bats_neotropical")
    _, found = look(bats, tmp_path / "c", "label", annotations="annotations.csv", metadata="recordings.csv")
    assert [each.severity for each in found["one_recording_per_label"]] == ["error"]
    assert len(found["one_recording_per_label"][0].details["labels"]) == 5


def test_hermits_have_each_song_type_in_one_lek(data: Data, tmp_path: Path) -> None:
    _, found = look(data("hermit_hummingbirds"), tmp_path / "c", "song_type", metadata="clips.csv")
    lek = found["one_unit_per_label"][0]
    assert lek.details["column"] == "lek"
    assert (len(lek.details["labels"]), lek.details["units"]) == (10, 7)


def test_cats_leak_by_session_and_a_random_split_is_called_leaky(data: Data, tmp_path: Path) -> None:
    corpus, found = look(data("cat_meows"), tmp_path / "c", "individual", metadata="clips.csv")
    leaks = found["random_split_leaks"]
    assert [each.details["column"] for each in leaks] == ["individual+context+session"]
    numbers = leaks[0].details
    assert numbers["grouped"] < numbers["expected"] - 0.1 < numbers["random"]
    assert numbers["p"] == pytest.approx(0.002)
    assert found["near_duplicates"][0].details["pairs"][0]["likeness"] > 0.9
    make_split(corpus, "random", by="event", folds=5, stratify="individual")
    leaky = by_code(audit(corpus, label="individual", split="random"))
    assert leaky["split_tears_groups"][0].severity == "error"
    assert "near_duplicates_across_folds" in leaky
    make_split(corpus, "session", by="individual+context+session", folds=5, stratify="individual")
    sound = by_code(audit(corpus, label="individual", split="session"))
    assert not [each for group in sound.values() for each in group if each.severity == "error"]
    assert sound["random_split_leaks"][0].severity == "note"


def test_a_corpus_without_labels_is_searched_for_copies_only(data: Data, tmp_path: Path) -> None:
    corpus = index(data("frog_presence"), out=tmp_path / "c", workers=1)
    assert audit(corpus, workers=1) == []
    with pytest.raises(DataError, match="no column 'species'"):
        audit(corpus, label="species")
    with pytest.raises(CorpusError, match="no split"):
        audit(corpus, split="folds")


def test_excerpts_that_overlap_are_found_in_a_published_set(data: Data, tmp_path: Path) -> None:
    """Three pairs of the FASD13 excerpts share half a minute of sound (docs/studies/audit.md)."""
    corpus = index(data("fasd13_fewshot"), out=tmp_path / "c", workers=1)
    found = by_code(audit(corpus, workers=1))
    pairs = {(pair["first"], pair["second"]) for pair in found["near_duplicates"][0].details["pairs"]}
    assert pairs == {(f"audio/{name}_0.flac", f"audio/{name}_1.flac") for name in ("AS", "HA", "RW")}


@pytest.mark.full
def test_esc50_leaks_by_source_and_its_published_folds_tear_two(data: Data, tmp_path: Path) -> None:
    corpus, found = look(data("esc50_subset"), tmp_path / "c", "label", metadata="clips.csv")
    assert [each.details["column"] for each in found["random_split_leaks"]] == ["src_file"]
    make_split(corpus, "published", folds="fold")
    published = by_code(audit(corpus, label="label", split="published"))
    # Freesound 209698 and 234879 have clips of different classes in folds 4 and 5 of the published table itself.
    assert [each.details["torn"] for each in published["split_tears_groups"]] == [["209698", "234879"]]
    assert not [code for code in published if "across" in code]
