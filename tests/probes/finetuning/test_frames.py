from __future__ import annotations

import numpy as np
import torch

from tymbal.probes import pooling
from tymbal.probes.finetuning.frames import common_axis, time_statistics


def ragged(dim: int, rows: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    mask = np.arange(rows.max())[None] < rows[:, None]
    values = rng.normal(size=(len(rows), rows.max(), dim)).astype(np.float32)
    return np.where(mask[..., None], values, np.float32(9.0)), mask


def test_statistics_are_those_of_frozen_features() -> None:
    rows = np.array([1, 4, 7])
    values, mask = ragged(5, rows, 0)
    wanted = pooling.time_statistics(values, mask, ("mean", "std", "max"))
    found = time_statistics(torch.from_numpy(values), rows, ("mean", "std", "max"))
    np.testing.assert_allclose(found.numpy(), wanted, atol=1e-6)


def test_a_single_frame_has_a_finite_gradient() -> None:
    values = torch.randn(2, 3, 4, requires_grad=True)
    time_statistics(values, np.array([1, 3]), ("std", "max")).sum().backward()
    assert values.grad is not None
    assert torch.isfinite(values.grad).all()
    assert not values.grad[0, 1:].any()


def test_layers_meet_on_the_axis_of_frozen_features() -> None:
    first, second = np.array([2, 5, 3]), np.array([4, 5, 9])
    a, a_mask = ragged(3, first, 1)
    b, b_mask = ragged(2, second, 2)
    wanted = np.maximum(first, second)
    length = int(wanted.max())
    expected = [pooling.to_common_axis(values, mask, wanted, length) for values, mask in ((a, a_mask), (b, b_mask))]
    found, mask = common_axis(
        [torch.from_numpy(np.where(each[1][..., None], each[0], 0)) for each in ((a, a_mask), (b, b_mask))],
        [first, second],
    )
    np.testing.assert_allclose(found.numpy(), np.concatenate(expected, axis=2), atol=1e-6)
    assert np.array_equal(mask.numpy(), np.arange(length)[None] < wanted[:, None])
