"""Crops of scenes made on the fly: those of the same scenes in a store, from their number alone, in little memory."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.pretraining.conftest import PICTURE
from tests.pretraining.test_run import SMALL, TRAINING, recipe

from tymbal.encoders import create_encoder
from tymbal.encoders.pictures import PictureConfig
from tymbal.errors import ConfigError, DataError, UsageError
from tymbal.features import FeatureStore, embed
from tymbal.jobs import write_text
from tymbal.pretraining import Crops, Recipe, SourceConfig, open_source, pretrain
from tymbal.pretraining.made import SceneSource
from tymbal.pretraining.sources import labels_of
from tymbal.synthesis import ScenePlan, boxes_plan, fewshot_plan, plan_text, write_scenes
from tymbal.synthesis.distributions import constant

PLAN = replace(boxes_plan(3, duration_s=2.0, scenes=12, seed=3), sample_rate_hz=8000, reference_rate_hz=16_000)
PLAN = replace(PLAN, calls=replace(PLAN.calls, events=constant(3)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Plans of two kinds, and the corpus and the store of the first."""
    root = tmp_path_factory.mktemp("plans")
    write_text(root / "boxes.toml", plan_text(PLAN))
    write_text(root / "new.toml", plan_text(ScenePlan(scenes=5)))
    corpus, failures = write_scenes(PLAN, root / "scenes")
    assert not failures
    embed(corpus, create_encoder("picture", **PICTURE), root / "store", workers=1, dtype="float32")
    return root


def opened(folder: Path, **config: object) -> SceneSource:
    source = open_source(SourceConfig(plan="boxes.toml", **config), folder)  # type: ignore[arg-type]
    assert isinstance(source, SceneSource)
    source.look(PictureConfig(**PICTURE))  # type: ignore[arg-type]
    return source


def test_pictures_are_those_of_the_corpus_that_the_plan_would_write(folder: Path) -> None:
    source, store = opened(folder), FeatureStore.open(folder / "store")
    rows = store.read_range("picture", 0, store.rows("picture"))
    seen = 0
    for number in range(12):
        picture = source.picture(source.generator.scene(number))
        np.testing.assert_allclose(picture, rows[seen : seen + len(picture)], atol=1e-5)
        seen += len(picture)
    assert seen == len(rows)
    assert source.hours == pytest.approx(12 * 4 / 3600)  # 2 s of the plan last 4 s at half its rate
    assert source.bands == 16


def test_a_crop_is_a_function_of_its_numbers(folder: Path) -> None:
    drawn = np.random.default_rng(0).random((7, 2))
    one, other = opened(folder), opened(folder)
    other.crops(np.random.default_rng(1).random((3, 2)), 50, labelled=True)
    for first, again in zip(*(each.crops(drawn, 50, labelled=True) for each in (one, other)), strict=True):
        assert first.picture.tobytes() == again.picture.tobytes()
        assert first.labels == again.labels
    longer = one.crops(drawn[:1], 1000, labelled=False)[0]
    assert longer.picture.shape == (400, 16)


def test_neighbours_share_a_scene_while_it_holds_them(folder: Path) -> None:
    source, made = opened(folder), []
    scene = source.generator.scene
    source.generator.scene = lambda *at: made.append(at) or scene(*at)  # type: ignore[method-assign, func-returns-value]
    drawn = np.random.default_rng(0).random((8, 2))
    source.crops(drawn, 100, labelled=False)  # 1 s of 4
    assert made == [(int(which * 12), 0) for which in drawn[::4, 0]]
    made.clear()
    source.crops(drawn, 300, labelled=False)
    assert len(made) == 8


def test_labels_are_the_truth_and_are_heard(folder: Path) -> None:
    source = opened(folder)
    labels = labels_of([source])
    assert labels == ("v000", "v001", "v002")
    crops = Crops([source], frames=60, examples=120, labels=labels)
    torch.manual_seed(0)
    _, real, told = crops.batch(torch.arange(120))
    assert told is not None
    assert bool(real.all())
    assert float(told.any(1).float().mean()) > 0.8  # around calls, where the scene has any that can be told
    for number in range(12):
        scene = source.generator.scene(number)
        picture = source.picture(scene)
        crop = source._crop(scene, picture, 0.0, 0.5, len(picture), True)
        assert set(crop.labels) == {call.label for call in scene.calls if call.truth != "UNK"}


