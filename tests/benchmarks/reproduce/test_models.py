"""The seven encoders: published values exist for each, and what is at hand is found."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tymbal.benchmarks.published import table
from tymbal.benchmarks.reproduce import MODELS, SOURCE
from tymbal.benchmarks.reproduce.models import blank, look_for, stored_layers, study_models
from tymbal.encoders import save_encoder
from tymbal.errors import EncoderError, UsageError


def test_every_encoder_has_published_values() -> None:
    rows = table()
    named = set(rows.filter(rows["source"] == SOURCE)["model"])
    assert {model.published for model in MODELS} <= named
    assert len(MODELS) == 7


def test_weights_are_looked_for_in_both_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "folder"
    beats, eat, aves = study_models(["beats", "EAT-all", "birdaves-biox"])
    for path in (folder / beats.known.file, folder / eat.checkpoint / eat.known.file):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    found = look_for((beats, eat, aves), folder, "no")
    assert [at.weights for at in found] == ["trained", "trained", "missing"]
    assert found[1].path == folder / eat.checkpoint / eat.known.file
    assert [at.weights for at in look_for((beats, aves), folder, "tiny")] == ["trained", "random, tiny"]
    monkeypatch.setenv("TYMBAL_WEIGHTS", str(folder))
    assert look_for((beats,), None, "full")[0].path == folder / beats.known.file


def test_random_weights_say_so_everywhere() -> None:
    (at,) = look_for(MODELS[:1], None, "tiny")
    assert not at.trained
    assert at.title == "BEATs (random weights: a floor, tiny)"
    assert at.folder == "BEATs-random-tiny"
    assert "BEATs_iter3_plus_AS2M.pt (about 361 MB, MIT)" in at.get_it


def test_random_weights_are_the_same_each_time_and_leave_the_generator_alone() -> None:
    torch.manual_seed(7)
    before = torch.get_rng_state()
    first = blank(MODELS[1], tiny=True)
    assert torch.equal(torch.get_rng_state(), before)
    assert blank(MODELS[1], tiny=True).checksum == first.checksum


def test_the_class_token_is_no_layer_in_time() -> None:
    eat = blank(MODELS[1], tiny=True)
    assert eat.layers[-1].name == "cls"
    assert stored_layers(eat)[-1] == "block1"


def test_unknown_names_are_refused_with_a_guess() -> None:
    with pytest.raises(UsageError, match="Did you mean 'sl-BEATs-all'"):
        study_models(["sl-BEATs"])


def test_a_file_is_opened_as_the_encoder_it_is_said_to_be(tmp_path: Path) -> None:
    eat, beats = study_models(["EAT-all", "sl-BEATs-all"])
    for model in (beats, eat):
        save_encoder(blank(beats, tiny=True), tmp_path / model.known.file)
    right, wrong = look_for((beats, eat), tmp_path, "no")
    encoder, _ = right.open()
    assert encoder.checksum == blank(beats, tiny=True).checksum
    assert not encoder.training
    with pytest.raises(EncoderError, match="beats"):
        wrong.open()
