"""docs/studies/pretraining: recipes that can be run, sides that can be compared, and no recording on both of them."""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
import torch
from tests.conftest import REPOSITORY
from tests.pretraining.conftest import PICTURE

from tymbal.config import load
from tymbal.corpus import Corpus
from tymbal.corpus.splits import make_split
from tymbal.encoders import load_encoder
from tymbal.encoders.source import open_encoder
from tymbal.pretraining import Recipe, SourceConfig, pretrain
from tymbal.pretraining.objectives import OBJECTIVES
from tymbal.pretraining.run import BEGUN
from tymbal.probes.sweep import SweepTask, run_sweep
from tymbal.probes.sweep.config import load_plan
from tymbal.training import TrainingConfig

STUDY = REPOSITORY / "docs" / "studies" / "pretraining"
PLANS = ("cnn", "digits", "layers", "objectives", "songs", "stages")
RECIPES = sorted(path.stem for path in STUDY.glob("*.toml") if path.stem not in PLANS)
SMALL = {"dim": 16, "ffn": 32, "heads": 2, "blocks": 2, "position_kernel": 4, "position_groups": 2, "picture": PICTURE}
SMALL_CNN = {"channels": (4, 4, 6, 8), "blocks": 1, "picture": PICTURE}


def recipe(name: str) -> Recipe:
    found = load(Recipe, STUDY / f"{name}.toml")
    found.check()
    return found


def shrunk(name: str, folder: Path) -> Recipe:
    """The recipe at a size of seconds, on the corpus of tones; what it goes on from is taken from `folder`."""
    asked = recipe(name)
    after = asked.encoder.endswith(".safetensors")
    training = replace(asked.training, epochs=8, batch_size=8, learning_rate=3e-3, warmup_epochs=1.0)
    return replace(
        asked,
        encoder=str(folder / asked.encoder) if after else asked.encoder,
        encoder_config={} if after else SMALL_CNN if asked.encoder == "melcnn" else SMALL,
        sources=(SourceConfig("store", corpus="corpus"),),
        crop_s=0.5,
        crops=32,
        training=training,
    )


def module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, STUDY / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def test_every_objective_has_a_recipe_for_both_networks() -> None:
    for objective in OBJECTIVES:
        transformer, cnn = recipe(objective), recipe(f"cnn_{objective}")
        assert (transformer.encoder, transformer.objective) == ("meltransformer", objective)
        assert (cnn.encoder, cnn.objective) == ("melcnn", objective)
        assert (cnn.sources, cnn.crops, cnn.crop_s) == (transformer.sources, transformer.crops, transformer.crop_s)


