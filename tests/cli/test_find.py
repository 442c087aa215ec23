"""`tymbal find` from a table of examples to tables, page and a second round."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import soundfile
from tests.fewshot.conftest import CHIRP_S, ONSETS, RATE, make_sound

from tymbal.annotations import read_events
from tymbal.cli.main import main
from tymbal.fewshot import job

CALM = (0.7, 2.2, 5.0)


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    """Two recordings with chirps, one silent, one broken, and a Raven table of the first five chirps."""
    folder = tmp_path / "sounds"
    (folder / "b").mkdir(parents=True)
    soundfile.write(folder / "a.wav", make_sound(ONSETS, 20.0), RATE, subtype="FLOAT")
    soundfile.write(folder / "b" / "c.wav", make_sound(CALM, 6.0, seed=2), RATE, subtype="FLOAT")
    soundfile.write(folder / "silent.wav", np.zeros(RATE), RATE)
    (folder / "broken.wav").write_bytes(b"RIFF nothing")
    lines = ["Selection\tBegin Time (s)\tEnd Time (s)\tAnnotation\tBegin File"]
    lines += [f"{n}\t{onset}\t{onset + CHIRP_S}\tchirp\ta.wav" for n, onset in enumerate(ONSETS[:5], 1)]
    (tmp_path / "examples.txt").write_text("\n".join(lines) + "\n")
    return folder


def run(sounds: Path, out: Path, *more: str) -> int:
    table = str(sounds.parent / "examples.txt")
    return main(["find", str(sounds), "--examples", table, "-o", str(out), "--workers", "1", "--quiet", *more])


def test_everything_is_found_and_the_broken_file_is_listed(
    sounds: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(sounds, tmp_path / "out", "--no-report") == 4
    events = pl.read_parquet(tmp_path / "out" / "events.parquet")
    for name, onsets in (("a.wav", ONSETS), ("b/c.wav", CALM)):
        found = events.filter(pl.col("recording") == name)["onset_s"].to_numpy()
        assert len(found) == len(onsets)
        np.testing.assert_allclose(found, onsets, atol=0.05)
    assert events.filter(pl.col("recording") == "silent.wav").height == 0
    assert events["score"].is_between(0.5, 1).all()
    table = read_events(tmp_path / "out" / "tables" / "b" / "c.wav.selections.txt").events
    assert table["recording"].unique().to_list() == ["b/c.wav"]
    assert read_events(tmp_path / "out" / "tables" / "silent.wav.selections.txt").events.height == 0
    assert pl.read_csv(tmp_path / "out" / "failures.csv")["recording"].to_list() == ["broken.wav"]
    assert "broken.wav" in capsys.readouterr().err


def test_killed_and_resumed_gives_the_same_bytes(sounds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(sounds, tmp_path / "whole", "--no-report")
    real, seen = job.FindWork.__call__, []

    def dies(work: job.FindWork, part: object) -> object:
        seen.append(part)
        if len(seen) == 2:
            raise KeyboardInterrupt
        return real(work, part)  # type: ignore[arg-type]

    monkeypatch.setattr(job.FindWork, "__call__", dies)
    assert run(sounds, tmp_path / "killed", "--no-report") == 130
    assert not (tmp_path / "killed" / "events.parquet").exists()
    assert run(sounds, tmp_path / "killed", "--no-report") == 4
    assert len(seen) == 4, "the finished part was worked again"
    for path in sorted((tmp_path / "whole").rglob("*")):
        if path.is_file() and path.name not in ("find.toml", ".tymbal-lock"):
            assert path.read_bytes() == (tmp_path / "killed" / path.relative_to(tmp_path / "whole")).read_bytes(), path


def test_marks_make_a_second_round(sounds: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(sounds, tmp_path / "out", "--no-report")
    path = tmp_path / "out" / "tables" / "a.wav.selections.txt"
    lines = path.read_text().splitlines()
    lines[7] = lines[7] + "right"
    lines[9] = lines[9] + "wrong"
    path.write_text("\n".join(lines) + "\n")
    capsys.readouterr()
    run(sounds, tmp_path / "two", "--no-report", "--json", "--marked", str(tmp_path / "out" / "tables"))
    told = json.loads(capsys.readouterr().out)
    assert told["finders"][0]["shots"] == 6


@pytest.mark.parametrize("table", ["events.csv", "tables/b/c.wav.selections.txt"])
def test_marks_are_never_written_over(
    sounds: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], table: str
) -> None:
    run(sounds, tmp_path / "out", "--no-report")
    path = tmp_path / "out" / table
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], lines[1] + "right", *lines[2:]]) + "\n")
    kept = path.read_bytes()
    assert run(sounds, tmp_path / "out", "--no-report") == 2
    assert "would be written over" in capsys.readouterr().err
    assert path.read_bytes() == kept


@pytest.mark.parametrize("score", ["nan", "2", "-0.1"])
def test_a_score_that_none_can_have_is_refused(
    sounds: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], score: str
) -> None:
    assert run(sounds, tmp_path / "out", "--no-report", f"--score={score}") == 2
    assert "--score is" in capsys.readouterr().err


def test_an_example_as_long_as_its_recording(sounds: Path, tmp_path: Path) -> None:
    table = tmp_path / "whole.csv"
    table.write_text("recording,onset_s,offset_s,label\nc.wav,0,6,all of it\n")
    asked = ["find", str(sounds / "b" / "c.wav"), "--examples", str(table), "-o", str(tmp_path / "out")]
    assert main([*asked, "--no-report", "--quiet", "--workers", "1"]) == 0
    assert pl.read_parquet(tmp_path / "out" / "events.parquet").height == 1


def test_no_score_is_told_of_a_single_example(sounds: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    query, table = str(sounds / "a.wav"), str(tmp_path / "examples.txt")
    asked = ["find", query, "--examples", table, "--workers", "1"]
    assert main([*asked, "-o", str(tmp_path / "one"), "--shots", "1"]) == 0
    told = capsys.readouterr().err
    assert "chirp: 1 example, " in told
    assert "nothing is measured" in told
    assert "F1" not in told
    assert "F1 of examples" not in (tmp_path / "one" / "report.html").read_text()
    assert main([*asked, "-o", str(tmp_path / "two"), "--shots", "2"]) == 0
    assert "chirp: 2 examples, " in (told := capsys.readouterr().err)
    assert "F1: ncc" in told
    assert "F1 of examples" in (tmp_path / "two" / "report.html").read_text()


def test_support_from_another_recording(sounds: Path, tmp_path: Path) -> None:
    table = str(tmp_path / "examples.txt")
    query = str(sounds / "b" / "c.wav")
    assert (
        main(
            [
                "find",
                query,
                "--examples",
                table,
                "--sounds",
                str(sounds),
                "-o",
                str(tmp_path / "o"),
                "--quiet",
                "--workers",
                "1",
                "--no-report",
            ]
        )
        == 0
    )
    assert pl.read_parquet(tmp_path / "o" / "events.parquet").height == len(CALM)


def test_examples_whose_recording_is_nowhere_are_told(
    sounds: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    query, table = str(sounds / "b"), tmp_path / "elsewhere" / "examples.txt"
    table.parent.mkdir()
    table.write_text((tmp_path / "examples.txt").read_text())
    assert main(["find", query, "--examples", str(table), "-o", str(tmp_path / "o")]) == 3
    assert "'a.wav' is no recording that is there" in capsys.readouterr().err
