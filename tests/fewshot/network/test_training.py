"""Training end to end at a tiny size: a file comes out, a stop changes nothing, wrong settings are told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tests.fewshot.network.made import make
from tests.fewshot.network.small import TINY

from tymbal.errors import DataError, UsageError
from tymbal.fewshot.network import batches, scenes, store, training
from tymbal.fewshot.network.config import SIZES
from tymbal.fewshot.network.files import load_network
from tymbal.fewshot.network.scenes import ExampleWork, SceneSettings
from tymbal.fewshot.network.store import ExampleStore, packed, unpacked
from tymbal.fewshot.network.training import FewshotRecipe, train_network


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Examples without sound, four to a shard, for a tiny network; returns the numbers that were made."""
    made: list[int] = []

    def example(work: ExampleWork, index: int) -> scenes.Example:
        made.append(index)
        return make(index + work.settings.seed % 97)

    monkeypatch.setattr(ExampleWork, "__call__", example)
    monkeypatch.setattr(store, "PER_SHARD", 4)
    monkeypatch.setattr(batches, "SUPPORT_FRAMES", 160)
    monkeypatch.setattr(batches, "QUERY_FRAMES", 220)
    monkeypatch.setattr(training, "CHUNKS", 3)
    monkeypatch.setitem(SIZES, "small", TINY)
    return made


RECIPE = FewshotRecipe(scenes=12, validation=4, batch_size=4)


def test_a_network_is_trained_and_written(tmp_path: Path, quick: list[int]) -> None:
    found = train_network(RECIPE, tmp_path / "net.safetensors", scenes=tmp_path / "kept")
    assert sorted(quick) == sorted([*range(4), *range(12)])
    assert found.report.steps == 9
    network = load_network(found.path)
    assert sum(each.numel() for each in network.parameters()) == found.parameters
    assert len(list((tmp_path / "kept").glob("*.npz"))) == 4
    train_network(RECIPE, tmp_path / "again.safetensors", scenes=tmp_path / "kept")
    assert len(quick) == 16, "scenes that are there were made again"
    assert (tmp_path / "again.safetensors").read_bytes() == (tmp_path / "net.safetensors").read_bytes()


def test_a_stopped_run_goes_on_to_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train_network(RECIPE, tmp_path / "whole.safetensors", scenes=tmp_path / "kept")
    real, left = training.loss, [5]

    def dies(module: torch.nn.Module, batch: object) -> torch.Tensor:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return real(module, batch)  # type: ignore[arg-type]

    monkeypatch.setattr(training, "loss", dies)
    with pytest.raises(KeyboardInterrupt):
        train_network(RECIPE, tmp_path / "cut.safetensors", scenes=tmp_path / "kept")
    monkeypatch.setattr(training, "loss", real)
    train_network(RECIPE, tmp_path / "cut.safetensors", scenes=tmp_path / "kept")
    assert (tmp_path / "cut.safetensors").read_bytes() == (tmp_path / "whole.safetensors").read_bytes()


def test_settings_that_cannot_be_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="size"):
        train_network(FewshotRecipe(size="tiny"), tmp_path / "x")
    with pytest.raises(UsageError, match="scenes"):
        train_network(FewshotRecipe(scenes=1), tmp_path / "x")
    with pytest.raises(UsageError, match="folder"):
        train_network(RECIPE, tmp_path)


def test_a_store_keeps_examples_and_refuses_other_files(tmp_path: Path) -> None:
    examples = [make(1, frames=30), make(2, frames=50)]
    path = tmp_path / "x.npz"
    path.write_bytes(packed(examples))
    for one, other in zip(examples, unpacked(path), strict=True):
        for name in store.ARRAYS:
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
        assert one.median == other.median
    path.write_bytes(b"nothing")
    with pytest.raises(DataError, match="made anew"):
        unpacked(path)


def test_more_scenes_share_the_first_ones(tmp_path: Path, quick: list[int]) -> None:
    ExampleStore(tmp_path, SceneSettings(), 8).make()
    ExampleStore(tmp_path, SceneSettings(), 12).make()
    assert sorted(quick) == list(range(12))
    ExampleStore(tmp_path, SceneSettings(seed=1), 4).make()
    assert len(quick) == 16


def test_other_files_are_no_networks(tmp_path: Path) -> None:
    from tymbal.training import write_tensors

    write_tensors(tmp_path / "other", {"x": torch.zeros(2)}, {"kind": "probe"})
    with pytest.raises(DataError, match="no few-shot network"):
        load_network(tmp_path / "other")
    state = {"kind": "fewshot-network", "format": 1, "config": {"dim": 16, "heads": 2}, "about": {}}
    write_tensors(tmp_path / "less", {"x": torch.zeros(2)}, state)
    with pytest.raises(DataError, match="damaged"):
        load_network(tmp_path / "less")
