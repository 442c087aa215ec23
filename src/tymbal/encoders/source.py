"""From what a user writes after --encoder to an encoder that runs: the one way in for the command line."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from tymbal.encoders.contract import Encoder
from tymbal.encoders.fetch import locate
from tymbal.encoders.known import BY_NAME, KNOWN, KnownCheckpoint
from tymbal.encoders.registry import ENCODERS, create_encoder
from tymbal.encoders.runtime import Precision, Runtime, with_runtime
from tymbal.errors import EncoderError, UsageError

if TYPE_CHECKING:
    from tymbal.encoders.loading import Loaded

ONNX = "onnx:"


@dataclass(frozen=True)
class Opened:
    """An encoder and where it came from; `notes` are sentences that a user should read before trusting it.

    `known` is what is known about its weights, None where they are no published ones; `loaded` what else stood with
    them in a file, None where there was no file or it is a graph.
    """

    encoder: Encoder
    origin: str
    notes: tuple[str, ...] = ()
    known: KnownCheckpoint | None = None
    loaded: Loaded | None = None

    @property
    def licence(self) -> str | None:
        """Of the weights, as far as it is stated."""
        stated = self.loaded.metadata.get("licence") if self.loaded is not None else None
        return self.known.licence if self.known is not None else stated

    @property
    def verified(self) -> str:
        """What was compared while it was loaded, in words; empty where its file brings nothing to compare."""
        facts = self.loaded.metadata if self.loaded is not None else {}
        told, files = facts.get("self_test", "none stored"), facts.get("files_checked", 0)
        hashes = f"{files} files have the hashes they were published with; " if files else ""
        return "" if told == "none stored" else f"{hashes}reference outputs {told}"


def open_encoder(
    source: str | Path, *, precision: Precision = "float32", random_weights: bool | None = False, **config: Any
) -> Opened:
    """The encoder that `source` names, frozen.

    Parameters
    ----------
    source : a path of weights in any known layout; "onnx:FILE" or a path ending in .onnx, with FILE's settings in a
        .toml of its name beside it, where it needs any; "hf:owner/name[@revision][/file]"; the name of a known
        checkpoint; or a registered name.
    precision : see `Runtime`.
    random_weights : take a registered encoder that has weights without any, the same random ones each time. For
        tests of speed, and as the baseline that features of trained ones must beat. None: only where its weights are
        not at hand, to look at it.
    config : fields of the encoder's configuration.

    Raises
    ------
    EncoderError for a name, file or repository that is not there, for weights that do not load, and for a registered
    name whose weights are not at hand; the error lists known checkpoints.
    """
    found = _open(str(source), random_weights, config)
    return replace(found, encoder=with_runtime(found.encoder, Runtime(precision)))


def bind_rate(encoder: Encoder, sample_rate_hz: int | None, otherwise_hz: int) -> Encoder:
    """The encoder for `sample_rate_hz`; None: its own rate, `otherwise_hz` where it takes any.

    Raises UsageError for another rate than an encoder's own.
    """
    own = encoder.sample_rate
    if own is not None and sample_rate_hz not in (None, own):
        raise UsageError(
            f"{encoder.name} was made for {own} Hz, not {sample_rate_hz}",
            parameter="sample_rate_hz",
            allowed=f"{own}, or none",
        )
    return encoder.at_rate(own or sample_rate_hz or otherwise_hz)


def _open(text: str, random_weights: bool | None, config: dict[str, Any]) -> Opened:
    path = Path(text.removeprefix(ONNX))
    if text.startswith(ONNX) or (path.suffix.lower() == ".onnx" and path.exists()):
        return _onnx(path, config)
    if text in ENCODERS and not Path(text).is_file():  # a folder of that name is rather a store than weights
        return _registered(text, random_weights, config)
    located = locate(text)
    if located.path.suffix.lower() == ".onnx":
        return _onnx(located.path, config)
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
    return Opened(loaded.encoder, str(located.path), tuple(notes), known, loaded)


def _onnx(path: Path, config: dict[str, Any]) -> Opened:
    from tymbal.config import load
    from tymbal.encoders.onnx import OnnxConfig

    beside = path.with_suffix(".toml")
    stated: dict[str, Any] = {}
    if beside.is_file():
        settings = load(OnnxConfig, beside)
        stated = {name: value for name, value in vars(settings).items() if name not in ("path", "taps")}
        stated["taps"] = [vars(tap) for tap in settings.taps]
    encoder: Any = create_encoder("onnx", **{**stated, **config, "path": str(path)})
    notes: tuple[str, ...] = ()
    if not encoder.opened.states_rate:
        notes = (
            f"the graph does not state its sample rate: {encoder.sample_rate} Hz is assumed; {beside} may state it",
        )
    return Opened(encoder, str(path), notes)


def _registered(name: str, random_weights: bool | None, config: dict[str, Any]) -> Opened:
    if name == "onnx":
        raise EncoderError("onnx needs a graph", parameter="source", mend="Write onnx:FILE.onnx.")
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
    if random_weights is False:
        checkpoints = [entry.name for entry in KNOWN if entry.encoder == name]
        raise EncoderError(
            f"{name} has no weights of its own",
            parameter="source",
            allowed=f"a path, hf:owner/name, or a known checkpoint ({', '.join(checkpoints) or 'none is known'})",
            mend="Give its weights. A baseline of random ones is made by embed and finetune with --random-weights, "
            "in a plan by random_weights = true.",
        )
    return Opened(encoder, "random weights", ("its weights are random",))