def test_parts_of_a_scene_are_drawn_alike(tmp_path: Path) -> None:
    plan = fewshot_plan(prompt_s=1.0, query_s=1.0, scenes=4)
    source = SceneSource(SourceConfig(plan="p"), plan, tmp_path)
    names: list[str] = []
    scene = source.generator.scene
    source.generator.scene = lambda *at: names.append(at) or scene(*at)  # type: ignore
    source.crops(np.stack([np.arange(8) / 8, np.zeros(8)], 1), 100, labelled=False)
    assert names == [(number, part) for number in range(4) for part in range(2)]


def test_memory_is_that_of_a_scene(folder: Path) -> None:
    source = opened(folder)
    few, many = np.random.default_rng(0).random((4, 2)), np.random.default_rng(0).random((40, 2))
    source.crops(few, 50, labelled=False)
    peaks = []
    for drawn in (few, many):
        tracemalloc.start()
        source.crops(drawn, 50, labelled=False)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 40 * 50 * 16 * 4 + 200_000  # the crops themselves, no more scenes


def mixed(folder: Path, objective: str = "multilabel", **changes: object) -> Recipe:
    sources = (SourceConfig("store", weight=2.0, corpus="scenes"), SourceConfig(plan="boxes.toml"))
    return replace(recipe(objective), sources=sources, encoder_config=SMALL, **changes)  # type: ignore[arg-type]


def test_a_stopped_run_on_store_and_scenes_ends_with_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    asked = mixed(folder, training=replace(TRAINING, epochs=1), augmentations=({"name": "noise"},))
    whole = pretrain(asked, tmp_path / "whole", base=folder)
    assert pretrain(asked, tmp_path / "run", base=folder, stop=lambda step: step == 2).path is None
    found = pretrain(asked, tmp_path / "run", base=folder)
    assert found.path is not None
    assert whole.path is not None
    assert found.path.read_bytes() == whole.path.read_bytes()
    assert [next(iter(each)) for each in found.summary["sources"]] == ["store", "plan"]
    assert found.summary["labels"] == ["v000", "v001", "v002"]
    assert sorted(each.name for each in folder.iterdir()) == ["boxes.toml", "new.toml", "scenes", "store"]


def test_another_plan_is_another_run(folder: Path, tmp_path: Path) -> None:
    asked = replace(mixed(folder, "autoencoding"), sources=(SourceConfig(plan="p.toml"),))
    write_text(tmp_path / "p.toml", plan_text(PLAN))
    pretrain(asked, tmp_path / "run", base=tmp_path, stop=lambda step: True)
    write_text(tmp_path / "p.toml", plan_text(replace(PLAN, seed=4)))
    with pytest.raises(UsageError, match="another recipe"):
        pretrain(asked, tmp_path / "run", base=tmp_path)


def test_without_labels_new_classes_are_welcome_and_with_labels_refused(folder: Path) -> None:
    source = open_source(SourceConfig(plan="new.toml"), folder, labelled=False)
    assert source.labels == frozenset()
    with pytest.raises(UsageError, match=r"new in every scene.*--kind boxes"):
        open_source(SourceConfig(plan="new.toml"), folder)


def test_what_does_not_fit_is_refused(folder: Path, tmp_path: Path) -> None:
    for config in (SourceConfig(), SourceConfig("store", plan="boxes.toml")):
        with pytest.raises(DataError, match="store"):
            open_source(config, folder)
        with pytest.raises(UsageError, match="store or plan"):
            replace(recipe(), sources=(config,)).check()
    with pytest.raises(UsageError, match="scenes have truth"):
        open_source(SourceConfig(plan="boxes.toml", corpus="scenes"), folder)
    with pytest.raises(ConfigError, match="no such file"):
        open_source(SourceConfig(plan="none.toml"), folder)
    calls = replace(PLAN.calls, events=constant(200), overlap_ratio=constant(0.0))
    write_text(tmp_path / "full.toml", plan_text(replace(PLAN, calls=calls)))
    full = open_source(SourceConfig(plan="full.toml"), tmp_path)
    with pytest.raises(DataError, match=r"full.toml: scene 6: .*overlap ratio"):
        full.crops(np.array([[0.5, 0.5]]), 50, labelled=False)
