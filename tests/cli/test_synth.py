from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tymbal.cli.main import main
from tymbal.corpus import Corpus


def run(*arguments: object) -> int:
    return main(["synth", *map(str, arguments)])


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    assert run("plan", "-o", tmp_path / "plan.toml", "--kind", "boxes", "--scenes", 3, "--quiet") == 0
    return tmp_path / "plan.toml"


def test_from_a_plan_to_a_corpus_and_a_picture(plan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("scenes", plan, "-o", tmp_path / "corpus", "--workers", 1) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert "3 recordings, 0.5 minutes" in said.err
    corpus = Corpus.open(tmp_path / "corpus")
    assert set(corpus.events["truth"]) <= {"POS", "UNK"}
    assert run("scenes", plan, "-o", tmp_path / "corpus", "--workers", 1, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["recordings"] == 3
    assert told["digest"] == corpus.digest
    assert run("draw", plan, "-o", tmp_path / "a.png", "--scenes", 2) == 0
    assert "drew 2 recordings" in capsys.readouterr().err
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_the_number_and_the_seed_can_be_told(plan: Path, tmp_path: Path) -> None:
    assert run("scenes", plan, "-o", tmp_path / "c", "--workers", 1, "--scenes", 2, "--seed", 9, "--quiet") == 0
    assert Corpus.open(tmp_path / "c").recordings.height == 2
    assert "seed = 9" in (tmp_path / "c" / "plan.toml").read_text()


def test_a_bank_is_cut_and_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(0)
    folder = tmp_path / "in"
    folder.mkdir()
    for name in "ab":
        sound = 0.01 * rng.standard_normal(160_000)
        for start in range(10_000, 150_000, 20_000):
            sound[start : start + 3000] += np.sin(np.arange(3000) * 0.7) * np.hanning(3000)
        soundfile.write(folder / f"{name}.wav", sound, 16_000)
    (folder / "bad.wav").write_bytes(b"no sound")
    assert run("cuts", folder, "-o", tmp_path / "bank", "--workers", 1) == 4
    said = capsys.readouterr().err
    assert "14 calls" in said
    assert "of about 4" in said
    assert "1 failed:" in said
    assert "bad.wav" in said
    assert run("cuts", folder, "-o", tmp_path / "bank", "--workers", 1, "--json") == 4
    assert json.loads(capsys.readouterr().out)["calls"] == 14


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("scenes", "-o", "x"), 2, "synth scenes needs a plan"),
        (("cuts", "-o", "x"), 2, "synth cuts needs recordings"),
        (("scenes", "none.toml", "-o", "x"), 2, "none.toml: no such file"),
        (("dance", "-o", "x"), 2, "dance"),
    ],
)
def test_wrong_usage(
    arguments: tuple[str, ...],
    code: int,
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(*arguments) == code
    assert told in capsys.readouterr().err


def test_a_plan_is_never_written_over(plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("plan", "-o", plan) == 2
    assert "there is a file already" in capsys.readouterr().err


def test_a_plan_is_made_of_nothing_and_its_name_can_be_pasted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["synth", "plan", "-o", str(tmp_path / "my plan.toml")]) == 0
    assert f"tymbal synth scenes '{tmp_path / 'my plan.toml'}' -o CORPUS" in capsys.readouterr().err
    assert main(["synth", "plan", str(tmp_path / "my plan.toml"), "-o", str(tmp_path / "b.toml")]) == 2
    assert "takes no source" in capsys.readouterr().err
    assert not (tmp_path / "b.toml").exists()


def test_mixtures_of_whole_recordings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rate, rows, birds = 8000, ["recording,onset_s,offset_s,label"], ["recording,bird"]
    (tmp_path / "s").mkdir()
    for bird in "ab":
        sound = 1e-3 * np.random.default_rng(0).standard_normal(rate)
        for at in (0.2, 0.6):
            sound[int(at * rate) : int((at + 0.1) * rate)] *= 200
            rows.append(f"{bird}.wav,{at},{at + 0.1},song")
        soundfile.write(tmp_path / "s" / f"{bird}.wav", sound, rate)
        birds.append(f"{bird}.wav,{bird}")
    (tmp_path / "e.csv").write_text("\n".join(rows))
    (tmp_path / "m.csv").write_text("\n".join(birds))
    index = ["index", tmp_path / "s", "--annotations", tmp_path / "e.csv", "--metadata", tmp_path / "m.csv"]
    assert main([str(each) for each in (*index, "--complete", "-o", tmp_path / "c", "--quiet")]) == 0
    asked = ["mixtures", tmp_path / "c", "--by", "bird", "--overlap", "0,0.5", "--snr", "6", "--per-level", 1]
    assert run(*asked, "-o", tmp_path / "ds") == 3
    assert (
        "2 of 2 recordings have no licence that allows publishing mixtures: a.wav and b.wav" in capsys.readouterr().err
    )
    assert run(*asked, "--licence", "CC0", "--workers", 1, "-o", tmp_path / "ds") == 0
    said = capsys.readouterr()
    assert "2 mixtures in" in said.err
    assert run(*asked, "--licence", "CC0", "--workers", 1, "-o", tmp_path / "ds", "--json") == 0
    levels = json.loads(capsys.readouterr().out)["levels"]
    assert [(each["overlap_asked"], each["overlap_reached"]) for each in levels] == [(0.0, 0.0), (0.5, 0.5)]
    assert Corpus.open(tmp_path / "ds").recordings["licence"].to_list() == ["CC0", "CC0"]
