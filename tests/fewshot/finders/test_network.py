"""The network as a finder: chosen, calibrated, saved and refused like any other; torch is loaded when asked for."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.fewshot.conftest import ONSETS, prompt_of
from tests.fewshot.network.small import make_network

from tymbal.errors import DataError, UsageError
from tymbal.fewshot import Finder
from tymbal.fewshot.finders import find_kind, network
from tymbal.fewshot.finders.network import LogitResponse
from tymbal.fewshot.network.files import save_network
from tymbal.training import read_tensors


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained network: its answer is that of the training-free curves."""
    path = tmp_path_factory.mktemp("model") / "network.safetensors"
    save_network(make_network(bands=48), path, {})
    return path


def test_before_training_it_finds_what_the_training_free_finders_find(
    chirps: Path, model: Path, tmp_path: Path
) -> None:
    finder = Finder.fit(prompt_of(chirps), finders=["network"], model=model)
    found = finder.predict(chirps)
    hits = [np.abs(found["onset_s"].to_numpy() - onset).min() < 0.1 for onset in ONSETS]
    assert all(hits)
    assert found.height <= len(ONSETS) + 2
    assert finder.choice.names == ("network",)
    assert [name for name, _ in finder.choice.table] == ["network"]
    finder.save(tmp_path / "finder.npz")
    again = Finder.load(tmp_path / "finder.npz")
    assert again.digest == finder.digest
    assert again.predict(chirps).equals(found)


def test_it_is_fused_with_others(chirps: Path, model: Path) -> None:
    finder = Finder.fit(prompt_of(chirps), finders=["ncc", "network"], model=model)
    assert [name for name, _ in finder.choice.table] == ["ncc", "network", "ncc+network"]


def test_distances_give_boxes_and_runs_do() -> None:
    curve = np.full(60, -4.0)
    curve[20:30] = 2.0
    curve[25] = 3.0
    distances = np.zeros((60, 2))
    distances[25] = [7.0, 8.0]
    starts, stops = LogitResponse(curve, 1, 3, distances, 12.0).propose()
    boxes = set(zip(starts.tolist(), stops.tolist(), strict=True))
    assert boxes == {(20, 30), (18, 34)}


def test_the_one_that_ships_finds_and_is_what_its_card_says(chirps: Path) -> None:
    found = Finder.fit(prompt_of(chirps), finders=["network"]).predict(chirps)
    assert found.height >= 5
    content = network.SHIPPED.read_bytes()
    assert len(content) < 10_000_000
    assert hashlib.sha256(content).hexdigest() in network.SHIPPED.with_suffix(".md").read_text(encoding="utf-8")
    about = read_tensors(network.SHIPPED, mend="")[1]["about"]
    assert (about["size"], about["scenes"], about["seed"]) == ("small", 10_000, 1)


def test_without_a_file_it_says_how_to_get_one(
    chirps: Path, tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompt = prompt_of(chirps)
    with monkeypatch.context() as patched:
        patched.setattr(network, "SHIPPED", tmp_path / "gone.safetensors")
        with pytest.raises(UsageError, match="fewshot train"):
            Finder.fit(prompt, finders=["network"])
    with pytest.raises(DataError, match="no such file"):
        Finder.fit(prompt_of(chirps), finders=["network"], model=tmp_path / "none.safetensors")
    (tmp_path / "other").write_bytes(b"no network")
    with pytest.raises(DataError, match="not a file that Tymbal wrote"):
        Finder.fit(prompt_of(chirps), finders=["network"], model=tmp_path / "other")
    with pytest.raises(UsageError, match="bands"):
        Finder.fit(prompt_of(chirps), finders=["network"], model=model, bands=32)
    with pytest.raises(UsageError, match="unknown finder"):
        find_kind("ncc:file")


def test_finders_need_no_torch() -> None:
    code = "import sys; import tymbal.fewshot, tymbal.fewshot.finders.network; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