def updates(asked: Recipe) -> int:
    epochs = asked.training.epochs + asked.head_epochs
    return epochs * -(-asked.crops // asked.training.batch_size)


@pytest.mark.parametrize("mix", ["animal", "mixed"])
def test_stages_have_equal_updates_and_sounds(mix: str) -> None:
    whole, start, post = (recipe(f"{name}_{mix}") for name in ("ssl", "start", "post"))
    assert updates(whole) == updates(start) + updates(post)
    assert whole.sources == start.sources == post.sources
    assert start == replace(whole, training=replace(whole.training, epochs=start.training.epochs))


def test_cnn_and_transformer_have_the_same_data_and_budget() -> None:
    cnn, transformer = recipe("cnn_random_projection"), recipe("transformer")
    assert replace(cnn, encoder="", encoder_config={}) == replace(transformer, encoder="", encoder_config={})


@pytest.mark.parametrize("name", PLANS)
def test_plans_name_runs_that_a_recipe_makes(name: str) -> None:
    plan = load_plan(STUDY / f"{name}.toml")
    made = {Path(each.encoder or "").parent.name for each in plan.encoders if not each.random_weights}
    assert made <= set(RECIPES)
    for each in plan.encoders:
        if each.random_weights:
            trained = recipe("autoencoding" if each.encoder == "meltransformer" else "ssl_mixed")
            assert (each.encoder, each.options) == (trained.encoder, trained.encoder_config)


@pytest.mark.parametrize("name", sorted(OBJECTIVES))
def test_a_small_run_begins_as_the_untrained_network_and_its_loss_falls(
    name: str, pictures: Path, tmp_path: Path
) -> None:
    asked = shrunk(name, tmp_path)
    still = replace(asked, training=TrainingConfig(epochs=1, batch_size=8, learning_rate=1e-30, warmup_epochs=0.0))
    first = pretrain(still, tmp_path / "first", base=pictures)
    assert first.path is not None
    untrained = open_encoder(asked.encoder, random_weights=True, **SMALL).encoder
    for key, tensor in load_encoder(first.path).state_dict().items():
        torch.testing.assert_close(tensor, untrained.state_dict()[key], atol=1e-12, rtol=0)
    found = pretrain(asked, tmp_path / "run", base=pictures)
    assert found.summary["encoder_checksum"] != untrained.checksum
    losses = found.summary["training_loss"]
    assert losses[-1] < losses[0]


def test_a_small_two_by_two_and_its_sweep(pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folder in ("corpus", "sounds"):
        shutil.copytree(pictures / folder, tmp_path / folder)
    make_split(Corpus.open(tmp_path / "corpus"), "recordings", folds=4)
    for name in ("ssl_animal", "start_animal", "post_animal"):
        pretrain(shrunk(name, tmp_path), tmp_path / "runs" / name, base=pictures)
        assert (tmp_path / "runs" / name / BEGUN).is_file()
    plan = load_plan(STUDY / "stages.toml")
    task = SweepTask(str(tmp_path / "corpus"), label="label", split="recordings", name="tones", unit_name="recording")
    encoders = tuple(
        replace(each, encoder=str(tmp_path / "runs" / f"{name}_animal" / "encoder.safetensors"), name=name)
        for each, name in zip(plan.encoders[1:], ("ssl", "post"), strict=False)
    )
    untrained = replace(plan.encoders[0], options=SMALL_CNN)
    plan = replace(plan, tasks=(task,), encoders=(untrained, *encoders), frames=4, inner_folds=2)
    results = run_sweep(plan, tmp_path / "sweep", audited=False)
    assert results["failures"] == []
    module("tables").sweep(str(tmp_path / "sweep"), "untrained")
    table = capsys.readouterr().out.splitlines()
    assert len(table) == 5
    for line, name in zip(table[2:], ("untrained", "ssl", "post"), strict=True):
        cells = [cell.strip() for cell in line.split("|")]
        assert cells[1:4] == ["tones", "8 × recording", name]
        assert cells[-2].startswith("+" if name != "untrained" else "") or cells[-2].startswith("−")
    module("tables").losses([str(tmp_path / "runs" / "post_animal")])
    assert "post_animal" in capsys.readouterr().out


def test_no_recording_is_trained_on_and_tested(
    data: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a file, nor what ESC-50 cut from one recording of Freesound."""
    root = data("esc50_subset").parent
    monkeypatch.chdir(tmp_path)
    recordings = module("recordings")
    recordings.wild(root)
    recordings.esc(root)

    def contents(*folders: Path) -> set[str]:
        files = [path for folder in folders for path in folder.rglob("audio/**/*") if path.is_file()]
        assert files
        return {hashlib.blake2b(path.read_bytes()).hexdigest() for path in files}

    sets = ("cat_meows", "bengalese_finch_song", "zebra_finch_song", "spoken_digits")
    trained = contents(tmp_path / "wild", tmp_path / "esc")
    tested = contents(tmp_path / "esc10", *(root / name for name in sets))
    assert trained.isdisjoint(tested)

    def freesound(folder: str) -> set[str]:
        return {path.name.split("-")[1] for path in (tmp_path / folder / "audio").iterdir()}

    assert len(freesound("esc10")) == 304
    assert freesound("esc").isdisjoint(freesound("esc10"))
