"""What is missing or unexpected is named, with the mend."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tests.benchmarks import replicas

from tymbal.benchmarks import Contents, benchmark_sets, to_corpus, verify


def contents(data: Path, name: str) -> Contents:
    (described,) = benchmark_sets("beans", [name])
    found = verify(data, described)
    assert found.ready, found.departures
    assert found.contents is not None
    return found.contents


def codes(data: Path, name: str) -> Counter[str]:
    (described,) = benchmark_sets("beans", [name])
    return Counter(each.code for each in verify(data, described).departures)


def test_verify_names_what_is_missing_and_how_to_get_it(tmp_path: Path) -> None:
    (described,) = benchmark_sets("beans", ["rfcx"])
    (gone,) = verify(tmp_path, described).departures
    assert gone.code == "no_folder"
    assert "kaggle" in gone.mend
    assert "rfcx-species-audio-detection.zip" in gone.mend
    data = replicas.rfcx(tmp_path)
    (data / "rfcx/train_tp.csv").unlink()
    assert codes(data, "rfcx") == {"no_file": 1}
    replicas.table(data / "rfcx/train_tp.csv", [{"recording_id": "r00", "t_min": 0, "t_max": 1}])
    (broken,) = verify(data, described).departures
    assert (broken.severity, broken.code) == ("missing", "unreadable")
    assert "no column 'species_id'" in broken.message


def test_lists_of_the_official_scripts_are_compared(tmp_path: Path) -> None:
    data = replicas.cbi(tmp_path)
    (described,) = benchmark_sets("beans", ["cbi"])
    rows = verify(data, described).contents.examples.rows(named=True)  # type: ignore[union-attr]
    for fold, name in (("train", "train"), ("validation", "valid"), ("test", "test")):
        listed = [{"path": f"data/cbi/wav/{Path(row['recording']).stem}.wav"} for row in rows if row["fold"] == fold]
        replicas.table(data / f"cbi/annotations.{name}.csv", listed)
    assert "split" not in codes(data, "cbi")
    moved = rows[[row["fold"] for row in rows].index("test")]
    listed = [{"path": f"data/cbi/wav/{Path(moved['recording']).stem}.wav"}]
    replicas.table(data / "cbi/annotations.test.csv", listed)
    replicas.table(
        data / "cbi/annotations.train.csv",
        [{"path": Path(row["recording"]).stem} for row in rows if row["fold"] == "test" and row is not moved],
    )
    found = verify(data, described).departures
    assert any(each.code == "split" and "in another fold than" in each.message for each in found)


def test_a_leak_in_published_folds_is_noted_and_left(tmp_path: Path) -> None:
    data = replicas.esc50(tmp_path)
    text = (data / "esc50/meta/esc50.csv").read_text().replace(",500,", ",100,")  # fold 5 and fold 1, as ESC-50 has
    (data / "esc50/meta/esc50.csv").write_text(text)
    (described,) = benchmark_sets("beans", ["esc50"])
    found = verify(data, described)
    (leak,) = [each for each in found.departures if each.code == "leak"]
    assert (leak.severity, "100" in leak.message) == ("note", True)
    assert to_corpus(data, described, tmp_path / "out").corpus.schemes == ["official"]
