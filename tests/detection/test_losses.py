"""Losses against what the papers write, gradients and far ends included."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference.detectors import heat_loss as slow_heat_loss
from tests.reference.detectors import iou

from tymbal.detection.losses import (
    LossConfig,
    activity_loss,
    bounds_loss,
    class_loss,
    heat_loss,
    interval_iou,
    mean_over,
)
from tymbal.errors import UsageError

STEP = 1e-6


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_heat_loss_and_its_gradient_are_those_of_the_twin(seed: int) -> None:
    random = np.random.default_rng(seed)
    logits, heat = random.normal(0, 2, 12), random.uniform(0, 1, 12)
    positive, weight = random.random(12) < 0.3, random.choice([0.0, 1.0, 0.5], 12)
    heat[positive] = 1.0

    def slow(values: np.ndarray) -> float:
        return slow_heat_loss(values.tolist(), heat.tolist(), positive.tolist(), weight.tolist())

    given_logits = torch.tensor(logits, requires_grad=True)
    loss = heat_loss(given_logits, *(torch.tensor(each) for each in (heat, positive, weight)))
    assert float(loss.detach()) == pytest.approx(slow(logits), rel=1e-9)
    loss.backward()
    assert given_logits.grad is not None
    for place in range(12):
        moved = np.zeros(12)
        moved[place] = STEP
        slope = (slow(logits + moved) - slow(logits - moved)) / (2 * STEP)
        assert float(given_logits.grad[place]) == pytest.approx(slope, abs=1e-6)


@pytest.mark.parametrize("sure", [200.0, -200.0])
def test_a_network_that_is_sure_gives_numbers(sure: float) -> None:
    logits = torch.full((4,), sure, requires_grad=True)
    positive = torch.tensor([True, False, True, False])
    loss = heat_loss(logits, positive.float(), positive, torch.ones(4))
    loss.backward()
    assert torch.isfinite(loss)
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


@settings(max_examples=30, deadline=None)
@given(*[st.floats(-2, 2)] * 4)
def test_iou_of_intervals(shift: float, length: float, true_shift: float, true_length: float) -> None:
    tensors = [torch.tensor(each, dtype=torch.float64) for each in (shift, length, true_shift, true_length)]
    wanted = iou((shift, shift + np.exp(length)), (true_shift, true_shift + np.exp(true_length)))
    assert float(interval_iou(*tensors)) == pytest.approx(wanted, abs=1e-9)


def test_unknown_classes_and_missing_bounds_teach_nothing() -> None:
    logits = torch.randn(3, 4, requires_grad=True)
    loss = class_loss(logits, torch.tensor([1, -1, 2]), torch.tensor([1.0, 2.0, 1.0, 1.0]))
    loss.backward()
    assert logits.grad is not None
    assert (logits.grad[1] == 0).all()
    assert (logits.grad[0] != 0).all()
    assert class_loss(logits, torch.tensor([-1, -1, -1]), torch.ones(4)).item() == 0.0
    bounds = torch.tensor([[0.2, 0.5], [0.3, 0.3]], requires_grad=True)
    away = bounds_loss(bounds, torch.tensor([[0.1, 0.7], [np.nan, np.nan]]))
    away.backward()
    assert away.item() == pytest.approx(0.15 + 1 - 0.3 / 0.6)
    assert bounds.grad is not None
    assert torch.isfinite(bounds.grad).all()
    assert (bounds.grad[1] == 0).all()


@settings(max_examples=30, deadline=None)
@given(*[st.floats(0.02, 0.98)] * 4)
def test_bounds_count_by_error_and_by_overlap(low: float, high: float, true_low: float, height: float) -> None:
    true_high = true_low + height * (1 - true_low)
    found = torch.tensor([[low, high]], dtype=torch.float64, requires_grad=True)
    loss = bounds_loss(found, torch.tensor([[true_low, true_high]], dtype=torch.float64))
    loss.backward()
    overlap = iou((low, high), (true_low, true_high)) if high > low else 0.0
    wanted = (abs(low - true_low) + abs(high - true_high)) / 2 + 1 - overlap
    assert loss.item() == pytest.approx(wanted, abs=1e-9)
    assert found.grad is not None
    assert torch.isfinite(found.grad).all()


def test_weights_of_classes_count() -> None:
    logits = torch.tensor([[2.0, 0.0], [2.0, 0.0]])
    even = class_loss(logits, torch.tensor([0, 1]), torch.ones(2))
    rare = class_loss(logits, torch.tensor([0, 1]), torch.tensor([0.5, 1.5]))
    assert rare > even


def test_nothing_to_count_is_zero() -> None:
    none = torch.zeros(0)
    assert float(mean_over(none, none.bool())) == 0.0
    assert float(activity_loss(torch.ones(2), torch.ones(2), torch.zeros(2))) == 0.0


def test_settings_out_of_range() -> None:
    with pytest.raises(UsageError, match="iou"):
        LossConfig(iou=-1.0).check()
