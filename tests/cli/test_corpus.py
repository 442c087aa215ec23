from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.corpus.conftest import write_csv, write_sound

from tymbal.cli.main import main
from tymbal.corpus import index


def run(*arguments: object) -> int:
    return main(["corpus", *map(str, arguments)])


@pytest.fixture
def made(tmp_path: Path) -> Path:
    for name in ("a.wav", "b.wav"):
        write_sound(tmp_path / "s" / name, seed=len(name))
    events = write_csv(
        tmp_path / "e.csv", {"recording": ["a.wav"], "onset_s": [0.1], "offset_s": [0.2], "label": ["x"]}
    )
    return index(tmp_path / "s", out=tmp_path / "c", annotations=events).path


def test_pack_and_check(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("pack", made, "-o", tmp_path / "ds", "--audio", "flac", "--license", "CC0", "--workers", 1) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert "2 recordings (0.0 MB), 1 event, in" in said.err
    assert "2 recordings got another name, such as a.wav: a.flac" in said.err
    assert run("check", tmp_path / "ds") == 0
    assert "every file is as packed: 2 recordings, 1 event" in capsys.readouterr().err
    assert run("check", tmp_path / "ds", "--json") == 0
    assert json.loads(capsys.readouterr().out)["events"] == 1
    (tmp_path / "ds/audio/a.flac").write_bytes(b"no")
    assert run("check", tmp_path / "ds") == 3


def test_a_bad_file_is_listed_with_its_own_exit_code(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "s/b.wav").unlink()
    assert run("pack", made, "-o", tmp_path / "ds", "--allow-unlicensed", "--no-audit", "--workers", 1) == 4
    said = capsys.readouterr().err
    assert "not to be published: 2 recordings without a licence" in said
    assert "1 failed:" in said
    assert "b.wav" in said.split("1 failed:")[1]
