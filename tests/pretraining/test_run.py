"""Recipes from start to end: a file that loads, the same bits after a stop, clear refusals."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tests.pretraining.conftest import PICTURE

from tymbal.config import load
from tymbal.encoders import load_encoder
from tymbal.encoders.meltransformer import MelTransformer
from tymbal.errors import ConfigError, UsageError
from tymbal.jobs import only_writer
from tymbal.pretraining import Recipe, SourceConfig, pretrain
from tymbal.training import TrainingConfig

SMALL = {"dim": 16, "ffn": 32, "heads": 2, "blocks": 1, "position_kernel": 4, "position_groups": 2, "picture": PICTURE}
TRAINING = TrainingConfig(epochs=3, batch_size=8, learning_rate=3e-3, warmup_epochs=0.5)


def recipe(objective: str = "byol", **fields: object) -> Recipe:
    source = SourceConfig("store", corpus="corpus" if objective in ("multilabel", "contrastive") else "")
    made = Recipe("meltransformer", objective, (source,), SMALL, crop_s=0.5, crops=24, training=TRAINING)
    return replace(made, **fields)  # type: ignore[arg-type]


def test_a_recipe_ends_in_an_encoder_that_loads(pictures: Path, tmp_path: Path) -> None:
    found = pretrain(recipe(), tmp_path / "run", base=pictures)
    assert found.path == tmp_path / "run" / "encoder.safetensors"
    encoder = load_encoder(found.path)
    assert encoder.checksum == found.summary["encoder_checksum"]
    assert encoder.at_rate(8000)(torch.zeros(1, 8000))["block0"].values.shape == (1, 25, 1, 16)
    assert found.summary["steps"] == 9
    assert len(found.summary["training_loss"]) == 3
    assert json.loads((tmp_path / "run" / "pretraining.json").read_text()) == found.summary
    again = pretrain(recipe(), tmp_path / "again", base=pictures)
    assert again.path is not None
    assert again.path.read_bytes() == found.path.read_bytes()


@pytest.mark.parametrize(("objective", "after"), [("byol", 4), ("frames_and_utterance", 7), ("multilabel", 2)])
def test_a_stopped_run_ends_with_the_same_bytes(objective: str, after: int, pictures: Path, tmp_path: Path) -> None:
    asked = recipe(objective, head_epochs=1 if objective == "multilabel" else 0)
    whole = pretrain(asked, tmp_path / "whole", base=pictures)
    stopped = pretrain(asked, tmp_path / "run", base=pictures, stop=lambda step: step == after)
    assert stopped.path is None
    found = pretrain(asked, tmp_path / "run", base=pictures)
    assert found.path is not None
    assert whole.path is not None
    assert found.path.read_bytes() == whole.path.read_bytes()
    assert found.summary == whole.summary


def test_a_stopped_run_with_augmentations_ends_with_the_same_bytes(pictures: Path, tmp_path: Path) -> None:
    names = ("mixup", "noise", "quantisation", "stretch", "reverberation", "recorder", "masked_branch")
    asked = recipe("multilabel", augmentations=tuple({"name": name, "probability": 0.5} for name in names))
    plain = pretrain(recipe("multilabel"), tmp_path / "plain", base=pictures)
    whole = pretrain(asked, tmp_path / "whole", base=pictures)
    assert pretrain(asked, tmp_path / "run", base=pictures, stop=lambda step: step == 4).path is None
    found = pretrain(asked, tmp_path / "run", base=pictures)
    assert found.path is not None
    assert whole.path is not None
    assert plain.path is not None
    assert found.path.read_bytes() == whole.path.read_bytes()
    assert found.summary == whole.summary
    assert found.summary["recipe"]["augmentations"][1] == {"name": "noise", "probability": 0.5}
    assert found.path.read_bytes() != plain.path.read_bytes()


@pytest.mark.parametrize("objective", ["autoencoding", "random_projection", "byol", "frames_and_utterance"])
def test_every_objective_takes_augmented_pictures(objective: str, pictures: Path, tmp_path: Path) -> None:
    tables = tuple({"name": name} for name in ("mixup", "noise", "stretch", "reverberation", "recorder"))
    asked = recipe(objective, augmentations=tables, training=replace(TRAINING, epochs=1))
    assert pretrain(asked, tmp_path / "run", base=pictures).summary["steps"] == 3
    with pytest.raises(UsageError, match=r"predicts no labels.*multilabel"):
        pretrain(replace(asked, augmentations=({"name": "masked_branch"},)), tmp_path / "b", base=pictures)


def test_the_head_goes_first_and_leaves_the_encoder_as_it_was(pictures: Path, tmp_path: Path) -> None:
    first = pretrain(recipe("byol"), tmp_path / "ssl", base=pictures)
    assert first.path is not None
    start = load_encoder(first.path).state_dict()
    asked = recipe("multilabel", encoder=str(first.path), encoder_config={}, head_epochs=2)
    with pytest.raises(UsageError, match=r"encoder_config is .*holds its own"):
        pretrain(replace(asked, encoder_config={"blocks": 4}), tmp_path / "post", base=pictures)
    seen: list[bool] = []

    def stop(step: int) -> bool:
        seen.append(True)
        return len(seen) == 6  # the last step of the head's two epochs

    pretrain(asked, tmp_path / "post", base=pictures, stop=stop)
    from safetensors.torch import load_file

    state = load_file(tmp_path / "post" / "head" / "checkpoint.safetensors")
    for key, tensor in start.items():
        assert torch.equal(state[f"module.encoder.{key}"], tensor), key
    found = pretrain(asked, tmp_path / "post", base=pictures)
    assert found.path is not None
    assert not torch.equal(load_encoder(found.path).state_dict()["embedding.weight"], start["embedding.weight"])
    assert found.summary["labels"] == ["high", "low"]


def test_supervised_training_learns_the_tones(pictures: Path, tmp_path: Path) -> None:
    training = replace(TRAINING, epochs=12)
    found = pretrain(recipe("multilabel", training=training, crops=48), tmp_path / "run", base=pictures)
    losses = found.summary["training_loss"]
    assert losses[0] > 0.5
    assert losses[-1] < 0.75 * losses[0]


def test_recipes_are_files(tmp_path: Path) -> None:
    text = 'encoder = "melcnn"\nobjective = "byol"\n[[sources]]\nstore = "s"\nweight = 2.0\n'
    text += '[[augmentations]]\nname = "noise"\nsnr_db = [3.0, 9.0]\n[training]\nepochs = 2\n'
    (tmp_path / "r.toml").write_text(text)
    read = load(Recipe, tmp_path / "r.toml")
    assert read.sources == (SourceConfig("s", 2.0),)
    assert read.training.epochs == 2
    assert read.augmentations == ({"name": "noise", "snr_db": [3.0, 9.0]},)
    (tmp_path / "r.toml").write_text(text + "epoch = 3\n")
    with pytest.raises(ConfigError, match="epoch"):
        load(Recipe, tmp_path / "r.toml")


def test_what_does_not_fit_is_refused(pictures: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"own settings of the picture"):
        pretrain(recipe(encoder_config={}), tmp_path / "a", base=pictures)
    with pytest.raises(UsageError, match="cannot be trained here"):
        pretrain(recipe(encoder="bagnet", encoder_config={}), tmp_path / "b", base=pictures)
    with pytest.raises(UsageError, match="crop_s"):
        pretrain(recipe(crop_s=0.0), tmp_path / "c", base=pictures)
    pretrain(recipe(), tmp_path / "d", base=pictures)
    with pytest.raises(UsageError, match="another recipe"):
        pretrain(recipe("random_projection"), tmp_path / "d", base=pictures)
    assert MelTransformer.name == "meltransformer"


@pytest.mark.parametrize(("crops", "size"), [(9, 8), (1, 8), (8, 1)])
def test_a_batch_of_one_is_refused_where_clips_are_normalised_together(
    crops: int, size: int, pictures: Path, tmp_path: Path
) -> None:
    training = replace(TRAINING, batch_size=size, epochs=1)
    with pytest.raises(UsageError, match="leave a batch of 1"):
        pretrain(recipe(crops=crops, training=training), tmp_path / "run", base=pictures)
    assert not (tmp_path / "run").exists()
    pretrain(recipe("autoencoding", crops=crops, training=training), tmp_path / "run", base=pictures)


def test_a_folder_of_other_things_is_left_alone(pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "corpus.toml").write_text("")
    with pytest.raises(UsageError, match=r"holds other things: corpus\.toml"):
        pretrain(recipe(), tmp_path / "corpus", base=pictures)
    assert [each.name for each in (tmp_path / "corpus").glob("[!.]*")] == ["corpus.toml"]


def test_crops_that_no_memory_holds_are_refused(pictures: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"crop_s is 1000000000.0 .*3600 at most"):
        pretrain(recipe(crop_s=1e9), tmp_path / "run", base=pictures)


def test_two_runs_never_write_into_one_folder(pictures: Path, tmp_path: Path) -> None:
    with only_writer(tmp_path / "run"), pytest.raises(UsageError, match="another process"):
        pretrain(recipe(), tmp_path / "run", base=pictures)
