"""BEANS, one label per clip, on miniature copies: examples, labels and folds known beforehand."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tests.benchmarks import replicas

from tymbal.benchmarks import Contents, benchmark_sets, splits, verify


def contents(data: Path, name: str) -> Contents:
    (described,) = benchmark_sets("beans", [name])
    found = verify(data, described)
    assert found.ready, found.departures
    assert found.contents is not None
    return found.contents


def codes(data: Path, name: str) -> Counter[str]:
    (described,) = benchmark_sets("beans", [name])
    return Counter(each.code for each in verify(data, described).departures)


def test_watkins_leaves_the_weddell_seals_out_before_the_split(tmp_path: Path) -> None:
    found = contents(replicas.watkins(tmp_path), "watkins")
    table = found.examples
    assert found.count() == {"train": 12, "validation": 4, "test": 4}
    assert not any("Weddell" in name for name in table["recording"])
    labels = table["labels"].list.first().to_list()
    assert table["fold"].to_list() == splits.stratified(labels)  # in the order of the table without the seals
    assert table.row(0, named=True)["offset_s"] == 3.0  # 3.5 s long: the first three count
    assert table["offset_s"].null_count() == 19
    assert codes(tmp_path, "watkins")["examples"] == 3  # 1017, 339 and 339 were published


def test_cbi_takes_ten_seconds_and_keeps_recordists_whole(tmp_path: Path) -> None:
    found = contents(replicas.cbi(tmp_path), "cbi")
    folds = dict(found.examples.select("unit", "fold").iter_rows())
    assert folds == {"d": "train", "b": "train", "c": "train", "e": "validation", "a": "test"}
    assert found.count() == {"train": 12, "validation": 4, "test": 4}
    assert found.examples["offset_s"].drop_nulls().to_list() == [10.0]
    assert found.root.name == "train_audio"
    replicas.tone(tmp_path / "cbi/wav/XC000.wav", 1.0)  # once the script has converted some, these count
    (described,) = benchmark_sets("beans", ["cbi"])
    found = described.read(tmp_path / "cbi", described)
    assert (found.root.name, found.examples["recording"].to_list()) == ("wav", ["XC000.wav"])
    assert len(found.missing) == 19
    assert codes(tmp_path, "cbi")["no_recording"] == 1


def test_humbugdb_gathers_rare_species(tmp_path: Path) -> None:
    rows = [{"id": n, "species": "an dirus" if n < 101 else None if n < 202 else "rare gnat"} for n in range(232)]
    replicas.table(tmp_path / "HumBugDB/data/metadata/neurips_2021_zenodo_0_0_1.csv", rows)
    for n in range(232):
        replicas.tone(tmp_path / f"HumBugDB/data/audio/{n}.wav", 0.01)
    table = contents(tmp_path, "humbugdb").examples
    assert Counter(table["labels"].list.first()) == {"an dirus": 101, "non-mosquito": 101, "others": 30}
    assert Counter(table["fold"]) == {"train": 139, "validation": 46, "test": 47}


def test_bats_and_dogs(tmp_path: Path) -> None:
    rows = [{"File Name": f"{n}.wav", "Emitter": (111, 231)[n % 2]} for n in range(20)]
    replicas.table(tmp_path / "egyptian_fruit_bats/annotations.csv", rows)
    replicas.table(
        tmp_path / "dogs/annotations.csv", [{"filename": f"{n}.mp3", "name": ("Mac", "Zoe")[n % 2]} for n in range(20)]
    )
    for n in range(20):
        replicas.tone(tmp_path / f"egyptian_fruit_bats/audio/{n}.wav", 0.05)
        replicas.tone(tmp_path / f"dogs/wav/{n}.wav", 0.05)
    bats, dogs = contents(tmp_path, "bats"), contents(tmp_path, "dogs")
    assert bats.examples["fold"].to_list() == splits.stratified([111, 231] * 10)
    assert dogs.count() == {"train": 12, "validation": 4, "test": 4}
    assert dogs.examples["recording"].to_list()[:2] == ["0.wav", "1.wav"]
    assert codes(tmp_path, "bats")["rate"] == 1  # far below 250 kHz: said


def test_speech_commands_takes_the_published_lists(tmp_path: Path) -> None:
    names = [f"{word}/{speaker}_nohash_0.wav" for word in ("bed", "cat") for speaker in ("aa", "bb", "cc")]
    for name in (*names, "_background_noise_/hum.wav"):
        replicas.tone(tmp_path / "speech_commands" / name, 0.05)
    (tmp_path / "speech_commands/validation_list.txt").write_text("bed/bb_nohash_0.wav\ncat/bb_nohash_0.wav\n")
    (tmp_path / "speech_commands/testing_list.txt").write_text("bed/cc_nohash_0.wav\ncat/zz_nohash_0.wav\n")
    found = contents(tmp_path, "speech-commands")
    assert found.count() == {"train": 3, "validation": 2, "test": 1}
    assert found.missing == ("cat/zz_nohash_0.wav",)
    assert codes(tmp_path, "speech-commands")["leak"] == 1  # the list sends cc's "cat" to training
    assert "hum" not in "".join(found.examples["recording"])
