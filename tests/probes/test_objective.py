from __future__ import annotations

import numpy as np
import pytest
import torch

from tymbal.probes.objective import Objective, classification_loss


def test_the_loss_by_hand() -> None:
    logits, targets = torch.tensor([[0.0, 0.0], [2.0, 0.0]]), torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    weight = torch.tensor([1.0, 3.0])
    single = classification_loss(logits, targets, weight, multilabel=False)
    assert float(single) == pytest.approx((np.log(2) + 3 * np.log(np.exp(2) + 1)) / 2, rel=1e-5)
    several = classification_loss(logits, targets, weight, multilabel=True)
    expected = (2 * np.log(2) + np.log(1 + np.exp(2)) + 3 * np.log(2)) / 2
    assert float(several) == pytest.approx(expected, rel=1e-5)


def test_more_right_is_better_and_among_equals_the_smaller_loss() -> None:
    objective = Objective(torch.ones(2), multilabel=False)
    targets = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    bold, shy, wrong = (torch.tensor(rows) for rows in ([[4.0, 0], [0, 4]], [[1.0, 0], [0, 1]], [[9.0, 0], [9.0, 0]]))
    scores = [objective.judged(each, targets)["score"] for each in (bold, shy, wrong)]
    assert scores[0] > scores[1] > scores[2]
    assert objective.judged(shy, targets)["accuracy"] == 1.0
    several = Objective(torch.ones(2), multilabel=True)
    judged = several.judged(bold, targets)
    assert judged["score"] == pytest.approx(1 / (1 + judged["loss"]))
