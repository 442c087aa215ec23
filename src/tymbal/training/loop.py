"""The one training loop: it knows a module, batches and a loss, and nothing of what they mean."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NoReturn, Protocol

import torch
from torch import Tensor, nn

from tymbal.config import digest
from tymbal.errors import DataError, UsageError
from tymbal.jobs import Progress, Silent
from tymbal.jobs.atomic import write_text
from tymbal.training.checkpoint import optimizer_tensors, read_tensors, restore_optimizer, write_tensors
from tymbal.training.config import TrainingConfig
from tymbal.training.ema import WeightAverage
from tymbal.training.faults import keep_batch, not_finite
from tymbal.training.parallel import Parallel, SingleProcess
from tymbal.training.schedule import rate_factor
from tymbal.training.seeding import epoch_order, generator_states, restore_generators, seeded, untouched

CHECKPOINT, LOG = "checkpoint.safetensors", "log.jsonl"
_MEND = "Delete the run's folder and start again."


class Batches(Protocol):
    """Examples by number. What draws random numbers in `batch` must use torch's default generator.

    One that also has `begin_epoch(epoch)` is told before each epoch, counted from 0, and again where one is resumed.
    """

    def __len__(self) -> int: ...

    def batch(self, indices: Tensor) -> Any:
        """The examples of `indices`, shape (batch,), int64, as whatever the loss takes, on the module's device."""
        ...


Loss = Callable[[nn.Module, Any], Tensor]
Validate = Callable[[nn.Module], Mapping[str, float]]


@dataclass(frozen=True)
class TrainingReport:
    """How a run went. `best_epoch` counts from 1; 0 where nothing was validated."""

    epochs: int
    steps: int
    best_epoch: int
    best: float | None
    ended: Literal["completed", "early", "interrupted"]
    history: tuple[dict[str, Any], ...]


@dataclass
class _State:
    """Where a run stands between two steps; everything here goes into the checkpoint's JSON."""

    epoch: int = 0  # epochs completed
    step_in_epoch: int = 0  # steps done in the epoch that is under way
    step: int = 0
    loss_sum: float = 0.0
    loss_examples: int = 0
    best: float | None = None
    best_epoch: int = 0
    ended: bool = False
    history: list[dict[str, Any]] = field(default_factory=list)


def train(
    module: nn.Module,
    batches: Batches,
    loss: Loss,
    config: TrainingConfig,
    *,
    validate: Validate | None = None,
    directory: Path | None = None,
    parallel: Parallel | None = None,
    rates: Callable[[str], float] | None = None,
    stop: Callable[[int], bool] | None = None,
    after_step: Callable[[int, int], None] | None = None,
    progress: Progress | None = None,
) -> TrainingReport:
    """Train `module` in place with AdamW; at the end it holds the best validated weights, else the last.

    Parameters
    ----------
    module : on its device already; its parameters that require gradients are trained.
    batches : the training examples.
    loss : (module, batch) -> scalar tensor, the mean over the examples of the batch.
    validate : called after each epoch with the module in evaluation mode (averaged weights where `ema_decay` is
        set), without gradients; returns named values, one of them `config.monitor`.
    directory : keeps `checkpoint.safetensors` and `log.jsonl` there. A checkpoint found there is resumed, and the
        run then ends with the bits of one that was never stopped (same machine, same thread count, CPU).
    parallel : replicas that share every batch; None is one process.
    rates : of a parameter's name, the factor on the learning rate; None: 1 for all.
    stop : asked after every step with the number of steps done; True saves a checkpoint and returns.
    after_step : called after every step with (steps done, steps in all), before a checkpoint is saved: a teacher that
        follows the module by a moving average, say. What it changes must be in the module's `state_dict`.
    progress : told of every step.

    Raises
    ------
    UsageError : a setting outside its range, or a checkpoint of another configuration.
    DataError : no examples, or `monitor` is not among the values of `validate`.
    TrainingError : the loss or the gradient is not finite; the step and the batch's examples are named, and with
        `directory` the batch is in fault.safetensors there.
    """
    config.check()
    if len(batches) == 0:
        raise DataError("no examples to train on", where="train", allowed="one or more")
    run = _Run(module, batches, loss, config, directory, parallel or SingleProcess(), rates)
    panel = progress if progress is not None and run.parallel.rank == 0 else Silent()
    with seeded(config.seed, run.device):
        run.resume()
        panel.start("training", run.steps, resumed=run.state.step)
        try:
            while not run.state.ended:
                if not run.epoch(stop, after_step, panel):
                    return run.report("interrupted")
                run.close_epoch(validate)
        finally:
            panel.finish()
    run.keep_best()
    early = run.state.epoch < config.epochs
    return run.report("early" if early else "completed")


