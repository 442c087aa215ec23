"""Augmentations by name. A new one is its own file and one line here."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import Any

from tymbal.config import from_plain
from tymbal.encoders.pictures import PictureConfig
from tymbal.errors import ConfigError, UsageError
from tymbal.pretraining.augmentations.contract import Augmentation

# name -> "module:class"; nothing is imported before it is asked for
AUGMENTATIONS = {
    "masked_branch": "tymbal.pretraining.augmentations.masked_branch:MaskedBranch",
    "mixup": "tymbal.pretraining.augmentations.mixup:Mixup",
    "noise": "tymbal.pretraining.augmentations.noise:Noise",
    "quantisation": "tymbal.pretraining.augmentations.quantisation:Quantisation",
    "recorder": "tymbal.pretraining.augmentations.recorder:RecorderSimulation",
    "reverberation": "tymbal.pretraining.augmentations.reverberation:Reverberation",
    "stretch": "tymbal.pretraining.augmentations.stretch:Stretch",
}


def create_augmentation(
    name: str, picture: PictureConfig | None = None, *, probability: float = 1.0, **config: Any
) -> Augmentation:
    """An augmentation of pictures made by `picture`; `config` are fields of its configuration dataclass.

    Raises UsageError for an unknown name, ConfigError for an ill-typed or impossible field by name.
    """
    if name not in AUGMENTATIONS:
        raise UsageError(
            f"no augmentation is called {name!r}", parameter="augmentations", allowed=", ".join(AUGMENTATIONS)
        )
    module, _, attribute = AUGMENTATIONS[name].partition(":")
    kind: Any = getattr(importlib.import_module(module), attribute)
    made: Augmentation = kind(
        from_plain(kind.settings, config, where=name),
        picture or PictureConfig(),
        from_plain(float, probability, where=f"{name}: probability"),
    )
    return made


def create_augmentations(tables: Sequence[Mapping[str, Any]], picture: PictureConfig) -> tuple[Augmentation, ...]:
    """The recipe's [[augmentations]], each a table of name, probability and its own fields, in their order."""
    for number, table in enumerate(tables, 1):
        if not isinstance(table.get("name"), str):
            raise ConfigError(
                f"table {number} has no name",
                where="augmentations",
                allowed=f"name = one of {', '.join(AUGMENTATIONS)}",
            )
        if "picture" in table:
            raise ConfigError(
                f"table {number}: unknown field 'picture'", where="augmentations", mend="Delete the line."
            )
    return tuple(create_augmentation(**{**table, "picture": picture}) for table in tables)
