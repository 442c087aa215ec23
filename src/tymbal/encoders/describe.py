"""What an encoder is, in one record: layers on their grids, size, licence, where weights come from, speed."""

from __future__ import annotations

import inspect
import math
from dataclasses import dataclass

import torch

from tymbal.encoders.check import CLIP_S, real_time, synthetic_sound
from tymbal.encoders.contract import Encoder
from tymbal.encoders.known import KNOWN, KnownCheckpoint
from tymbal.encoders.overview import NATIVE_RATE_HZ, overview
from tymbal.encoders.registry import ENCODERS, encoder_class, list_encoders
from tymbal.encoders.source import bind_rate, open_encoder
from tymbal.errors import MissingExtraError


@dataclass(frozen=True)
class LayerRow:
    """One layer; `receptive_ms` None: the whole window. `local` layers stream exactly over long recordings."""

    name: str
    dim: int
    bands: int
    hop_ms: float
    frames_per_s: float
    receptive_ms: float | None
    local: bool


@dataclass(frozen=True)
class Description:
    """One encoder. `sample_rate_hz` None: any rate; the layers are then those at `described_at_hz`."""

    name: str
    origin: str
    notes: tuple[str, ...]
    sample_rate_hz: int | None
    described_at_hz: int
    parameters: int
    batching: str
    licence: str
    layers: tuple[LayerRow, ...]
    checkpoints: tuple[KnownCheckpoint, ...]
    real_time: float
    threads: int


@dataclass(frozen=True)
class Listed:
    """One line of the list, of an encoder in its published size; `missing` is what to install first.

    dims, frames_per_s, receptive_ms : of the layers, from least to most; receptive_ms None: the whole window.
    """

    name: str
    about: str
    sample_rate_hz: int | None = None
    parameters: int = 0
    layers: int = 0
    dims: tuple[int, int] | None = None
    frames_per_s: tuple[float, float] | None = None
    receptive_ms: tuple[float | None, float | None] | None = None
    checkpoints: tuple[str, ...] = ()
    missing: str = ""


def list_described() -> list[Listed]:
    """Every registered encoder in its published size, without computing anything."""
    return [_listed(name) for name in list_encoders()]


def _listed(name: str) -> Listed:
    checkpoints = tuple(entry.name for entry in KNOWN if entry.encoder == name)
    try:
        about = _first_sentence(name)
        found = overview(name)
    except MissingExtraError as error:
        return Listed(name, "", checkpoints=checkpoints, missing=error.mend or "")
    if found is None:
        return Listed(name, about, checkpoints=checkpoints)
    groups = found.groups
    rates = [group.frames_per_s for group in groups]
    return Listed(
        name=name,
        about=about,
        sample_rate_hz=found.sample_rate_hz,
        parameters=found.parameters,
        layers=sum(group.count for group in groups),
        dims=(min(group.dims[0] for group in groups), max(group.dims[1] for group in groups)),
        frames_per_s=(min(rates), max(rates)),
        receptive_ms=(
            _milliseconds(min(group.receptive_s[0] for group in groups)),
            _milliseconds(max(group.receptive_s[1] for group in groups)),
        ),
        checkpoints=checkpoints,
    )


def _milliseconds(seconds: float) -> float | None:
    return None if math.isinf(seconds) else 1000 * seconds


def _first_sentence(name: str) -> str:
    """Of its module; of its class where the module holds several encoders."""
    kind = encoder_class(name)
    alone = sum(each.partition(":")[0] == kind.__module__ for each in ENCODERS.values()) == 1
    text = inspect.getdoc(inspect.getmodule(kind) if alone else kind) or ""
    return text.partition("\n")[0].partition(";")[0].rstrip(".")


def _parameters(encoder: Encoder) -> int:
    return sum(parameter.numel() for parameter in encoder.parameters())


def describe(source: str, *, sample_rate_hz: int | None = None) -> Description:
    """Open what `source` names (random weights where none are at hand) and describe it; it is timed on one 10-s clip.

    Raises as `open_encoder` and `bind_rate` do.
    """
    opened = open_encoder(source, random_weights=None)
    encoder = bind_rate(opened.encoder, sample_rate_hz, NATIVE_RATE_HZ)
    rate = int(encoder.sample_rate or 0)
    clip = synthetic_sound(rate, max(CLIP_S, encoder.min_samples / rate))[None]
    clip = clip[:, : encoder.max_samples]
    with torch.inference_mode():
        speed = real_time(encoder, clip)
    return Description(
        name=encoder.name,
        origin=opened.origin,
        notes=opened.notes,
        sample_rate_hz=opened.encoder.sample_rate,
        described_at_hz=rate,
        parameters=_parameters(encoder),
        batching=encoder.batching,
        licence=opened.licence or _licence(opened.origin),
        layers=layer_rows(encoder),
        checkpoints=tuple(entry for entry in KNOWN if entry.encoder == encoder.name),
        real_time=speed,
        threads=torch.get_num_threads(),
    )


def layer_rows(encoder: Encoder) -> tuple[LayerRow, ...]:
    """One row a layer, of an encoder that is bound to a rate."""
    return tuple(
        LayerRow(
            spec.name,
            spec.dim,
            spec.bands,
            1000 * spec.grid.hop_s,
            1 / spec.grid.hop_s,
            _milliseconds(spec.grid.receptive_s),
            spec.local,
        )
        for spec in encoder.layers
    )


def _licence(origin: str) -> str:
    if origin in ("random weights", "computed, no weights"):
        return "Apache-2.0, as Tymbal; published weights have their own"
    return "as whoever published the file states"
