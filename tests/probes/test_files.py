from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from tests.probes.synthetic import make_examples

import tymbal
from tymbal.errors import DataError
from tymbal.probes import Probe
from tymbal.training import TrainingConfig


@pytest.fixture
def saved(tmp_path):
    examples, labels, groups = make_examples()
    training = TrainingConfig(epochs=3, batch_size=16, seed=4)
    probe = Probe(head="attention", options={"queries": 2}, dim=8, training=training)
    return probe.fit(examples, labels, groups=groups), probe.save(tmp_path / "probe.safetensors"), examples


def test_the_file_says_what_the_probe_is(saved) -> None:
    _, path, _ = saved
    with safe_open(str(path), framework="pt") as file:
        state = json.loads(file.metadata()["tymbal"])
    assert state["layers"] == ["a", "b"]
    assert state["labels"] == ["kind0", "kind1", "kind2"]
    assert state["encoder_checksum"] == "c0ffee"
    assert state["preprocessing"] == {
        "statistics": ["mean", "std", "max"],
        "norm": "standard",
        "features": {"encoder": "synthetic"},
    }
    assert state["config"]["options"] == {"queries": 2}
    assert state["config"]["training"]["seed"] == 4
    assert state["tymbal_version"] == tymbal.__version__


def test_everything_comes_back(saved) -> None:
    probe, path, examples = saved
    found = Probe.load(path, encoder_checksum="c0ffee", layers=["b", "a", "c"])
    assert found.config == probe.config
    assert found.layers_ == probe.layers_
    assert found.labels_ == probe.labels_
    assert found.notes_ == probe.notes_
    assert found.layer_weights() == probe.layer_weights()
    assert np.array_equal(found.predict_proba(examples), probe.predict_proba(examples))
    assert found.predict(examples) == probe.predict(examples)


def test_other_features_are_refused_at_the_door(saved) -> None:
    _, path, _ = saved
    with pytest.raises(DataError, match=r"probe\.safetensors: these features come from encoder beef"):
        Probe.load(path, encoder_checksum="beef")
    with pytest.raises(DataError, match=r"taps layer 'b'.*allowed: a"):
        Probe.load(path, layers=["a"])


def test_what_is_no_probe_is_refused(tmp_path) -> None:
    path = tmp_path / "x.safetensors"
    with pytest.raises(DataError, match="no such file"):
        Probe.load(path)
    path.write_bytes(b"PK\x03\x04" + bytes(100))
    with pytest.raises(DataError, match="not a file that Tymbal wrote"):
        Probe.load(path)
    save_file({"a": torch.zeros(1)}, path, metadata={"tymbal": json.dumps({"format": 99})})
    with pytest.raises(DataError, match="format 99"):
        Probe.load(path)
