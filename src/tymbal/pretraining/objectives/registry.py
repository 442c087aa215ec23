"""Objectives by name. A new one is its own file and one line here."""

from __future__ import annotations

import importlib
from typing import Any

from tymbal.config import from_plain
from tymbal.encoders.pictures import PictureEncoder
from tymbal.encoders.registry import config_type
from tymbal.errors import UsageError
from tymbal.pretraining.objectives.contract import Objective

# name -> "module:class"; nothing is imported before it is asked for
OBJECTIVES = {
    "autoencoding": "tymbal.pretraining.objectives.autoencoding:Autoencoding",
    "byol": "tymbal.pretraining.objectives.byol:Byol",
    "contrastive": "tymbal.pretraining.objectives.contrastive:Contrastive",
    "frames_and_utterance": "tymbal.pretraining.objectives.frames_and_utterance:FramesAndUtterance",
    "multilabel": "tymbal.pretraining.objectives.multilabel:Multilabel",
    "random_projection": "tymbal.pretraining.objectives.random_projection:RandomProjection",
}


def objective_class(name: str) -> type[Objective]:
    """The class registered under `name`; UsageError lists all."""
    if name not in OBJECTIVES:
        raise UsageError(f"no objective is called {name!r}", parameter="objective", allowed=", ".join(OBJECTIVES))
    module, _, attribute = OBJECTIVES[name].partition(":")
    found: type[Objective] = getattr(importlib.import_module(module), attribute)
    return found


def create_objective(name: str, encoder: PictureEncoder, **config: Any) -> Objective:
    """An objective around `encoder`; `config` are fields of its configuration dataclass.

    Raises UsageError for an unknown name or an encoder without pictures, ConfigError for an ill-typed field by name.
    """
    kind: Any = objective_class(name)
    if not isinstance(encoder, PictureEncoder):
        raise UsageError(
            f"{type(encoder).__name__} has no picture to alter", parameter="encoder", allowed="melcnn, meltransformer"
        )
    made: Objective = kind(encoder, from_plain(config_type(kind), config, where=name))
    return made
