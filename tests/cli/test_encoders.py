"""`tymbal encoders`: list, describe, check and export, for people and machines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tymbal.cli.main import main
from tymbal.encoders import list_encoders, save_encoder
from tymbal.encoders.beats import Beats


def machine(capsys: pytest.CaptureFixture[str], *tokens: str) -> dict[str, object]:
    assert main(["encoders", *tokens, "--json"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    found: dict[str, object] = json.loads(captured.out)
    return found


@pytest.fixture
def weights(tmp_path: Path) -> str:
    save_encoder(Beats.tiny(), tmp_path / "tiny.safetensors")
    return str(tmp_path / "tiny.safetensors")


def test_the_list_has_every_encoder_and_checkpoint(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["encoders", "list"]) == 0
    captured = capsys.readouterr()
    for name in (*list_encoders(), "esp-aves2-effnetb0-all", "CC-BY-NC-SA", "175–window"):
        assert name in captured.out
    found = machine(capsys, "list")
    beats = next(each for each in found["encoders"] if each["name"] == "beats")  # type: ignore[attr-defined]
    assert beats["layers"] == 13
    assert beats["parameters"] == pytest.approx(90.3e6, rel=1e-3)
    assert "beats-iter3-plus-as2m" in beats["checkpoints"]


def test_a_description_has_layers_grids_licence_and_speed(weights: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = machine(capsys, "describe", weights)
    assert (found["name"], found["sample_rate_hz"], found["origin"]) == ("beats", 16000, weights)
    first, last = found["layers"][0], found["layers"][-1]  # type: ignore[index]
    assert (first["name"], first["hop_ms"], first["receptive_ms"], first["local"]) == ("embedding", 160.0, 175.0, True)
    assert (last["name"], last["receptive_ms"], last["local"]) == ("block1", None, False)
    assert found["real_time"] > 1  # type: ignore[operator]
    assert main(["encoders", "describe", "spectral", "--rate", "8000"]) == 0
    told = capsys.readouterr().out
    assert "any rate, here 8000 Hz" in told
    assert "scattering" in told
    assert "× real time" in told


def test_a_check_is_told_layer_by_layer(weights: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["encoders", "check", weights, "--window", "1.6"]) == 0
    told = capsys.readouterr()
    for text in ("kept    padding", "bfloat16", "int8-bfloat16", "× real time", "× float32", "block1", "exact"):
        assert text in told.out
    assert "kept" not in told.err
    assert "checking beats: windows" in told.err
    found = machine(capsys, "check", weights, "--window", "1.6")
    assert found["sound"] is True
    assert set(found["found"]["precision"]["int8"]) == {"embedding", "block0", "block1"}  # type: ignore[index]


def test_export_writes_a_graph_that_is_an_encoder(
    weights: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("onnxscript", reason="the onnx extra is not installed: pip install 'tymbal[onnx]'")
    path = tmp_path / "graph.onnx"
    assert main(["encoders", "export", weights, "--onnx", str(path), "--window", "0.5"]) == 0
    assert f"use it as onnx:{path}" in capsys.readouterr().out
    found = machine(capsys, "describe", f"onnx:{path}")
    assert [layer["name"] for layer in found["layers"]] == ["embedding", "block0", "block1"]  # type: ignore[attr-defined]


def test_published_with_a_card_and_checked_by_whoever_gets_it(
    weights: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    facts, out = tmp_path / "facts.toml", str(tmp_path / "out")
    facts.write_text('about = "For tests."\nlicence = "MIT"\n[[data]]\nname = "none"\nlicence = "CC0-1.0"\nhours = 1\n')
    assert main(["encoders", "publish", weights, "-o", out, "--facts", str(facts)]) == 0
    told = capsys.readouterr()
    assert "encoder.selftest.safetensors" in told.out
    assert "not stated, and the card says so: authors, training, cost, scores, limits" in told.err
    assert "| none | CC0-1.0 | 1 |" in (tmp_path / "out" / "README.md").read_text()
    assert main(["encoders", "check", out, "--window", "1.6"]) == 0
    assert "kept    published: 4 files have the hashes" in capsys.readouterr().out
    assert main(["encoders", "describe", out]) == 0
    assert "licence: MIT" in capsys.readouterr().out
    facts.write_text('[[scores]]\ntask = "birds"\nmetric = "accuracy"\nvalue = 0.5\nlow = 0.6\nhigh = 0.7\n')
    assert main(["encoders", "publish", weights, "-o", str(tmp_path / "other"), "--facts", str(facts)]) == 2
    assert f"{facts}: score 'birds': 0.5 in 0.6 … 0.7" in capsys.readouterr().err
    (tmp_path / "out" / "README.md").write_text("something else")
    assert main(["encoders", "check", out]) == 3
    assert "README.md: its SHA-256 is" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("tokens", "code", "told"),
    [
        (["describe"], 2, "needs the name"),
        (["export", "spectral"], 2, "--onnx FILE"),
        (["describe", "beat"], 2, "no such file, and no checkpoint known as 'beat'"),
        (["check", "beats", "--rate", "8000"], 2, "made for 16000 Hz"),
        (["publish", "melcnn", "-o", "nowhere"], 2, "Give its weights. A baseline of random ones is made by embed"),
        (["weigh", "beats"], 2, "action"),
    ],
)
def test_wrong_use_is_one_line(tokens: list[str], code: int, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["encoders", *tokens]) == code
    captured = capsys.readouterr()
    assert told.lower() in captured.err.lower()
    assert captured.err.count("\n") == 1
