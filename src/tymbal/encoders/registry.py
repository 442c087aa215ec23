"""Encoders by name. A new one is its own file and one line here."""

from __future__ import annotations

import difflib
import importlib
import types
import typing
from typing import Any

from tymbal.config import from_plain
from tymbal.encoders.contract import Encoder
from tymbal.errors import EncoderError

# name -> "module:class"; nothing is imported before it is asked for
ENCODERS = {
    "ast": "tymbal.encoders.transformers.spectrogram:Ast",
    "bagnet": "tymbal.encoders.bagnet:BagNet",
    "beats": "tymbal.encoders.beats:Beats",
    "birdmae": "tymbal.encoders.birdmae:BirdMae",
    "cnn14": "tymbal.encoders.cnn14:Cnn14",
    "data2vec": "tymbal.encoders.transformers.speech:Data2Vec",
    "eat": "tymbal.encoders.eat:Eat",
    "efficientnet": "tymbal.encoders.efficientnet:EfficientNet",
    "hubert": "tymbal.encoders.hubert:Hubert",
    "melcnn": "tymbal.encoders.melcnn:MelCnn",
    "meltransformer": "tymbal.encoders.meltransformer:MelTransformer",
    "onnx": "tymbal.encoders.onnx:OnnxEncoder",
    "picture": "tymbal.encoders.melpicture:MelPicture",
    "spectral": "tymbal.encoders.spectral:SpectralEncoder",
    "wav2vec2": "tymbal.encoders.transformers.speech:Wav2Vec2",
    "wavlm": "tymbal.encoders.transformers.speech:WavLM",
}


def list_encoders() -> list[str]:
    """Registered names, sorted."""
    return sorted(ENCODERS)


def encoder_class(name: str) -> type[Encoder]:
    """The class registered under `name`; EncoderError lists near matches."""
    if name not in ENCODERS:
        near = difflib.get_close_matches(name, ENCODERS, n=3, cutoff=0.4)
        raise EncoderError(
            f"no encoder is called {name!r}",
            parameter="encoder",
            allowed=", ".join(list_encoders()),
            mend=f"Did you mean {' or '.join(map(repr, near))}?" if near else None,
        )
    module, _, attribute = ENCODERS[name].partition(":")
    found: type[Encoder] = getattr(importlib.import_module(module), attribute)
    return found


def config_type(kind: type[Encoder]) -> type[Any]:
    """The dataclass that an encoder's constructor annotates its `config` with."""
    annotated = typing.get_type_hints(kind.__init__).get("config")
    if typing.get_origin(annotated) in (typing.Union, types.UnionType):
        annotated = next((part for part in typing.get_args(annotated) if part is not type(None)), None)
    if not isinstance(annotated, type):
        raise EncoderError(
            "the constructor does not say what its config is",
            where=kind.__name__,
            mend="Annotate it: def __init__(self, config: MyConfig | None = None).",
        )
    return annotated


def create_encoder(name: str, *, frozen: bool = True, **config: Any) -> Encoder:
    """Build an encoder by name; `config` are fields of its configuration dataclass.

    The encoder comes frozen (evaluation mode for good, no gradients to its parameters), as every reader of features
    wants it; `frozen=False` gives one to train, in evaluation mode until `train()` is called.

    Raises
    ------
    EncoderError for an unknown name; ConfigError for an unknown or ill-typed field, by name.
    """
    kind = encoder_class(name)
    encoder = kind(from_plain(config_type(kind), config, where=name))
    return encoder.freeze() if frozen else encoder.eval()
