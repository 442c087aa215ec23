"""A linear head beside an encoder's file."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from tymbal.encoders.loading.classifier import Classifier, classifier_path, read_classifier, write_classifier
from tymbal.errors import EncoderError


def test_a_head_comes_back_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "encoder.safetensors"
    assert read_classifier(path) is None
    wanted = Classifier(torch.randn(3, 4), None, Classifier(torch.randn(4, 5), torch.randn(4)))
    assert write_classifier(wanted, path) == tmp_path / "encoder.classifier.safetensors"
    found = read_classifier(path)
    assert found is not None
    assert found.hidden is not None
    assert wanted.hidden is not None
    assert torch.equal(found.weight, wanted.weight)
    assert found.bias is None
    assert torch.equal(found.hidden.weight, wanted.hidden.weight)
    assert found.hidden.bias is not None
    assert wanted.hidden.bias is not None
    assert torch.equal(found.hidden.bias, wanted.hidden.bias)


def test_a_file_without_a_head_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "encoder.safetensors"
    save_file({"weight": torch.zeros(3)}, classifier_path(path))
    with pytest.raises(EncoderError, match="no linear head"):
        read_classifier(path)
