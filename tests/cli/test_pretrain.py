"""`tymbal pretrain`: from a recipe's file to an encoder's file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.pretraining.conftest import pictures  # noqa: F401  (the fixture)

from tymbal.cli.main import main

RECIPE = """
encoder = "meltransformer"
objective = "random_projection"
crop_s = 0.5
crops = 16

[encoder_config]
dim = 16
ffn = 32
heads = 2
blocks = 1
position_kernel = 4
position_groups = 2
picture = { bands = 16, high_hz = 4000.0 }

[objective_config]
codes = 32

[[sources]]
store = "STORE"

[training]
epochs = 2
batch_size = 8
"""


def test_a_recipe_becomes_an_encoder(
    pictures: Path,  # noqa: F811
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(RECIPE.replace("STORE", (pictures / "store").as_posix()))
    assert main(["pretrain", str(path), "-o", str(tmp_path / "run")]) == 0
    told = capsys.readouterr().err
    assert "4 steps on crops from 0.00 h of sound; loss" in told
    assert "tymbal embed CORPUS --encoder" in told
    assert main(["pretrain", str(path), "-o", str(tmp_path / "run"), "--json", "--quiet"]) == 0
    assert json.loads(capsys.readouterr().out)["steps"] == 4


def test_errors_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "recipe.toml"
    assert main(["pretrain", str(path), "-o", str(tmp_path / "run")]) == 2
    path.write_text(RECIPE)
    assert main(["pretrain", str(path), "-o", str(tmp_path / "run")]) == 3
    for wrong, right in (("epochs = 0", "epochs = 2"), ("crop_s = -1", "crop_s = 0.5")):
        path.write_text(RECIPE.replace(right, wrong))
        assert main(["pretrain", str(path), "-o", str(tmp_path / "run")]) == 2
    told = capsys.readouterr().err.strip().splitlines()
    assert len(told) == 4
    assert f"{path}: epochs is 0" in told[2]
    assert f"{path}: crop_s is -1" in told[3]
    assert "no such file" in told[0]
    assert "no feature store here" in told[1]
