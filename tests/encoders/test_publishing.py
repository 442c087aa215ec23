"""A published folder: every registered encoder goes there and comes back; what was altered is refused by name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.reference.checkpoints import PUBLISHED

from tymbal.encoders import Encoder, list_encoders, save_encoder
from tymbal.encoders.card import CardFacts
from tymbal.encoders.loading import load_checkpoint
from tymbal.encoders.melcnn import MelCnn
from tymbal.encoders.publishing import publish, reference_sound
from tymbal.encoders.registry import encoder_class
from tymbal.encoders.source import bind_rate, open_encoder
from tymbal.encoders.sums import write_sums
from tymbal.errors import EncoderError, MissingExtraError, UsageError

REFERENCE = "encoder.selftest.safetensors"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """The folder of a pre-training, as far as publishing looks at it."""
    torch.manual_seed(0)
    encoder = MelCnn.tiny()
    save_encoder(encoder, tmp_path / "run" / "encoder.safetensors")
    training = {"epochs": 2, "batch_size": 8, "learning_rate": 5e-4, "seed": 0}
    recipe = {"encoder": "melcnn", "objective": "multilabel", "crop_s": 3.0, "crops": 16, "head_epochs": 1}
    stores = [{"store": "pictures", "digest": "abc", "hours": 0.1}]
    run = {"recipe": {**recipe, "training": training}, "labels": ["owl", "wren"], "sources": stores, "steps": 4}
    (tmp_path / "run" / "pretraining.json").write_text(json.dumps({**run, "encoder_checksum": encoder.checksum}))
    return tmp_path / "run"


@pytest.mark.parametrize("name", list_encoders())
def test_every_encoder_comes_back_with_the_same_outputs(name: str, tmp_path: Path) -> None:
    try:
        wanted: Encoder = encoder_class(name).tiny().freeze()
    except MissingExtraError as error:
        pytest.skip(str(error))
    save_encoder(wanted, tmp_path / "file.safetensors")
    found = publish(tmp_path / "file.safetensors", tmp_path / "out", sample_rate_hz=wanted.sample_rate or 8000)
    assert found.self_test.startswith("passed")
    opened = open_encoder(tmp_path / "out")
    assert opened.encoder.checksum == wanted.checksum == found.checksum
    assert f"{len(found.files) - 1} files have the hashes" in opened.verified
    one, other = (bind_rate(each, None, 8000) for each in (wanted, opened.encoder))
    sound = reference_sound(one)
    for layer, output in one(sound).items():
        assert torch.equal(other(sound)[layer].values, output.values)


def test_a_run_brings_its_recipe_and_labels(source: Path, tmp_path: Path) -> None:
    found = publish(source, tmp_path / "out")
    assert {"pretraining.json", "label_map.json", "README.md", "SHA256SUMS", "config.json", REFERENCE} < set(
        found.files
    )
    loaded = load_checkpoint(tmp_path / "out")
    assert (loaded.labels, loaded.classifier) == (("owl", "wren"), None)
    card = (tmp_path / "out" / "README.md").read_text()
    assert "objective `multilabel`" in card
    assert "Their head is not part of it" in card
    assert {"data", "licence"} <= set(found.not_stated)
    settings = json.loads((tmp_path / "out" / "config.json").read_text())
    assert (settings["encoder"], settings["sample_rate_hz"], settings["licence"]) == ("melcnn", None, None)


def test_another_encoders_run_is_left_out_with_a_note(source: Path, tmp_path: Path) -> None:
    run = json.loads((source / "pretraining.json").read_text())
    (source / "pretraining.json").write_text(json.dumps({**run, "encoder_checksum": "other"}))
    found = publish(source, tmp_path / "out")
    assert "pretraining.json" not in found.files
    assert "is of another encoder and was left out" in found.notes[0]
    assert "is of another encoder" in (tmp_path / "out" / "README.md").read_text()
    (source / "pretraining.json").write_text("{")
    with pytest.raises(EncoderError, match=r"pretraining\.json: cannot be read"):
        publish(source, tmp_path / "again")


def test_a_head_and_its_labels_come_along(tmp_path: Path) -> None:
    published = next(each for each in PUBLISHED if each.labels)
    path, _ = published.write(tmp_path)
    wanted = load_checkpoint(path, **published.given)
    assert wanted.classifier is not None
    publish(path, tmp_path / "out", facts=CardFacts(licence="MIT"))
    found = load_checkpoint(tmp_path / "out")
    assert found.labels == wanted.labels
    assert found.classifier is not None
    assert torch.equal(found.classifier.weight, wanted.classifier.weight)
    assert open_encoder(tmp_path / "out").licence == "MIT"
    again = publish(tmp_path / "out", tmp_path / "again")
    assert "licence" not in again.not_stated


@pytest.mark.parametrize("name", ["encoder.safetensors", "config.json", "README.md", REFERENCE])
def test_a_changed_byte_is_refused_by_the_files_name(name: str, source: Path, tmp_path: Path) -> None:
    publish(source, tmp_path / "out")
    data = bytearray((tmp_path / "out" / name).read_bytes())
    data[-3] ^= 1
    (tmp_path / "out" / name).write_bytes(data)
    with pytest.raises(EncoderError, match=f"{name}: its SHA-256 is .*altered or damaged"):
        open_encoder(tmp_path / "out")


def test_wrong_reference_outputs_are_refused_by_layer(source: Path, tmp_path: Path) -> None:
    publish(source, tmp_path / "out")
    path = tmp_path / "out" / REFERENCE
    stored = load_file(path)
    for key, other, told in (
        ("selftest.block1", stored["selftest.block1"] * 1.01, "'block1' differs from the stored output by 0.0099"),
        ("selftest.block2", stored["selftest.block2"][:, 1:], r"layer 'block2' is .* in the reference outputs \(1,"),
        ("selftest.stem", None, "layer 'stem' is .* in the reference outputs missing"),
        ("selftest.block9", torch.zeros(1), "layer 'block9' is missing"),
    ):
        changed = {**stored, key: other}
        save_file({name: tensor.contiguous() for name, tensor in changed.items() if tensor is not None}, path)
        write_sums(tmp_path / "out")
        for place in (tmp_path / "out", tmp_path / "out" / "encoder.safetensors"):
            with pytest.raises(EncoderError, match=told):
                load_checkpoint(place)


def test_the_folder_is_whole_or_not_there(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(folder: Path) -> None:
        raise OSError("disk full")

    (tmp_path / ".out.tymbal-tmp").mkdir()
    (tmp_path / ".out.tymbal-tmp" / "left.txt").write_text("by a run that was killed")
    with monkeypatch.context() as patch:
        patch.setattr("tymbal.encoders.publishing.write_sums", full)
        with pytest.raises(OSError, match="disk full"):
            publish(source, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    (tmp_path / "out").mkdir()
    files = publish(source, tmp_path / "out").files
    assert "left.txt" not in files
    with pytest.raises(UsageError, match="this is there already"):
        publish(source, tmp_path / "out")
    assert {path.name for path in tmp_path.iterdir()} == {"run", "out"}


def test_strict_refuses_gaps_and_names_them(source: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not stated: about, licence, authors, data, cost, scores, limits"):
        publish(source, tmp_path / "out", strict=True)
    assert not (tmp_path / "out").exists()


def test_the_same_encoder_is_published_in_the_same_bytes(source: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        publish(source, tmp_path / name)
    assert (tmp_path / "one" / "SHA256SUMS").read_bytes() == (tmp_path / "two" / "SHA256SUMS").read_bytes()
