"""Training a head on cached examples, through the one loop; heads that are solved are in `solving`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tymbal.probes.config import ProbeConfig
from tymbal.probes.fusions import AffineFusion, build_fusion, get_fusion
from tymbal.probes.heads import TrainedHead, head_options
from tymbal.probes.heads.attending import AttendingHead
from tymbal.probes.objective import Objective
from tymbal.probes.pooling import Array, CachedExamples, Mask
from tymbal.training import derive_seed, seeded, train

_SMALL = 1e-6  # a value that varies less than this share of its size is constant
_BATCH = 256  # examples at most in a pass without gradients
_PIECE = 1 << 23  # values at most in a pass without gradients, but one example at least
_CACHED = 1 << 19  # values that stay in the cache between two steps of a sum


class ProbeModule(nn.Module):
    """Fusion, then a head: what a trained probe is made of."""

    def __init__(self, dims: Sequence[int], classes: int, head: TrainedHead, config: ProbeConfig) -> None:
        super().__init__()
        plain = len(dims) == 1 and head.takes == "statistics"  # one layer's statistics need no adapter
        self.fusion = build_fusion(config.fusion, tuple(dims), None if plain else config.dim, config.fusion_options)
        self.head = head.build(self.fusion.width, classes, head_options(head, config.options))

    def forward(self, values: Tensor, mask: Tensor | None = None) -> Tensor:
        """Logits (batch, classes) of (batch, sum of dims), or of (batch, frames, sum of dims) and a mask."""
        return self.attend(values, mask)[0]

    def attend(self, values: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Logits, and where an attention head attended, (batch, maps, frames of the fusion); None for other heads."""
        if mask is None:
            return self.head(self.fusion(values)), None
        mask = self.fusion.mask(mask)
        if not isinstance(self.head, AttendingHead):
            return self.head(self.fusion(values), mask), None
        if isinstance(self.fusion, AffineFusion):  # such heads may pool before they project
            reduced, affine = self.fusion.halves(values)
            return self.head.attend(reduced, mask, affine)
        return self.head.attend(self.fusion(values), mask)


@dataclass(frozen=True)
class Inputs:
    """What a head sees of cached examples: values (n, values) or (n, frames, values), a mask or None, dims."""

    values: Array
    mask: Mask | None
    dims: tuple[int, ...]

    @classmethod
    def of(cls, cached: CachedExamples, layers: tuple[str, ...], config: ProbeConfig, *, frames: bool) -> Inputs:
        """Statistics over time or frames of `layers`, side by side, normalised as fusion or configuration ask."""
        kind = get_fusion(config.fusion)
        norm = config.norm if kind.norm == "config" else kind.norm
        if frames:
            values, mask = cached.frames(layers, norm)
            return cls(values, mask, cached.dims(layers))
        parts = [cached.statistics(layer, config.statistics, norm) for layer in layers]
        return cls(np.concatenate(parts, axis=1), None, tuple(part.shape[1] for part in parts))

    def take(self, rows: NDArray[np.int64]) -> Inputs:
        """The inputs of some examples."""
        return Inputs(self.values[rows], None if self.mask is None else self.mask[rows], self.dims)


def standardisation(inputs: Inputs, rows: NDArray[np.int64]) -> tuple[Array, Array]:
    """Mean and 1 / standard deviation of every value over the real frames of the examples `rows`, float32 (values,).

    Values that do not vary, and layers without frames, get 0: they say nothing, and must not be blown up.
    """
    width = inputs.values.shape[-1]
    count, mean, squares = np.zeros(width), np.zeros(width), np.zeros(width)
    for values, known in _wide(inputs, rows):
        count += len(values) if known is None else known.sum(axis=0)
        mean += values.sum(axis=0)
    count = np.maximum(count, 1)
    mean /= count
    for values, known in _wide(inputs, rows):  # a second pass: the mean square less the squared mean has no digits left
        values -= mean
        if known is not None:
            values[~known] = 0.0
        squares += np.einsum("ij,ij->j", values, values)
    deviation = np.sqrt(squares / count)
    varies = deviation > _SMALL * np.maximum(np.abs(mean), _SMALL)
    inverse = np.where(varies, 1.0 / np.where(varies, deviation, 1.0), 0.0)
    return mean.astype(np.float32), inverse.astype(np.float32)


