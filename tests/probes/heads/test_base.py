from __future__ import annotations

import numpy as np
import pytest

from tymbal.probes.heads.base import log_loss, sigmoid, softmax


def test_losses_by_hand() -> None:
    logits, targets = np.array([[0.0, 0.0], [2.0, 0.0]]), np.array([[1.0, 0.0], [0.0, 1.0]])
    weights = np.array([1.0, 3.0])
    expected = (np.log(2) + 3 * (np.log(np.exp(2) + 1))) / 4
    assert log_loss(logits, targets, weights, False) == pytest.approx(expected)
    binary = (2 * np.log(2) + 3 * (np.log(1 + np.exp(2)) + np.log(2))) / 4
    assert log_loss(logits, targets, weights, True) == pytest.approx(binary)
    assert sigmoid(np.array([-1000.0, 0.0, 1000.0])).tolist() == [0.0, 0.5, 1.0]
    np.testing.assert_allclose(softmax(np.array([[1000.0, 0.0]])), [[1.0, 0.0]])
