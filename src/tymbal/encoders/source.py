"""From what a user writes after --encoder to an encoder that runs: the one way in for the command line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from tymbal.encoders.contract import Encoder
from tymbal.encoders.fetch import locate
from tymbal.encoders.known import BY_NAME, KNOWN
from tymbal.encoders.registry import ENCODERS, create_encoder
from tymbal.encoders.runtime import Precision, Runtime, with_runtime
from tymbal.errors import EncoderError

ONNX = "onnx:"


@dataclass(frozen=True)
class Opened:
    """An encoder and where it came from; `notes` are sentences that a user should read before trusting it."""

    encoder: Encoder
    origin: str
    notes: tuple[str, ...] = ()


def open_encoder(
    source: str | Path, *, precision: Precision = "float32", random_weights: bool = False, **config: Any
) -> Opened:
    """The encoder that `source` names, frozen.

    Parameters
    ----------
    source : a path of weights in any known layout; "onnx:FILE" or a path ending in .onnx, with FILE's settings in a
        .toml of its name beside it, where it needs any; "hf:owner/name[@revision][/file]"; the name of a known
        checkpoint; or a registered name.
    precision : see `Runtime`.
    random_weights : take a registered encoder that has weights without any, the same random ones each time. For
        tests of speed, and as the baseline that features of trained ones must beat.
    config : fields of the encoder's configuration.

    Raises
    ------
    EncoderError for a name, file or repository that is not there, for weights that do not load, and for a registered
    name whose weights are not at hand; the error lists known checkpoints.
    """
    found = _open(str(source), random_weights, config)
    return Opened(with_runtime(found.encoder, Runtime(precision)), found.origin, found.notes)


def _open(text: str, random_weights: bool, config: dict[str, Any]) -> Opened:
    path = Path(text.removeprefix(ONNX))
    if text.startswith(ONNX) or (path.suffix.lower() == ".onnx" and path.exists()):
        return Opened(_onnx(path, config), str(path))
    if text in ENCODERS and not Path(text).exists():
        return _registered(text, random_weights, config)
    located = locate(text)
    if located.path.suffix.lower() == ".onnx":
        return Opened(_onnx(located.path, config), str(located.path))
    from tymbal.encoders.loading import load_checkpoint

    known = located.known
    expected = known.encoder if known is not None else None
    loaded = load_checkpoint(located.path, expected, **{**(dict(known.config) if known else {}), **config})
    notes = []
    if loaded.unexpected:
        some = ", ".join(loaded.unexpected[:5]) + (", …" if len(loaded.unexpected) > 5 else "")
        notes.append(f"{len(loaded.unexpected)} keys of the file are unknown here and were left out: {some}")
    if loaded.metadata.get("assumed"):
        notes.append(f"the file does not state {', '.join(loaded.metadata['assumed'])}: defaults stand")
    return Opened(loaded.encoder, str(located.path), tuple(notes))


def _onnx(path: Path, config: dict[str, Any]) -> Encoder:
    from tymbal.config import load
    from tymbal.encoders.onnx import OnnxConfig

    beside = path.with_suffix(".toml")
    stated: dict[str, Any] = {}
    if beside.is_file():
        settings = load(OnnxConfig, beside)
        stated = {name: value for name, value in vars(settings).items() if name not in ("path", "taps")}
        stated["taps"] = [vars(tap) for tap in settings.taps]
    return create_encoder("onnx", **{**stated, **config, "path": str(path)})


def _registered(name: str, random_weights: bool, config: dict[str, Any]) -> Opened:
    if name == "onnx":
        raise EncoderError("a graph must be given", where="onnx", mend="Write onnx:FILE.onnx.")
    if not random_weights and name in BY_NAME:  # a checkpoint of the encoder's own name, perhaps placed by hand
        try:
            placed = locate(name)
        except EncoderError:
            placed = None
        if placed is not None:
            return _open(str(placed.path), False, {**dict(BY_NAME[name].config), **config})
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        encoder = create_encoder(name, **config)
    if not any(True for _ in encoder.parameters()):
        return Opened(encoder, "computed, no weights")
    if not random_weights:
        checkpoints = [entry.name for entry in KNOWN if entry.encoder == name]
        raise EncoderError(
            "has no weights of its own",
            where=name,
            allowed=f"a path, hf:owner/name, or a known checkpoint ({', '.join(checkpoints) or 'none is known'})",
            mend="For a baseline of random weights, say so: --random-weights.",
        )
    return Opened(encoder, "random weights", ("its weights are random",))
