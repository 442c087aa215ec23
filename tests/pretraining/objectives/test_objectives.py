"""What every registered objective must do, and each loss against its slow twin."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.reference import objectives as slow
from torch import Tensor

from tymbal.encoders import create_encoder
from tymbal.encoders.melcnn import MelCnn
from tymbal.encoders.meltransformer import MelTransformer
from tymbal.errors import ConfigError, DataError, UsageError
from tymbal.pretraining.objectives import OBJECTIVES, Objective, PictureBatch, create_objective
from tymbal.pretraining.objectives.byol import Byol, regression
from tymbal.pretraining.objectives.contrastive import coding_rate, contrastive_loss
from tymbal.pretraining.objectives.frames_and_utterance import FramesAndUtterance, standardised
from tymbal.pretraining.objectives.multilabel import focal_loss, mixed_up
from tymbal.pretraining.objectives.random_projection import RandomProjection, RandomProjectionConfig
from tymbal.pretraining.objectives.teachers import annealed

ENCODERS = {"melcnn": MelCnn, "meltransformer": MelTransformer}
CONFIGS = {"multilabel": {"classes": 3}}
CASES = [(objective, encoder) for objective in sorted(OBJECTIVES) for encoder in ENCODERS]


def build(name: str, encoder: str) -> Objective:
    torch.manual_seed(0)
    return create_objective(name, ENCODERS[encoder].tiny(), **CONFIGS.get(name, {}))


def batch(size: int = 6, frames: int = 40, seed: int = 0) -> PictureBatch:
    generator = torch.Generator().manual_seed(seed)
    profile = torch.randn(size, 1, 16, generator=generator)  # what hidden frames can be told from
    pictures = profile + 0.3 * torch.randn(size, frames, 16, generator=generator)
    real = torch.ones(size, frames, dtype=torch.bool)
    real[-1, frames // 2 :] = False
    labels = (torch.rand(size, 3, generator=generator) < 0.5).float()
    return PictureBatch(pictures, real, labels)


def loss_of(objective: Objective, examples: PictureBatch, seed: int = 0) -> Tensor:
    torch.manual_seed(seed)
    return objective.loss(examples)


@pytest.mark.parametrize(("name", "encoder"), CASES)
def test_the_loss_is_a_number_repeats_and_reaches_every_trained_weight(name: str, encoder: str) -> None:
    objective = build(name, encoder).train()
    loss = loss_of(objective, batch())
    assert loss.shape == ()
    assert bool(torch.isfinite(loss))
    loss.backward()
    without = [key for key, each in objective.named_parameters() if each.requires_grad and each.grad is None]
    assert without == []
    again = loss_of(build(name, encoder).train(), batch())
    assert torch.equal(loss, again)


@pytest.mark.parametrize(("name", "encoder"), CASES)
def test_training_lowers_the_loss(name: str, encoder: str) -> None:
    objective = build(name, encoder).train()
    optimizer = torch.optim.AdamW([each for each in objective.parameters() if each.requires_grad], lr=3e-3)
    examples, losses = batch(12), []
    for step in range(40):
        loss = loss_of(objective, examples, seed=step % 4)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        objective.after_step(step + 1, 40)
        losses.append(float(loss.detach()))
    assert np.mean(losses[-4:]) < np.mean(losses[:4])


@pytest.mark.parametrize(("name", "encoder"), CASES)
def test_what_stands_in_padding_changes_nothing(name: str, encoder: str) -> None:
    examples = batch()
    other = examples._replace(pictures=torch.where(examples.real.unsqueeze(-1), examples.pictures, 1.5))
    if name in ("byol", "contrastive", "multilabel"):  # their mixtures and crops move padding about on purpose
        objective = create_objective(name, ENCODERS[encoder].tiny(), **{**CONFIGS.get(name, {}), **STILL[name]})
    elif name == "random_projection":
        objective = create_objective(name, ENCODERS[encoder].tiny(), mixed=0.0)
    else:
        objective = build(name, encoder)
    objective.eval()
    torch.testing.assert_close(loss_of(objective, examples), loss_of(objective, other))


_STILL_VIEWS = {"mixed": 0.0, "low": 1.0, "high": 1.0, "gain_db": 0.0, "tilt_db": 0.0}
STILL: dict[str, dict[str, object]] = {
    "byol": {"views": _STILL_VIEWS},
    "contrastive": {"views": _STILL_VIEWS},
    "multilabel": {"mixup": 0.0},
}


@given(seed=st.integers(0, 99), gamma=st.sampled_from([0.0, 1.0, 2.0, 2.5]))
def test_focal_loss_equals_its_slow_twin(seed: int, gamma: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(4, 3, generator=generator, dtype=torch.float64)
    labels = (torch.rand(4, 3, generator=generator) < 0.4).double()
    assert float(focal_loss(logits, labels, gamma).mean()) == pytest.approx(
        slow.focal(logits.numpy(), labels.numpy(), gamma), abs=1e-10
    )


def test_gradients_of_the_losses() -> None:
    torch.manual_seed(0)
    logits, labels = torch.randn(3, 2, dtype=torch.float64, requires_grad=True), torch.tensor([[1.0, 0]] * 3).double()
    points = torch.randn(5, 4, dtype=torch.float64, requires_grad=True)
    alike = torch.tensor([[i % 2 == j % 2 for j in range(5)] for i in range(5)])
    assert torch.autograd.gradcheck(lambda x: focal_loss(x, labels, 2.0).mean(), logits)
    assert torch.autograd.gradcheck(lambda x: contrastive_loss(x, alike, 0.5), points)
    assert torch.autograd.gradcheck(lambda x: coding_rate(x, 0.5), points)


def test_focal_loss_without_gamma_is_cross_entropy() -> None:
    logits, labels = torch.randn(5, 4), torch.rand(5, 4)
    wanted = torch.nn.functional.binary_cross_entropy_with_logits(logits, labels, reduction="none")
    torch.testing.assert_close(focal_loss(logits, labels, 0.0), wanted)


@given(seed=st.integers(0, 99), n=st.integers(1, 9))
def test_contrastive_loss_and_coding_rate_equal_their_slow_twins(seed: int, n: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    points = torch.nn.functional.normalize(torch.randn(n, 5, generator=generator, dtype=torch.float64), dim=1)
    kinds = torch.randint(0, 3, (n,), generator=generator)
    alike = kinds[:, None] == kinds[None]
    found = float(contrastive_loss(points, alike, 0.2))
    assert found == pytest.approx(slow.contrastive(points.numpy(), alike.numpy(), 0.2), abs=1e-9)
    assert float(coding_rate(points, 0.5)) == pytest.approx(slow.coding_rate(points.numpy(), 0.5), abs=1e-9)


@given(seed=st.integers(0, 30), length=st.integers(6, 24))
def test_codes_equal_their_slow_twin(seed: int, length: int) -> None:
    objective = RandomProjection(MelTransformer.tiny(), RandomProjectionConfig(codes=40)).double()
    pictures = torch.randn(1, 24, 16, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    real = torch.arange(24)[None] < length
    tokens = torch.where(real[0, :, None], pictures[0], 0.0).reshape(6, 64).numpy()
    mask = real[0, ::4].numpy()
    wanted = slow.codes(tokens, mask, objective.projection.numpy(), objective.codebook.numpy())
    found = objective.codes(pictures, real)[0].numpy()
    assert found[mask].tolist() == wanted[mask].tolist()


def test_codes_use_much_of_the_book() -> None:
    objective = RandomProjection(MelTransformer.tiny())
    codes = objective.codes(torch.randn(64, 80, 16), torch.ones(64, 80, dtype=torch.bool))
    assert len(codes.unique()) > 500


@given(seed=st.integers(0, 99), length=st.integers(1, 8))
def test_targets_are_standardised_over_real_frames(seed: int, length: int) -> None:
    values = torch.randn(1, 8, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    mask = torch.arange(8)[None] < length
    np.testing.assert_allclose(
        standardised(values, mask)[0].numpy(), slow.standardised(values[0].numpy(), mask[0].numpy()), atol=1e-9
    )


def test_the_target_is_the_mean_of_layers_shaped_like_the_last() -> None:
    cnn, transformer = FramesAndUtterance(MelCnn.tiny()), FramesAndUtterance(MelTransformer.tiny())
    assert cnn.targets == ("block3",)
    assert transformer.targets == ("embedding", "block0", "block1")
    frames, clips = transformer.wanted(torch.randn(2, 8, 16), torch.ones(2, 8, dtype=torch.bool))
    assert frames.shape == (2, 2, 24)
    torch.testing.assert_close(clips.mean(1), torch.zeros(2), atol=1e-5, rtol=0)


def test_the_teacher_follows_and_is_never_trained() -> None:
    objective = build("byol", "melcnn").train()
    assert isinstance(objective, Byol)
    assert not objective.teacher.network.training
    before = copy.deepcopy(objective.teacher.state_dict())
    with torch.no_grad():
        for each in objective.student.parameters():
            each += 1.0
    objective.after_step(1, 10)
    for (key, old), new in zip(before.items(), objective.teacher.state_dict().values(), strict=True):
        if old.is_floating_point() and "running" not in key:
            torch.testing.assert_close(new, old + 0.01, atol=1e-5, rtol=1e-5)
    assert not any(each.requires_grad for each in objective.teacher.parameters())


def test_decay_is_annealed_in_a_straight_line() -> None:
    assert [annealed(0.5, 0.9, step, 4) for step in (0, 1, 2, 4, 9)] == pytest.approx([0.5, 0.6, 0.7, 0.9, 0.9])


def test_regression_is_the_squared_distance_of_unit_vectors() -> None:
    first, second = torch.randn(4, 5), torch.randn(4, 5)
    unit = torch.nn.functional.normalize
    torch.testing.assert_close(regression(first, second), (unit(first) - unit(second)).square().sum(1))


def test_mixed_labels_are_the_union() -> None:
    torch.manual_seed(3)
    pictures, real, labels = torch.randn(40, 6, 4), torch.ones(40, 6, dtype=torch.bool), torch.eye(40)
    real[::2, 3:] = False
    mixed, masks, union = mixed_up(pictures, real, labels, 0.5)
    both = union.sum(1) == 2
    assert 5 < int(both.sum()) < 35
    assert bool((union >= labels).all())
    alone = union.sum(1) == 1
    assert not torch.equal(mixed[both], pictures[both])
    changed = (mixed - pictures).abs().amax((1, 2)) > 0
    assert bool((changed == both)[alone].all()) or bool(changed[alone].any())
    assert bool((masks | ~real).all())
    torch.manual_seed(3)
    torch.randn(40, 6, 4)
    again, _, _ = mixed_up(torch.where(real.unsqueeze(-1), pictures, 9.0), real, labels, 0.5)
    assert torch.equal(torch.where(masks.unsqueeze(-1), again, 0), torch.where(masks.unsqueeze(-1), mixed, 0))


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(UsageError, match=r"no objective is called 'mae'.*autoencoding"):
        create_objective("mae", MelCnn.tiny())
    with pytest.raises(UsageError, match="no picture"):
        create_objective("byol", create_encoder("bagnet"))  # type: ignore[arg-type]
    with pytest.raises(DataError, match="no labels to learn"):
        create_objective("multilabel", MelCnn.tiny())
    with pytest.raises(ConfigError, match="spam"):
        create_objective("byol", MelCnn.tiny(), spam=1)
    objective = build("contrastive", "melcnn")
    with pytest.raises(DataError, match=r"no labels.*label column"):
        objective.loss(batch()._replace(labels=None))