def _wide(inputs: Inputs, rows: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.float64], Mask | None]]:
    """The real frames of the examples `rows` piece by piece, float64 (frames, values), what is not finite as 0; and
    which values are finite, None for all."""
    step = max(1, _CACHED // max(1, inputs.values[:1].size))
    for start in range(0, len(rows), step):
        own = rows[start : start + step]
        given = inputs.values[own] if inputs.mask is None else inputs.values[own][inputs.mask[own]]
        values, known = given.astype(np.float64), None
        if not np.isfinite(values.sum()):
            known = np.isfinite(values)
            values[~known] = 0.0
        yield values, known


@dataclass(frozen=True)
class Fitted:
    """A fitted head: the tensors that predict, the temperature their logits are divided by, notes for the record."""

    tensors: dict[str, Tensor]
    dims: tuple[int, ...]
    notes: dict[str, Any] = field(default_factory=dict)
    temperature: float = 1.0


class _Rows:
    """Rows of arrays as `training.Batches`; nothing is copied but the batch, and that into the place of the last."""

    def __init__(self, inputs: Inputs, targets: Array, rows: NDArray[np.int64]) -> None:
        self._values = torch.from_numpy(inputs.values)
        self._mask = None if inputs.mask is None else torch.from_numpy(inputs.mask)
        self._targets, self._rows = torch.from_numpy(targets), torch.from_numpy(rows)
        self._place = self._values[:0]

    def __len__(self) -> int:
        return len(self._rows)

    def batch(self, indices: Tensor) -> tuple[Tensor, Tensor | None, Tensor]:
        """Values, mask and targets; the values stand until the next batch is asked for."""
        rows = self._rows[indices]
        if len(self._place) < len(rows):  # asking the system for so much memory anew costs more than copying
            self._place = torch.empty((len(rows), *self._values.shape[1:]))
        values = torch.index_select(self._values, 0, rows, out=self._place[: len(rows)])
        return values, None if self._mask is None else self._mask[rows], self._targets[rows]


def fit_trained(
    head: TrainedHead,
    config: ProbeConfig,
    inputs: Inputs,
    targets: Array,
    rows: NDArray[np.int64],
    watched: tuple[Inputs, Array, NDArray[np.int64]] | None,
) -> Fitted:
    """Train fusion and head on examples `rows`; `watched` (inputs, targets, rows) decides when to stop.

    targets (n, classes) membership of all examples of `inputs`. Without `watched` all epochs are run.
    """
    with seeded(derive_seed("probe", config.training.seed)):
        module = ProbeModule(inputs.dims, targets.shape[1], head, config)
    center, scale = standardisation(inputs, rows)
    if module.fusion.standardises:
        module.fusion.center.copy_(torch.from_numpy(center))
        module.fusion.scale.copy_(torch.from_numpy(scale))
    objective = Objective.of(targets[rows], config, module.head)

    def loss(network: nn.Module, batch: tuple[Tensor, Tensor | None, Tensor]) -> Tensor:
        logits, attention = network.attend(batch[0], batch[1])  # type: ignore[operator]
        return objective.loss(logits, batch[2], attention)

    def validate(network: nn.Module) -> Mapping[str, float]:
        held_inputs, held_targets, held = watched  # type: ignore[misc]
        return objective.judged(_forward(network, held_inputs, held), torch.from_numpy(held_targets[held]))

    report = train(
        module,
        _Rows(inputs, targets, rows),
        loss,
        config.training,
        validate=None if watched is None else validate,
    )
    notes = {
        "epochs": report.epochs,
        "best_epoch": report.best_epoch,
        "validation": report.best,
        "stopped_by": "all epochs" if watched is None else "validation",
        **(module.fusion.notes() if len(inputs.dims) > 1 else {"layer_weights": None}),
        "parameters": sum(parameter.numel() for parameter in module.parameters()),
    }
    tensors = {name: tensor.detach().clone() for name, tensor in module.state_dict().items()}
    said = None if watched is None else watched[1][watched[2]]
    temperature, honest = objective.temperature(config, said, lambda: _forward(module, watched[0], watched[2]))  # type: ignore[index]
    return Fitted(tensors, inputs.dims, notes | honest, temperature)


def _forward(module: nn.Module, inputs: Inputs, rows: NDArray[np.int64]) -> Tensor:
    step = min(_BATCH, max(1, _PIECE // max(1, inputs.values[:1].size)))
    taken, parts = _Rows(inputs, np.zeros((len(inputs.values), 0), dtype=np.float32), rows), []
    for numbers in torch.split(torch.arange(len(rows)), step):
        values, mask, _ = taken.batch(numbers)
        parts.append(module(values, mask))
    return torch.cat(parts)


def predict_trained(head: TrainedHead, config: ProbeConfig, fitted: Fitted, inputs: Inputs) -> Array:
    """Scores (n, classes) of all examples of `inputs`, 0–1: softmax, or sigmoid for several labels."""
    classes = fitted.tensors["head.classifier.bias"].shape[0]
    with seeded(0):
        module = ProbeModule(fitted.dims, classes, head, config)
    module.load_state_dict(fitted.tensors)
    module.eval()
    with torch.no_grad():
        logits = _forward(module, inputs, np.arange(len(inputs.values))) / fitted.temperature
        scores = torch.sigmoid(logits) if config.multilabel else torch.softmax(logits, dim=1)
    return np.asarray(scores.numpy(), dtype=np.float32)
