"""The masked branch against its slow twin."""

from __future__ import annotations

import pytest
import torch
from tests.reference import augmentations as slow
from torch import Tensor, nn

from tymbal.encoders.meltransformer import MelTransformer
from tymbal.encoders.pictures import PictureConfig
from tymbal.pretraining.augmentations import create_augmentation
from tymbal.pretraining.augmentations.masked_branch import MaskedBranch, MaskedBranchConfig
from tymbal.pretraining.objectives import PictureBatch, create_objective

CONFIG = PictureConfig(bands=16, high_hz=4000.0)


def batch() -> PictureBatch:
    generator = torch.Generator().manual_seed(0)
    pictures, real = torch.randn(5, 40, 16, generator=generator), torch.ones(5, 40).bool()
    real[-1, 30:] = False
    return PictureBatch(pictures, real, (torch.rand(5, 3, generator=generator) < 0.5).float())


def test_spans_are_hidden_behind_the_clips_mean() -> None:
    branch = MaskedBranch(MaskedBranchConfig(share=0.4, span_frames=4), CONFIG)
    pictures, real, _ = batch()
    masked = branch.masked(pictures, real)
    hidden = (masked != pictures).all(2)
    assert hidden.sum(1).tolist() == [16, 16, 16, 16, 12]
    assert not bool((hidden & ~real).any())
    for at in range(5):
        mean = pictures[at][real[at]].mean(0)
        torch.testing.assert_close(masked[at][hidden[at]], mean.expand(int(hidden[at].sum()), -1))


@pytest.mark.parametrize("probability", [1.0, 0.0])
def test_the_loss_equals_its_slow_twin(probability: float) -> None:
    torch.manual_seed(0)
    objective = create_objective("multilabel", MelTransformer.tiny(), classes=3, mixup=0.0).eval()
    given = batch()
    branch = create_augmentation("masked_branch", CONFIG, probability=probability)
    assert isinstance(branch, MaskedBranch)
    plain = float(objective.loss(given).detach())
    torch.manual_seed(7)
    found = branch.wrap(lambda module, each: objective.loss(each), objective)(objective, given)
    torch.manual_seed(7)
    torch.rand(5)  # who takes part
    with torch.no_grad():
        logits = objective.logits(branch.masked(given.pictures, given.real), given.real)  # type: ignore[operator]
        clean = objective.logits(given.pictures, given.real)  # type: ignore[operator]
    wanted = slow.masked_branch(plain, logits.double().numpy(), clean.double().numpy())
    assert float(found.detach()) == pytest.approx(wanted if probability == 1 else plain, abs=1e-6)


def test_no_gradient_flows_through_what_the_branch_agrees_with() -> None:
    class Says(nn.Module):
        """Logits that are one weight for whole clips and another for masked ones."""

        def __init__(self) -> None:
            super().__init__()
            self.clean, self.masked = (nn.Parameter(torch.tensor(each)) for each in (1.0, -1.0))

        def logits(self, pictures: Tensor, real: Tensor) -> Tensor:
            whole = bool((pictures == given.pictures).all())
            return (self.clean if whole else self.masked).expand(len(pictures), 3)

    given, says = batch(), Says()
    branch = MaskedBranch(MaskedBranchConfig(), CONFIG)
    objective = create_objective("multilabel", MelTransformer.tiny(), classes=3)
    loss = branch.wrap(lambda module, each: says.clean * 0.0, objective)(says, given)
    loss.backward()
    assert float(says.clean.grad) == 0.0  # type: ignore[arg-type]
    p, q = torch.sigmoid(torch.tensor([-1.0, 1.0])).tolist()
    assert float(says.masked.grad) == pytest.approx((p - q) / 2, abs=1e-6)  # type: ignore[arg-type]
