"""Encoder and probe as one network: from the windows of events to logits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from tymbal.encoders.contract import Encoder, LayerOutput
from tymbal.probes.finetuning.config import FinetuneConfig
from tymbal.probes.finetuning.frames import common_axis, pooling_matrices, time_statistics
from tymbal.probes.finetuning.sounds import Heard, Key
from tymbal.probes.fitting import ProbeModule
from tymbal.probes.fusions import get_fusion
from tymbal.probes.heads import get_head

Event = Sequence[Heard]  # the windows of one event, in order
Recent = dict[Key, dict[str, Tensor]]  # real frames of every layer, by window


class Pooled:
    """What is left of some events in one layer: values (n, most rows, dim), and how many rows of each are real."""

    def __init__(self, values: Tensor, rows: NDArray[np.int64]) -> None:
        self.values, self.rows = values, rows


def encode_events(
    encoder: Encoder,
    layers: Sequence[str],
    events: Sequence[Event],
    bins: int | None,
    *,
    alone: bool,
    recent: Recent | None = None,
) -> dict[str, Pooled]:
    """The chosen layers of some events, each pooled into at most `bins` rows.

    alone : encode window by window as `features.embed` does, so that an event's numbers depend on nothing else; else
        windows of a batch go through together, padded and masked, or of an encoder that takes one length, those of
        each length.
    recent : frames of windows just encoded alone; holds those of these events afterwards.
    """
    windows = {window.key: window for event in events for window in event}
    encoded = {key: recent[key] for key in windows if recent is not None and key in recent}
    left = [window for key, window in windows.items() if key not in encoded]
    for group in _groups(encoder, left, alone=alone):
        waveform, mask = _padded(encoder, group)
        outputs = encoder(waveform, mask)
        for row, window in enumerate(group):
            encoded[window.key] = {layer: _real(outputs[layer], row) for layer in layers}
    if recent is not None:
        recent.clear()
        recent.update(encoded)
    grids = {spec.name: spec.grid for spec in encoder.layers}
    found = {}
    for layer in layers:
        rows = []
        for event in events:
            own = [encoded[window.key][layer] for window in event]
            matrices = pooling_matrices(grids[layer], event, [len(part) for part in own], bins)
            parts = [torch.from_numpy(matrix).to(part) @ part for matrix, part in zip(matrices, own, strict=True)]
            rows.append(torch.stack(parts).sum(dim=0) if len(parts) > 1 else parts[0])
        found[layer] = Pooled(nn.utils.rnn.pad_sequence(rows, batch_first=True), np.array([len(row) for row in rows]))
    return found


def _real(output: LayerOutput, row: int) -> Tensor:
    """The real frames of one window, (frames, bands * dim)."""
    return output.values[row, : int(output.mask[row].sum())].flatten(1)


def _groups(encoder: Encoder, windows: Sequence[Heard], *, alone: bool) -> list[list[Heard]]:
    """Which windows go through the encoder together."""
    if alone:
        return [[window] for window in windows]
    if encoder.batching == "masked":
        return [list(windows)] if windows else []
    by_length: dict[int, list[Heard]] = {}
    for window in windows:
        by_length.setdefault(len(window.sound), []).append(window)
    return list(by_length.values())


def _padded(encoder: Encoder, windows: Sequence[Heard]) -> tuple[Tensor, Tensor]:
    length = max(encoder.min_samples, *(len(window.sound) for window in windows))
    waveform, mask = torch.zeros(len(windows), length), torch.zeros(len(windows), length, dtype=torch.bool)
    for row, window in enumerate(windows):
        waveform[row, : len(window.sound)] = torch.from_numpy(window.sound)
        mask[row, : len(window.sound)] = True
    device = next(encoder.parameters()).device
    return waveform.to(device), mask.to(device)


class TrainedPart(nn.Module):
    """The parameters of an encoder that are trained, under names that a module may use."""

    def __init__(self, parameters: Mapping[str, nn.Parameter]) -> None:
        super().__init__()
        for name, parameter in parameters.items():
            self.register_parameter(self.key(name), parameter)

    @staticmethod
    def key(name: str) -> str:
        """What a parameter of the encoder is called here."""
        return name.replace(".", "/")

    def tensors(self) -> dict[str, Tensor]:
        """Copies, by the encoder's names."""
        return {name.replace("/", "."): value.detach().clone() for name, value in self.named_parameters()}


class TunedNetwork(nn.Module):
    """Logits of events. Registered are the probe and the trained parameters of the encoder alone: checkpoints hold no
    frozen weight, and the encoder stays in evaluation mode whatever mode the network is in.

    Parameters
    ----------
    encoder : as `adapters.prepare` left it. layers : tapped, in its order.
    probe : fusion and head. trained : the encoder's parameters that are trained, by name.
    """

    def __init__(
        self,
        encoder: Encoder,
        layers: tuple[str, ...],
        probe: ProbeModule,
        trained: Mapping[str, nn.Parameter],
        config: FinetuneConfig,
    ) -> None:
        super().__init__()
        self._hidden = (encoder,)  # in a tuple, so that it is no submodule
        self.layers, self.config = layers, config
        self.probe, self.tuned = probe, TrainedPart(trained)
        kind = get_fusion(config.fusion)
        self._norm = config.norm if kind.norm == "config" else kind.norm
        self._frames = get_head(config.head).takes == "frames"  # type: ignore[union-attr]

    @property
    def encoder(self) -> Encoder:
        """The encoder whose parameters are trained in place."""
        return self._hidden[0]

    def attend(self, events: Sequence[Event], recent: Recent | None = None) -> tuple[Tensor, Tensor | None]:
        """Logits (n, classes), and where the head attended; windows go through the encoder together in training.

        recent : see `encode_events`.
        """
        alone = not self.training
        pooled = encode_events(self.encoder, self.layers, events, self.config.frames, alone=alone, recent=recent)
        return self.probe.attend(*self.inputs([pooled[layer] for layer in self.layers]))

    def forward(self, events: Sequence[Event], recent: Recent | None = None) -> Tensor:
        """Logits (n, classes)."""
        return self.attend(events, recent)[0]

    def inputs(self, pooled: Sequence[Pooled]) -> tuple[Tensor, Tensor | None]:
        """What the probe takes, as `fitting.Inputs` makes it of frozen features: values and a mask, or statistics."""
        layers = [each.values for each in pooled]
        if self._norm == "layer":
            layers = [functional.layer_norm(values, values.shape[-1:]) for values in layers]
        if self._frames:
            return common_axis(layers, [each.rows for each in pooled])
        parts = [
            time_statistics(values, each.rows, self.config.statistics)
            for values, each in zip(layers, pooled, strict=True)
        ]
        return torch.cat(parts, dim=1), None
