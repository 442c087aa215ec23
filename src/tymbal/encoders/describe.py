"""What an encoder is, in one record: layers on their grids, size, licence, where weights come from, speed."""

from __future__ import annotations

import inspect
import math
from dataclasses import dataclass

import torch

from tymbal.encoders.check import CLIP_S, real_time, synthetic_sound
from tymbal.encoders.contract import Encoder
from tymbal.encoders.known import BY_NAME, KNOWN, KnownCheckpoint
from tymbal.encoders.overview import NATIVE_RATE_HZ
from tymbal.encoders.registry import ENCODERS, encoder_class, list_encoders
from tymbal.encoders.source import open_encoder
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
    """One line of the list; `missing` is what to install first."""

    name: str
    about: str
    sample_rate_hz: int | None = None
    parameters: int = 0
    layers: int = 0
    checkpoints: tuple[str, ...] = ()
    missing: str = ""


def list_described() -> list[Listed]:
    """Every registered encoder in its published size, without computing anything."""
    return [_listed(name) for name in list_encoders()]


def _listed(name: str) -> Listed:
    checkpoints = tuple(entry.name for entry in KNOWN if entry.encoder == name)
    try:
        kind = encoder_class(name)
        about = _first_sentence(kind)
        if inspect.signature(kind).parameters["config"].default is inspect.Parameter.empty:
            return Listed(name, about, checkpoints=checkpoints)
        with torch.device("meta"):
            root: Encoder = kind()
            bound = root.at_rate(NATIVE_RATE_HZ)
    except MissingExtraError as error:
        return Listed(name, "", checkpoints=checkpoints, missing=error.mend or "")
    return Listed(name, about, root.sample_rate, _parameters(bound), len(bound.layers), checkpoints)


def _first_sentence(kind: type[Encoder]) -> str:
    module = inspect.getdoc(inspect.getmodule(kind)) or ""
    return module.partition("\n")[0].rstrip(".")


def _parameters(encoder: Encoder) -> int:
    return sum(parameter.numel() for parameter in encoder.parameters())


def describe(source: str, *, sample_rate_hz: int | None = None) -> Description:
    """Open what `source` names (random weights where none are at hand) and describe it; it is timed on one 10-s clip.

    Raises as `open_encoder` does.
    """
    opened = open_encoder(source, random_weights=True)
    rate = opened.encoder.sample_rate or sample_rate_hz or NATIVE_RATE_HZ
    encoder = opened.encoder.at_rate(rate)
    clip = synthetic_sound(rate, max(CLIP_S, encoder.min_samples / rate))[None]
    clip = clip[:, : encoder.max_samples]
    with torch.inference_mode():
        speed = real_time(encoder, clip)
    known = BY_NAME.get(source) if source not in ENCODERS else None
    return Description(
        name=encoder.name,
        origin=opened.origin,
        notes=opened.notes,
        sample_rate_hz=opened.encoder.sample_rate,
        described_at_hz=rate,
        parameters=_parameters(encoder),
        batching=encoder.batching,
        licence=known.licence if known else _licence(opened.origin),
        layers=tuple(
            LayerRow(
                spec.name,
                spec.dim,
                spec.bands,
                1000 * spec.grid.hop_s,
                1 / spec.grid.hop_s,
                None if math.isinf(spec.grid.receptive_s) else 1000 * spec.grid.receptive_s,
                spec.local,
            )
            for spec in encoder.layers
        ),
        checkpoints=tuple(entry for entry in KNOWN if entry.encoder == encoder.name),
        real_time=speed,
        threads=torch.get_num_threads(),
    )


def _licence(origin: str) -> str:
    if origin in ("random weights", "computed, no weights"):
        return "Apache-2.0, as Tymbal; published weights have their own"
    return "as whoever published the file states"
