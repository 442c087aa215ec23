from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.reference.training import adamw_step, clip, rate_factors
from torch import Tensor, nn

from tymbal.errors import DataError, TrainingError, UsageError
from tymbal.jobs import Silent
from tymbal.training import TrainingConfig, read_tensors, train


class Pairs:
    """Inputs and targets in memory; batches add noise from torch's generator, as an augmentation would."""

    def __init__(self, n: int = 37, noise: float = 0.1) -> None:
        generator = torch.Generator().manual_seed(0)
        self.x = torch.randn(n, 5, generator=generator)
        self.y = self.x @ torch.randn(5, 2, generator=generator) + 1.0
        self.noise = noise
        self.seen: list[list[int]] = []

    def __len__(self) -> int:
        return len(self.x)

    def batch(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        self.seen.append(indices.tolist())
        x = self.x[indices]
        return x + self.noise * torch.randn(x.shape) if self.noise else x, self.y[indices]


def squared(module: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    return (module(batch[0]) - batch[1]).square().mean()


def network(dropout: float = 0.3) -> nn.Module:
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(dropout), nn.Linear(8, 2))


def bits(module: nn.Module) -> bytes:
    return b"".join(tensor.numpy().tobytes() for tensor in module.state_dict().values())


def validation(module: nn.Module) -> dict[str, float]:
    pairs = Pairs(noise=0)
    torch.rand(3)  # a validation that draws random numbers must not change training
    return {"loss": float(squared(module, (pairs.x, pairs.y)))}


CONFIG = TrainingConfig(epochs=4, batch_size=8, warmup_epochs=1, ema_decay=0.9, seed=7)


@pytest.mark.parametrize("stops", [(1,), (5,), (7, 8), (2, 3, 11, 19), (20,)], ids=str)
def test_a_stopped_run_resumes_to_the_same_bits(stops: tuple[int, ...], tmp_path: Path) -> None:
    whole = network()
    straight = train(whole, Pairs(), squared, CONFIG, validate=validation)
    for stop in stops:
        torch.manual_seed(stop)  # whatever the caller's generator holds must not matter
        report = train(
            network(), Pairs(), squared, CONFIG, validate=validation, directory=tmp_path, stop=lambda n, s=stop: n == s
        )
        assert report.ended == "interrupted"
        assert report.steps == stop
    module = network()
    resumed = train(module, Pairs(), squared, CONFIG, validate=validation, directory=tmp_path)
    assert bits(module) == bits(whole)
    assert resumed == straight
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert rows == list(straight.history)


class Interrupted(Pairs):
    def __init__(self, at: int) -> None:
        super().__init__()
        self.at = at

    def batch(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        if len(self.seen) == self.at:
            raise KeyboardInterrupt
        return super().batch(indices)


@pytest.mark.parametrize("at", [0, 6, 13])
def test_a_killed_run_resumes_from_its_last_checkpoint(at: int, tmp_path: Path) -> None:
    config = TrainingConfig(epochs=3, batch_size=8, checkpoint_steps=4)
    whole, module = network(), network()
    train(whole, Pairs(), squared, config)
    with pytest.raises(KeyboardInterrupt):
        train(network(), Interrupted(at), squared, config, directory=tmp_path)
    pairs = Pairs()
    train(module, pairs, squared, config, directory=tmp_path)
    assert bits(module) == bits(whole)
    assert len(pairs.seen) == 15 - max(step for step in (0, 4, 5, 8, 10, 12) if step <= at)


def test_a_finished_run_is_not_run_again(tmp_path: Path) -> None:
    first, second, pairs = network(), network(), Pairs()
    report = train(first, Pairs(), squared, CONFIG, directory=tmp_path)
    assert train(second, pairs, squared, CONFIG, directory=tmp_path) == report
    assert pairs.seen == []
    assert bits(first) == bits(second)


def test_a_checkpoint_of_other_settings_is_refused(tmp_path: Path) -> None:
    train(network(), Pairs(), squared, CONFIG, directory=tmp_path)
    with pytest.raises(UsageError, match="other settings"):
        train(network(), Pairs(), squared, TrainingConfig(epochs=5), directory=tmp_path)
    with pytest.raises(UsageError, match="other settings"):
        train(network(), Pairs(36), squared, CONFIG, directory=tmp_path)


def test_the_callers_generator_is_left_alone_and_the_seed_decides() -> None:
    first, second, third = network(), network(), network()
    torch.manual_seed(11)
    before = torch.get_rng_state()
    train(first, Pairs(), squared, CONFIG)
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(5)
    train(second, Pairs(), squared, CONFIG)
    assert bits(first) == bits(second)
    train(third, Pairs(), squared, TrainingConfig(epochs=4, batch_size=8, warmup_epochs=1, ema_decay=0.9, seed=8))
    assert bits(first) != bits(third)


def test_steps_are_the_slow_twins() -> None:
    """Schedule, clip and AdamW together, against float64 numpy with the gradient of least squares by hand."""
    pairs = Pairs(24, noise=0.0)
    module = nn.Linear(5, 2).double()
    pairs.x, pairs.y = pairs.x.double(), pairs.y.double()
    weight, bias = module.weight.detach().numpy().copy(), module.bias.detach().numpy().copy()
    config = TrainingConfig(
        epochs=5, batch_size=10, learning_rate=0.05, weight_decay=0.1, warmup_epochs=1, final_fraction=0.1, clip=0.5
    )
    train(module, pairs, squared, config)
    moments = [np.zeros_like(weight), np.zeros_like(weight), np.zeros_like(bias), np.zeros_like(bias)]
    for step, (indices, factor) in enumerate(zip(pairs.seen, rate_factors(15, 3, 0.1), strict=True)):
        x, y = pairs.x.numpy()[indices], pairs.y.numpy()[indices]
        error = 2 * (x @ weight.T + bias - y) / y.size
        g_weight, g_bias = clip([error.T @ x, error.sum(0)], 0.5)
        rate = 0.05 * factor
        weight, moments[0], moments[1] = adamw_step(weight, g_weight, moments[0], moments[1], step + 1, rate, 0.1)
        bias, moments[2], moments[3] = adamw_step(bias, g_bias, moments[2], moments[3], step + 1, rate, 0.0)
    np.testing.assert_allclose(module.weight.detach().numpy(), weight, rtol=1e-9)
    np.testing.assert_allclose(module.bias.detach().numpy(), bias, rtol=1e-9)


def test_every_epoch_sees_every_example_once() -> None:
    pairs = Pairs(37)
    train(network(), pairs, squared, TrainingConfig(epochs=3, batch_size=8))
    for epoch in range(3):
        batches = pairs.seen[5 * epoch : 5 * epoch + 5]
        assert [len(batch) for batch in batches] == [8, 8, 8, 8, 5]
        assert sorted(example for batch in batches for example in batch) == list(range(37))
    assert pairs.seen[:5] != pairs.seen[5:10]


def test_the_best_validated_weights_are_kept_and_patience_stops() -> None:
    scores = iter([0.2, 0.9, 0.5, 0.9, 0.4, 0.99])
    kept: list[bytes] = []

    def validate(module: nn.Module) -> dict[str, float]:
        assert not module.training
        assert not torch.is_grad_enabled()
        kept.append(bits(module))
        return {"accuracy": next(scores), "loss": float("nan")}

    module = network()
    config = TrainingConfig(epochs=10, batch_size=8, patience=3, monitor="accuracy", direction="max", ema_decay=0.5)
    report = train(module, Pairs(), squared, config, validate=validate)
    assert (report.ended, report.epochs, report.best_epoch, report.best) == ("early", 5, 2, 0.9)
    assert bits(module) == kept[1]  # an equal score later does not replace it
    assert not module.training
    assert report.history[0]["validation"] == {"accuracy": 0.2, "loss": None}


def test_a_monitor_that_validation_does_not_give_is_named() -> None:
    with pytest.raises(DataError, match=r"'loss'.*accuracy"):
        train(network(), Pairs(), squared, TrainingConfig(), validate=lambda module: {"accuracy": 1.0})


def test_averaged_weights_are_the_result_without_validation() -> None:
    plain, averaged = network(0.0), network(0.0)
    train(plain, Pairs(noise=0), squared, TrainingConfig(epochs=2))
    train(averaged, Pairs(noise=0), squared, TrainingConfig(epochs=2, ema_decay=0.999))
    assert bits(plain) != bits(averaged)


@pytest.mark.parametrize("what", ["loss", "gradient"])
def test_a_loss_that_is_no_number_names_step_and_examples(what: str, tmp_path: Path) -> None:
    pairs = Pairs(noise=0.0)
    pairs.y[20] = torch.nan

    def root(module: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        if what == "loss":
            return squared(module, batch)
        distance = (module(batch[0]) * 0).square().sum().sqrt()  # 0, with an infinite slope
        return distance if bool(batch[1].isnan().any()) else squared(module, batch)

    with pytest.raises(TrainingError, match=rf"{what} is not a number at step \d.*learning_rate.*log.jsonl") as caught:
        train(network(), pairs, root, TrainingConfig(epochs=1, batch_size=8), directory=tmp_path)
    assert 20 in caught.value.examples
    row = json.loads((tmp_path / "log.jsonl").read_text().splitlines()[-1])
    assert row["examples"] == list(caught.value.examples) == pairs.seen[row["step"]]
    tensors, state = read_tensors(tmp_path / "fault.safetensors", mend="")
    assert "fault.safetensors" in str(caught.value)
    assert state["examples"] == row["examples"]
    torch.testing.assert_close(tensors["batch.1"], pairs.y[row["examples"]], equal_nan=True)


def test_bad_calls_are_refused() -> None:
    with pytest.raises(UsageError, match="epochs is 0"):
        train(network(), Pairs(), squared, TrainingConfig(epochs=0))
    with pytest.raises(DataError, match="no examples"):
        train(network(), Pairs(0), squared, TrainingConfig())
    with pytest.raises(DataError, match="no parameter"):
        train(network().requires_grad_(False), Pairs(), squared, TrainingConfig())


def test_bfloat16_computes_under_autocast_and_keeps_float32_weights() -> None:
    seen: list[torch.dtype] = []

    def loss(module: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        out = module(batch[0])
        seen.append(out.dtype)
        return (out - batch[1]).square().mean()

    module = network()
    train(module, Pairs(), loss, TrainingConfig(epochs=1, precision="bfloat16"))
    assert set(seen) == {torch.bfloat16}
    assert all(p.dtype == torch.float32 for p in module.parameters())


class Student(nn.Module):
    """A network and a teacher that follows it."""

    def __init__(self) -> None:
        super().__init__()
        self.net, self.teacher = network(0.0), network(0.0).requires_grad_(False)
        self.calls: list[tuple[int, int]] = []

    def follow(self, step: int, steps: int) -> None:
        self.calls.append((step, steps))
        decay = 0.5 + 0.5 * step / steps
        with torch.no_grad():
            for mean, now in zip(self.teacher.parameters(), self.net.parameters(), strict=True):
                mean.lerp_(now, 1 - decay)


def test_a_teacher_follows_after_every_step_and_is_resumed(tmp_path: Path) -> None:
    def loss(module: Student, batch: tuple[Tensor, Tensor]) -> Tensor:
        return squared(module.net, batch) + 0.1 * (module.net(batch[0]) - module.teacher(batch[0])).square().mean()

    whole, first, second = Student(), Student(), Student()
    config = TrainingConfig(epochs=2, batch_size=8)
    train(whole, Pairs(), loss, config, after_step=whole.follow)
    assert whole.calls == [(step, 10) for step in range(1, 11)]
    train(first, Pairs(), loss, config, after_step=first.follow, directory=tmp_path, stop=lambda n: n == 4)
    train(second, Pairs(), loss, config, after_step=second.follow, directory=tmp_path)
    assert bits(second) == bits(whole)
    assert second.calls[0] == (5, 10)


class Told(Silent):
    def __init__(self) -> None:
        self.lines: list[tuple[object, ...]] = []

    def start(self, title: str, total: int, *, resumed: int = 0) -> None:
        self.lines.append((title, total, resumed))

    def advance(self, items: int, *, audio_s: float = 0.0, failures: int = 0) -> None:
        self.lines.append((items,))

    def finish(self) -> None:
        self.lines.append(())


def test_progress_hears_every_step_and_the_end_of_a_broken_run(tmp_path: Path) -> None:
    config = TrainingConfig(epochs=1, batch_size=8)
    first, second = Told(), Told()
    train(network(), Pairs(), squared, config, directory=tmp_path, stop=lambda n: n == 3, progress=first)
    train(network(), Pairs(), squared, config, directory=tmp_path, progress=second)
    assert first.lines == [("training", 5, 0), (1,), (1,), (1,), ()]
    assert second.lines == [("training", 5, 3), (1,), (1,), ()]


def test_rates_multiply_by_name(tmp_path: Path) -> None:
    """A factor for every parameter is a learning rate for every parameter, and stays so in a run taken up again."""

    def run(rate: float, factor: float, directory: Path | None = None, stop: int | None = None) -> nn.Module:
        torch.manual_seed(0)
        module = network(dropout=0.0)
        config = TrainingConfig(epochs=2, batch_size=8, learning_rate=rate, clip=None)
        asked = None if stop is None else lambda step: step == stop
        factors = {name: factor if name.startswith("0.") else 2 * factor for name, _ in module.named_parameters()}
        train(module, Pairs(), squared, config, rates=factors.__getitem__, directory=directory, stop=asked)
        return module

    wanted = bits(run(1e-2, 0.5))
    assert bits(run(5e-3, 1.0)) == wanted
    assert bits(run(1e-2, 1.0)) != wanted
    run(1e-2, 0.5, tmp_path, stop=3)
    assert bits(run(1e-2, 0.5, tmp_path)) == wanted
    with pytest.raises(UsageError, match="other settings"):
        run(1e-2, 0.25, tmp_path)


def test_a_parameter_of_factor_zero_rests() -> None:
    torch.manual_seed(0)
    module = network(dropout=0.0)
    before = {name: value.detach().clone() for name, value in module.named_parameters()}
    config = TrainingConfig(epochs=1, batch_size=8, warmup_epochs=0)
    train(module, Pairs(), squared, config, rates=lambda name: 0.0 if name.startswith("0.") else 1.0)
    for name, value in module.named_parameters():
        assert torch.equal(value, before[name]) == name.startswith("0."), name
