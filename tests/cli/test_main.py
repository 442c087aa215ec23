"""The command line as a whole: verbs, errors as one line, exit codes, --config."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

from tymbal.cli.main import VERBS, build_app, main
from tymbal.errors import StoreError


def test_every_verb_is_a_function_of_its_name() -> None:
    for verb in VERBS:
        function = getattr(importlib.import_module(f"tymbal.cli.{verb}"), verb)
        assert inspect.signature(function).return_annotation == "int", verb
        assert "json" in inspect.signature(function).parameters, f"{verb} speaks no JSON"


@pytest.mark.parametrize("verb", VERBS)
def test_help_shows_defaults_and_every_option(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([verb, "--help"]) == 0
    shown = capsys.readouterr().out
    assert "Usage: tymbal" in shown
    assert "--json" in shown


def test_unknown_verb_is_one_line_with_a_guess(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["embedd"]) == 2
    assert capsys.readouterr().err.strip().endswith("Did you mean: tymbal embed?")


def test_unknown_option_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--jsn"]) == 2
    assert capsys.readouterr().err == "error: Unknown option: --jsn. Did you mean --json? See: tymbal doctor --help\n"


def test_our_errors_become_their_exit_code(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def broken(**options: object) -> int:
        raise StoreError("made with another encoder", where="STORE", mend="Embed again")

    monkeypatch.setattr("tymbal.cli.doctor.doctor", broken)
    app_error = main(["doctor"])
    assert app_error == StoreError.exit_code
    assert capsys.readouterr().err == "error: STORE: made with another encoder. Embed again\n"


def test_config_files_fill_options_and_must_exist(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "doctor.toml"
    file.write_text("[doctor]\njson = true\n")
    assert main(["doctor", "--config", str(file)]) == 0
    assert capsys.readouterr().out.startswith("{")
    assert main(["doctor", f"--config={tmp_path / 'no.toml'}"]) == 2
    assert "no such parameter file" in capsys.readouterr().err
    assert main(["doctor", "--config"]) == 2


def test_a_misspelt_field_in_a_config_file_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "doctor.toml"
    file.write_text("[doctor]\njsn = true\n")
    assert main(["doctor", "--config", str(file)]) == 2
    assert "jsn" in capsys.readouterr().err


def test_help_imports_no_verb() -> None:
    code = "import sys; from tymbal.cli.main import main; main(['--help']); print('torch' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip().endswith("False")


def test_the_module_runs_too() -> None:
    done = subprocess.run([sys.executable, "-m", "tymbal", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == build_app().version


def test_a_path_that_cannot_be_written_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def refused(**options: object) -> int:
        raise PermissionError(13, "Permission denied", str(tmp_path / "out"))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tymbal.cli.doctor.doctor", refused)
        assert main(["doctor"]) == 3
    assert capsys.readouterr().err.startswith(f"error: {tmp_path / 'out'}: Permission denied.")


def test_interruption_says_what_becomes_of_the_work(capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(**options: object) -> int:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tymbal.cli.doctor.doctor", interrupted)
        assert main(["doctor"]) == 130
    assert "the same command resumes" in capsys.readouterr().err
