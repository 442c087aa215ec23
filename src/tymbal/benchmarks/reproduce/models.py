"""The seven encoders of the probing study: which published file each is, and what is at hand of them."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from tymbal.encoders.contract import Encoder
from tymbal.encoders.fetch import weights_directory
from tymbal.encoders.known import BY_NAME, KnownCheckpoint
from tymbal.encoders.registry import create_encoder, encoder_class
from tymbal.encoders.source import open_encoder
from tymbal.errors import EncoderError, UsageError

RandomWeights = Literal["no", "full", "tiny"]
FLOOR = "random weights: a floor"
NOT_IN_TIME = ("cls",)  # layers that are one value for the whole segment: no probe over time is put on them


@dataclass(frozen=True)
class Model:
    """One encoder of the study (arXiv 2605.10494).

    checkpoint : its name among `encoders.known`. published : its name in our table of published numbers. kind : what
    the paper's claims go by: transformers trained without labels, with them, both (NatureBEATs: released with a
    language model), and a convolutional network trained with labels.
    """

    name: str
    checkpoint: str
    kind: Literal["self-supervised", "supervised", "both", "convolutional"]
    published: str

    @property
    def known(self) -> KnownCheckpoint:
        """What is known about its file."""
        return BY_NAME[self.checkpoint]


MODELS = (
    Model("BEATs", "beats-iter3-plus-as2m", "self-supervised", "BEATs-pre"),
    Model("EAT-all", "esp-aves2-eat-all", "self-supervised", "EAT-all"),
    Model("BirdAVES-biox", "birdaves-biox-base", "self-supervised", "BirdAVES-biox-base"),
    Model("NatureBEATs", "esp-aves2-naturelm-audio-v1-beats", "both", "NatureBEATs"),
    Model("sl-BEATs-all", "esp-aves2-sl-beats-all", "supervised", "sl-BEATs-all"),
    Model("sl-EAT-all", "esp-aves2-sl-eat-all-ssl-all", "supervised", "sl-EAT-all"),
    Model("EffNetB0-all", "esp-aves2-effnetb0-all", "convolutional", "EffNetB0-all"),
)


@dataclass(frozen=True)
class AtHand:
    """A model and how it can be had: its file, or random weights in its stead, or not at all.

    weights : "trained" (read from `path`), "random" (its own size) or "random, tiny", or "missing".
    """

    model: Model
    weights: Literal["trained", "random", "random, tiny", "missing"]
    path: Path | None = None

    @property
    def trained(self) -> bool:
        """Whether what it gives says anything about the published encoder."""
        return self.weights == "trained"

    @property
    def title(self) -> str:
        """Its name, with what a reader of any table must know."""
        words = {"random": f" ({FLOOR})", "random, tiny": f" ({FLOOR}, tiny)"}
        return self.model.name + words.get(self.weights, "")

    @property
    def folder(self) -> str:
        """Where its results lie below those of the study: other weights, another folder."""
        words = {"random": "-random", "random, tiny": "-random-tiny"}
        return self.model.name + words.get(self.weights, "")

    @property
    def get_it(self) -> str:
        """Where its file is had by hand."""
        known = self.model.known
        size = f"about {known.size_mb} MB, {known.licence}"
        return f"Get {known.file} ({size}) from {known.where}"

    def open(self) -> tuple[Encoder, tuple[str, ...]]:
        """The encoder, frozen, and notes on its file. Raises EncoderError where that does not load."""
        if self.path is None:
            return blank(self.model, tiny=self.weights == "random, tiny"), ()
        config: dict[str, Any] = dict(self.model.known.config)
        opened = open_encoder(self.path, **config)
        kind = self.model.known.encoder
        if opened.encoder.name != kind:
            raise EncoderError(
                f"holds {opened.encoder.name}, not {kind}", where=self.path, mend="Get the published file again."
            )
        return opened.encoder, opened.notes


def blank(model: Model, *, tiny: bool = False) -> Encoder:
    """The model's architecture with random weights, the same each time; `tiny` in the size of the tests."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        if tiny:
            return encoder_class(model.known.encoder).tiny().freeze()
        config: dict[str, Any] = dict(model.known.config)
        return create_encoder(model.known.encoder, **config)


def stored_layers(encoder: Encoder) -> tuple[str, ...]:
    """The layers that the study embeds; the last of them is its "last layer"."""
    return tuple(spec.name for spec in encoder.layers if spec.name not in NOT_IN_TIME)


def study_models(names: Sequence[str] = ()) -> tuple[Model, ...]:
    """The encoders of the study, or those named, in its order; capitals do not matter. UsageError for unknown names."""
    known = {model.name.lower(): model for model in MODELS}
    wanted = [name.lower() for name in names]
    for name in names:
        if name.lower() not in known:
            near = difflib.get_close_matches(name.lower(), known, n=1)
            raise UsageError(
                f"the study has no encoder {name!r}",
                parameter="models",
                allowed=", ".join(model.name for model in MODELS),
                mend=f"Did you mean {known[near[0]].name!r}?" if near else None,
            )
    return tuple(model for name, model in known.items() if not wanted or name in wanted)


def look_for(models: tuple[Model, ...], folder: Path | None, random_weights: RandomWeights) -> tuple[AtHand, ...]:
    """What is at hand of each model: its file in `folder` (itself, or in a folder of the checkpoint's name) or among
    the weights placed by hand ($TYMBAL_WEIGHTS). Nothing is fetched."""
    found = []
    for model in models:
        places = [] if folder is None else [folder / model.known.file, folder / model.checkpoint / model.known.file]
        path = next((each for each in (*places, weights_directory() / model.known.file) if each.is_file()), None)
        if path is not None:
            found.append(AtHand(model, "trained", path))
        elif random_weights == "no":
            found.append(AtHand(model, "missing"))
        else:
            found.append(AtHand(model, "random" if random_weights == "full" else "random, tiny"))
    return tuple(found)
