from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.corpus.conftest import write_csv, write_sound

from tymbal.cli.main import main
from tymbal.corpus import Corpus


@pytest.fixture
def inputs(tmp_path: Path) -> dict[str, str]:
    names = [f"s{n // 4}/{n:02d}.wav" for n in range(16)]
    for number, name in enumerate(names):
        write_sound(tmp_path / "sounds" / name, seed=number, seconds=0.3)
    clips = {"recording": names, "cat": list("xy") * 8, "session": [f"s{n // 4}" for n in range(16)]}
    return {
        "sounds": str(tmp_path / "sounds"),
        "clips": str(write_csv(tmp_path / "clips.csv", clips)),
        "out": str(tmp_path / "corpus"),
    }


def test_index_makes_corpus_split_and_audit(inputs: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["index", inputs["sounds"], "--metadata", inputs["clips"], "--label", "cat", "-o", inputs["out"]]
    split = ["--split-by", "session", "--folds", "4", "--workers", "1"]
    assert main([*arguments, *split]) == 0
    said = " ".join(capsys.readouterr().err.split())  # tables are wrapped to the terminal
    assert "recordings 16 (0.00 h)" in said
    assert "2 labels: x 8, y 8" in said
    assert "split 'folds': 4 groups by session" in said
    assert "audit of 'cat'" in said
    corpus = Corpus.open(inputs["out"])
    assert corpus.schemes == ["folds"]
    assert corpus.examples("cat", scheme="folds")["fold"].n_unique() == 4
    assert main(["index", "--config", str(Path(inputs["out"]) / "index.toml"), inputs["sounds"], "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert again["changes"]["unchanged"] == 16
    assert again["digest"] == corpus.digest
    assert again["split"]["groups"] == 4


def test_one_of_a_kind_is_told_as_one(
    inputs: dict[str, str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    table = write_csv(tmp_path / "events.csv", {"recording": ["s0/00.wav"], "onset_s": [0.1], "offset_s": [9.0]})
    arguments = ["index", inputs["sounds"], "--annotations", str(table), "-o", inputs["out"], "--workers", "1"]
    assert main(arguments) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert "1 in 1 recording, 1 with times" in said
    assert "1 oddity in files that could be read" in said


def test_json_and_exit_codes(inputs: dict[str, str], capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (Path(inputs["sounds"]) / "bad.wav").write_bytes(b"junk")
    assert main(["index", inputs["sounds"], "-o", inputs["out"], "--json", "--quiet", "--workers", "1"]) == 4
    out = capsys.readouterr()
    found = json.loads(out.out)
    assert (found["recordings"], found["failures"], found["audit"]) == (16, 1, [])
    assert found["failed"][0]["item"] == "bad.wav"
    assert "bad.wav" in out.err
    (tmp_path / "none").mkdir()
    assert main(["index", str(tmp_path / "none"), "-o", str(tmp_path / "c")]) == 5
    assert "no recording" in capsys.readouterr().err
    assert main(["index", inputs["sounds"], "-o", inputs["out"], "--metadata", "nope.csv"]) == 3


def test_complete_says_what_absence_means(
    inputs: dict[str, str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    table = {"recording": ["s0/00.wav"], "onset_s": [0], "offset_s": [0.1], "label": ["owl"]}
    events = str(write_csv(tmp_path / "events.csv", table))
    arguments = [
        "index",
        inputs["sounds"],
        "--annotations",
        events,
        "-o",
        inputs["out"],
        "--no-audit",
        "--workers",
        "1",
    ]
    assert main(arguments) == 0
    assert "recall only" in " ".join(capsys.readouterr().err.split())
    assert main([*arguments, "--complete"]) == 0
    assert "listened to for every label" in " ".join(capsys.readouterr().err.split())


def test_manifests_and_taxa_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_sound(tmp_path / "sounds" / "XC1.wav", seed=1)
    rows = [{"id": "1", "gen": "Turdus", "sp": "merula", "also": ["Nemo nemo"]}, {"id": "2", "gen": "A", "sp": "b"}]
    (tmp_path / "xc.json").write_text(json.dumps({"recordings": rows}))
    (tmp_path / "taxa.csv").write_text("name,canonical\nTurdus merula,Amsel\n")
    call = ["index", str(tmp_path / "sounds"), "-o", str(tmp_path / "c"), "--manifest", str(tmp_path / "xc.json")]
    call += ["--taxonomy", str(tmp_path / "taxa.csv"), "--no-audit"]
    assert main(call) == 0
    said = " ".join(capsys.readouterr().err.split())
    for told in (
        "manifest xc.json (xeno-canto): 1 of 2 entries have a recording here",
        "taxonomy: 1 mapped, 1 unmapped",
        "Nemo nemo unmapped 1",
        "not_on_disk: xc.json: 1 of 2 entries have no recording here: XC2",
    ):
        assert told in said
    assert main([*call, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["manifests"] == [{"manifest": "xc.json", "archive": "xeno-canto", "here": 1, "entries": 2}]
    assert [row["status"] for row in found["taxa"]] == ["unmapped", "mapped"]