class _Run:
    def __init__(
        self,
        module: nn.Module,
        batches: Batches,
        loss: Loss,
        config: TrainingConfig,
        directory: Path | None,
        parallel: Parallel,
        rates: Callable[[str], float] | None,
    ) -> None:
        self.module, self.batches, self.loss, self.config = module, batches, loss, config
        self.directory, self.parallel = directory, parallel
        named = {name: parameter for name, parameter in module.named_parameters() if parameter.requires_grad}
        if not named:
            raise DataError("the module has no parameter to train", where="train")
        self.trained = list(named.values())
        self.device = self.trained[0].device
        self.factors = None if rates is None else [rates(name) for name in named]
        self.optimizer = make_optimizer(self.trained, config, self.factors)
        self.average = None if config.ema_decay is None else WeightAverage(module, config.ema_decay)
        self.best: dict[str, Tensor] = {}
        self.batch: Any = None  # the last one, for the fault's file
        self.state = _State()
        self.steps_per_epoch = math.ceil(len(batches) / config.batch_size)
        self.steps = self.steps_per_epoch * config.epochs
        self.warmup_steps = min(round(config.warmup_epochs * self.steps_per_epoch), self.steps - 1)

    def epoch(
        self, stop: Callable[[int], bool] | None, after_step: Callable[[int, int], None] | None, progress: Progress
    ) -> bool:
        """The rest of the epoch under way; False where `stop` asked to leave."""
        state, size = self.state, self.config.batch_size
        begin = getattr(self.batches, "begin_epoch", None)
        if begin is not None:
            begin(state.epoch)
        self.module.train()
        order = epoch_order(len(self.batches), self.config.seed, state.epoch)
        while state.step_in_epoch < self.steps_per_epoch:
            start = state.step_in_epoch * size
            value, count = self._step(order[start : start + size])
            state.step += 1
            state.step_in_epoch += 1
            state.loss_sum += value * count
            state.loss_examples += count
            if after_step is not None:
                after_step(state.step, self.steps)
            progress.advance(1)
            stopping = stop is not None and stop(state.step)
            every = self.config.checkpoint_steps
            if stopping or (every is not None and state.step % every == 0):
                self._save()
            if stopping:
                return False
        return True

    def _step(self, indices: Tensor) -> tuple[float, int]:
        rank, size = self.parallel.rank, self.parallel.size
        own = indices[rank::size]
        rate = self._rate(self.state.step)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["factor"]
        self.optimizer.zero_grad(set_to_none=True)
        value = torch.zeros((), device=self.device)
        if len(own):
            loss = self._loss(own) * (len(own) * size / len(indices))
            value = loss.detach()
            loss.backward()  # type: ignore[no-untyped-call]
        gradients = self._gradients()
        self.parallel.average([value, *gradients])
        norm = nn.utils.get_total_norm(gradients)
        if not (math.isfinite(float(value)) and math.isfinite(float(norm))):
            self._refuse("loss" if not math.isfinite(float(value)) else "gradient", indices)
        if self.config.clip is not None:
            nn.utils.clip_grads_with_norm_(self.trained, self.config.clip, norm)
        self.optimizer.step()
        if self.average is not None:
            self.average.update(self.module)
        return float(value), len(indices)

    def _rate(self, step: int) -> float:
        factor = rate_factor(step, self.steps, self.warmup_steps, self.config.final_fraction)
        return self.config.learning_rate * factor

    def _gradients(self) -> list[Tensor]:
        if self.parallel.size > 1:  # every replica must average the same list, whatever its part of the batch used
            for parameter in self.trained:
                if parameter.grad is None:
                    parameter.grad = torch.zeros_like(parameter)
        return [parameter.grad for parameter in self.trained if parameter.grad is not None]

    def _loss(self, indices: Tensor) -> Tensor:
        self.batch = self.batches.batch(indices)
        if self.config.precision == "bfloat16":
            with torch.autocast(self.device.type, dtype=torch.bfloat16):
                return self.loss(self.module, self.batch).float()
        return self.loss(self.module, self.batch)

    def _refuse(self, what: str, indices: Tensor) -> NoReturn:
        step, examples = self.state.step, indices.tolist()
        self._log({"fault": f"{what} not finite", "step": step, "examples": examples})
        kept = ""
        if self.directory is not None and self.parallel.rank == 0:
            state = {"fault": f"{what} not finite", "step": step, "examples": examples}
            kept = f" The batch is in {keep_batch(self.directory, self.batch, state)}, the numbers in {LOG} beside it."
        raise not_finite(what, step, self.state.epoch + 1, examples, kept)

    def close_epoch(self, validate: Validate | None) -> None:
        """Validate, log, decide whether to go on, save."""
        state = self.state
        # Running statistics (batch norm) differ between replicas; validation, and when to stop, must not.
        self.parallel.average([buffer for buffer in self.module.buffers() if buffer.is_floating_point()])
        row: dict[str, Any] = {
            "epoch": state.epoch + 1,
            "step": state.step,
            "learning_rate": self._rate(state.step - 1),
            "training_loss": state.loss_sum / state.loss_examples,
        }
        state.epoch += 1
        state.step_in_epoch, state.loss_sum, state.loss_examples = 0, 0.0, 0
        if validate is not None:
            row["validation"] = self._validate(validate)
        state.history.append(row)
        patience = self.config.patience
        waited = state.epoch - state.best_epoch
        state.ended = state.epoch >= self.config.epochs or (
            validate is not None and patience is not None and waited >= patience
        )
        self._log(row)
        self._save()

    def _validate(self, validate: Validate) -> dict[str, float | None]:
        with untouched(self.device), torch.no_grad():
            self.module.eval()
            if self.average is None:
                values, weights = validate(self.module), self._weights()
            else:
                with self.average.applied(self.module):
                    values, weights = validate(self.module), self._weights()
        name, state = self.config.monitor, self.state
        if name not in values:
            raise DataError(
                f"validation gave no {name!r}", where="TrainingConfig.monitor", allowed=", ".join(sorted(values))
            )
        found = float(values[name])
        sign = 1.0 if self.config.direction == "max" else -1.0
        better = state.best is None or sign * found > sign * state.best
        if math.isfinite(found) and better:
            state.best, state.best_epoch, self.best = found, state.epoch, weights
        return {key: float(value) if math.isfinite(value) else None for key, value in values.items()}

    def _weights(self) -> dict[str, Tensor]:
        return {name: tensor.detach().clone() for name, tensor in self.module.state_dict().items()}

    def keep_best(self) -> None:
        """Leave the module with the best validated weights, else the averaged, else the last; evaluation mode."""
        if self.best:
            self.module.load_state_dict(self.best)
        elif self.average is not None:
            mean = self.average.mean
            with torch.no_grad():
                for name, parameter in self.module.named_parameters():
                    parameter.copy_(mean[name])
        self.module.eval()

    def report(self, ended: Literal["completed", "early", "interrupted"]) -> TrainingReport:
        state = self.state
        return TrainingReport(state.epoch, state.step, state.best_epoch, state.best, ended, tuple(state.history))

    def _identity(self) -> str:
        shapes = {name: list(tensor.shape) for name, tensor in self.module.state_dict().items()}
        identity = {"config": self.config, "examples": len(self.batches), "weights": shapes}
        return digest(identity if self.factors is None else identity | {"factors": self.factors})

    def _save(self) -> None:
        if self.directory is None or self.parallel.rank != 0:
            return
        tensors = {f"module.{name}": tensor for name, tensor in self.module.state_dict().items()}
        tensors |= {f"best.{name}": tensor for name, tensor in self.best.items()}
        tensors |= optimizer_tensors(self.optimizer, "optimizer.")
        tensors |= {f"generator.{name}": state for name, state in generator_states(self.device).items()}
        average: int | None = None
        if self.average is not None:
            tensors |= {f"average.{name}": tensor for name, tensor in self.average.mean.items()}
            average = self.average.updates
        state = {"identity": self._identity(), "average_updates": average, **self.state.__dict__}
        write_tensors(self.directory / CHECKPOINT, tensors, state)

    def resume(self) -> None:
        """Take up the checkpoint in `directory` where there is one."""
        if self.directory is None or not (self.directory / CHECKPOINT).exists():
            return
        path = self.directory / CHECKPOINT
        tensors, state = read_tensors(path, mend=_MEND)
        if state.pop("identity") != self._identity():
            raise UsageError(
                "this checkpoint belongs to a run with other settings, examples or weights", where=path, mend=_MEND
            )
        updates = state.pop("average_updates")
        self.module.load_state_dict(_part(tensors, "module.", self.device))
        self.best = _part(tensors, "best.", self.device)
        restore_optimizer(self.optimizer, tensors, "optimizer.")
        if self.average is not None:
            self.average.mean, self.average.updates = _part(tensors, "average.", self.device), updates
        restore_generators(_part(tensors, "generator.", torch.device("cpu")), self.device)
        self.state = _State(**state)
        if self.parallel.rank == 0:  # rows of steps that are about to be done again
            write_text(self.directory / LOG, "".join(json.dumps(row) + "\n" for row in self.state.history))

    def _log(self, row: dict[str, Any]) -> None:
        if self.directory is not None and self.parallel.rank == 0:
            self.directory.mkdir(parents=True, exist_ok=True)
            with open(self.directory / LOG, "a", encoding="utf-8") as file:
                file.write(json.dumps(row, allow_nan=False) + "\n")


