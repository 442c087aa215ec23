from __future__ import annotations

import numpy as np
import pytest
import torch

from tymbal.encoders.windows import SoundWindow
from tymbal.features.pooling import pool_event
from tymbal.probes import pooling
from tymbal.probes.finetuning.frames import common_axis, pooling_matrices, time_statistics
from tymbal.probes.finetuning.sounds import Heard
from tymbal.units import FrameGrid


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


@pytest.mark.parametrize("bins", [7, 2000])
def test_a_long_event_is_pooled_like_frozen_features_a_few_columns_at_a_time(
    bins: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    count, made, eye = 1100, [], np.eye
    monkeypatch.setattr(np, "eye", lambda *given, **rest: made.append(given) or eye(*given, **rest))
    heard = Heard(np.zeros(count * 10, np.float32), SoundWindow(0, count * 10, 0, count * 10, True), 1000, 0.0, 11.0)
    (found,) = pooling_matrices(FrameGrid(0.01, 0.005, 0.01), [heard], [count], bins)
    whole, mask = pool_event(eye(count, dtype=np.float32), 0.005 + 0.01 * np.arange(count), 0.0, 11.0, bins)
    np.testing.assert_array_equal(found, whole[mask])
    assert max(columns for _, columns, _ in made) < count / 4
