"""What the registered encoders give: layers, frame rates, receptive fields and sizes, without any weights."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

import torch

from tymbal.encoders.contract import Encoder, LayerSpec
from tymbal.encoders.registry import encoder_class, list_encoders

NATIVE_RATE_HZ = 32000  # at which an encoder of any rate is described


@dataclass(frozen=True)
class LayerGroup:
    """Neighbouring layers on one grid.

    first, last : names; dims, bands : smallest and largest; receptive_s : likewise, math.inf for the whole clip.
    """

    first: str
    last: str
    count: int
    dims: tuple[int, int]
    bands: tuple[int, int]
    frames_per_s: float
    receptive_s: tuple[float, float]


@dataclass(frozen=True)
class EncoderOverview:
    """One encoder in its published size: `parameters` counts weights, `sample_rate_hz` None takes any rate."""

    name: str
    sample_rate_hz: int | None
    parameters: int
    batching: str
    groups: tuple[LayerGroup, ...]


def overview(name: str) -> EncoderOverview | None:
    """Describe the encoder `name` with its default configuration; None where it has none (a graph must be given).

    Nothing is computed and no memory is taken for weights. Raises MissingExtraError where its extra is not installed.
    """
    kind = encoder_class(name)
    if inspect.signature(kind).parameters["config"].default is inspect.Parameter.empty:
        return None
    with torch.device("meta"):
        root: Encoder = kind()
        encoder = root.at_rate(NATIVE_RATE_HZ)
    return EncoderOverview(
        name=name,
        sample_rate_hz=root.sample_rate,
        parameters=sum(parameter.numel() for parameter in encoder.parameters()),
        batching=encoder.batching,
        groups=tuple(_group(list(specs)) for _, specs in groupby(encoder.layers, key=_grid)),
    )


def _grid(spec: LayerSpec) -> tuple[float, bool]:
    return spec.grid.hop_s, math.isinf(spec.grid.receptive_s)


def _group(specs: list[LayerSpec]) -> LayerGroup:
    def bounds(values: Iterable[float]) -> tuple[float, float]:
        found = sorted(values)
        return found[0], found[-1]

    low_dim, high_dim = bounds(spec.dim for spec in specs)
    low_band, high_band = bounds(spec.bands for spec in specs)
    return LayerGroup(
        first=specs[0].name,
        last=specs[-1].name,
        count=len(specs),
        dims=(int(low_dim), int(high_dim)),
        bands=(int(low_band), int(high_band)),
        frames_per_s=1 / specs[0].grid.hop_s,
        receptive_s=bounds(spec.grid.receptive_s for spec in specs),
    )


def layer_table() -> str:
    """A Markdown table of every registered encoder that has a default configuration."""
    lines = [
        "| encoder | rate | weights | layers | values × bands | frames/s | a frame sees |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in list_encoders():
        found = overview(name)
        if found is None:
            continue
        rate = "any" if found.sample_rate_hz is None else f"{found.sample_rate_hz / 1000:g} kHz"
        weights = f"{found.parameters / 1e6:.1f} M" if found.parameters else "none"
        for number, group in enumerate(found.groups):
            head = (f"`{name}`", rate, weights) if number == 0 else ("", "", "")
            names = f"`{group.first}`" if group.count == 1 else f"`{group.first}` … `{group.last}` ({group.count})"
            shape = f"{_span(group.dims)} × {_span(group.bands)}"
            lines.append(f"| {' | '.join((*head, names, shape, f'{group.frames_per_s:.4g}', _sees(group)))} |")
    return "\n".join(lines) + "\n"


def _span(bounds: tuple[float, float]) -> str:
    low, high = bounds
    return f"{low:g}" if low == high else f"{low:g}–{high:g}"


def _sees(group: LayerGroup) -> str:
    low, high = group.receptive_s
    if math.isinf(high):
        return "the whole clip"
    return f"{_span((round(low * 1000), round(high * 1000)))} ms"