def make_optimizer(
    parameters: list[nn.Parameter], config: TrainingConfig, factors: Sequence[float] | None = None
) -> torch.optim.AdamW:
    """AdamW (Loshchilov and Hutter 2019, algorithm 2), weight decay on parameters of two or more dimensions only.

    factors : on the learning rate, one for each parameter; None: 1 for all. They stand in the groups as "factor".
    """
    factors = [1.0] * len(parameters) if factors is None else factors
    groups: list[dict[str, Any]] = []
    for factor in dict.fromkeys(factors):
        own = [parameter for parameter, each in zip(parameters, factors, strict=True) if each == factor]
        shared = {"factor": factor, "lr": config.learning_rate * factor}
        matrices, vectors = [each for each in own if each.ndim >= 2], [each for each in own if each.ndim < 2]
        groups.append({"params": matrices, "weight_decay": config.weight_decay, **shared})
        groups.append({"params": vectors, "weight_decay": 0.0, **shared})
    # One pass over memory instead of one per operation: 3 to 4 times less CPU time per step (perf/training.py).
    fused = all(parameter.device.type in ("cpu", "cuda") for parameter in parameters)
    return torch.optim.AdamW([group for group in groups if group["params"]], lr=config.learning_rate, fused=fused)


def _part(tensors: Mapping[str, Tensor], prefix: str, device: torch.device) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor.to(device) for name, tensor in tensors.items() if name.startswith(prefix)}
