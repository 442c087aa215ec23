from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from tymbal.training import read_tensors
from tymbal.training.faults import keep_batch, not_finite, tensors_of


@dataclass
class Batch:
    waveform: Tensor
    names: list[str]
    parts: dict[str, tuple[Tensor, int]]


def test_every_tensor_of_a_nested_batch_is_found_and_kept(tmp_path: Path) -> None:
    batch = [Batch(torch.ones(2), ["a"], {"x": (torch.full((1,), torch.nan), 3)})]
    assert [name for name, _ in tensors_of(batch)] == ["batch.0.waveform", "batch.0.parts.x.0"]
    path = keep_batch(tmp_path, batch, {"step": 4})
    tensors, state = read_tensors(path, mend="")
    assert tensors["batch.0.waveform"].tolist() == [1.0, 1.0]
    assert bool(tensors["batch.0.parts.x.0"].isnan())
    assert state == {"step": 4}


def test_the_message_shows_few_examples_and_carries_all() -> None:
    error = not_finite("loss", 3, 1, list(range(20)), " Kept there.")
    assert error.examples == tuple(range(20))
    assert "0, 1, 2, 3, 4, 5, 6, 7, …" in str(error)
    assert "Kept there." in str(error)
