"""Devices by name: what is not there is told in one line."""

from __future__ import annotations

import pytest
import torch

from tymbal.errors import UsageError
from tymbal.training.device import usable_device


def test_the_processor_is_always_there(monkeypatch: pytest.MonkeyPatch) -> None:
    assert usable_device("cpu") == usable_device(torch.device("cpu")) == torch.device("cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert usable_device(None) == torch.device("cpu")


@pytest.mark.parametrize(("name", "count"), [("cuda", 0), ("cuda:1", 1), ("toaster", 1)])
def test_what_is_not_there_is_refused(name: str, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    with pytest.raises(UsageError, match=rf"device is '{name}' \(allowed: cpu"):
        usable_device(name)


def test_one_of_several_is_taken_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert usable_device("cuda:1") == torch.device("cuda:1")
    assert usable_device("cuda") == torch.device("cuda")
