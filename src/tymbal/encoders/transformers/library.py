"""What is asked of the transformers library: a network for a configuration, and weights from a local folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from tymbal.errors import EncoderError, MissingExtraError, require

OLDEST = (5, 20)  # before, blocks returned tuples and AST's had other names
# Masking of features is for training and would add a parameter that no output depends on.
_FIXED = {"mask_time_prob": 0.0, "mask_feature_prob": 0.0, "apply_spec_augment": False}


@dataclass(frozen=True)
class Family:
    """One architecture of the library.

    Parameters
    ----------
    model_type : how its config.json calls itself.
    model, config : names of the library's classes.
    settings : field of our configuration -> the library's name.
    required : the library's name -> the only value that our forward pass knows.
    heads : beginnings of keys that belong to training heads.
    attention : the library's implementation of attention; ours gives it masks of that kind.
    fixed : further settings that are always so.
    """

    model_type: str
    model: str
    config: str
    settings: Mapping[str, str]
    required: Mapping[str, Any] = field(default_factory=dict)
    heads: tuple[str, ...] = ()
    attention: str = "sdpa"
    fixed: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Read:
    """A network with its weights, and the keys of the file that it did not take."""

    network: nn.Module
    unexpected: tuple[str, ...]


def library() -> Any:
    """The transformers package; MissingExtraError where it is not installed, or older than `OLDEST`."""
    found: Any = require("transformers", "transformers")
    if tuple(int(part) for part in found.__version__.split(".")[:2]) < OLDEST:
        raise MissingExtraError(
            f"this needs transformers {OLDEST[0]}.{OLDEST[1]} or newer, and {found.__version__} is installed",
            mend="Install it with: pip install --upgrade 'tymbal[transformers]'",
        )
    return found


def library_config(family: Family, config: object) -> Any:
    """The library's configuration for one of ours."""
    values = {theirs: getattr(config, ours) for ours, theirs in family.settings.items()}
    kind = getattr(library(), family.config)
    return kind(**{**_FIXED, **values, **family.fixed, **family.required}, attn_implementation=family.attention)


def new_network(family: Family, config: object) -> nn.Module:
    """The library's network with random weights."""
    network: nn.Module = getattr(library(), family.model)(library_config(family, config))
    return network


def read_network(family: Family, config: object, folder: Path) -> Read:
    """The library's network with the weights of `folder`, safetensors only.

    Raises EncoderError where a weight is missing or has another shape, by name, or the file cannot be read.
    """
    if not any((folder / name).is_file() for name in ("model.safetensors", "model.safetensors.index.json")):
        raise EncoderError(
            "this folder holds no safetensors weights",
            where=folder,
            allowed="model.safetensors",
            mend="Many hubs keep a converted copy under another revision; or save it again with save_pretrained.",
        )
    kind = getattr(library(), family.model)
    try:
        with _quiet():
            network, found = kind.from_pretrained(
                str(folder),
                config=library_config(family, config),
                local_files_only=True,
                use_safetensors=True,
                trust_remote_code=False,
                dtype=torch.float32,
                attn_implementation=family.attention,
                output_loading_info=True,
                ignore_mismatched_sizes=True,
            )
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, _safetensors_error()) as error:
        line = str(error).strip().partition("\n")[0]
        raise EncoderError(
            f"cannot be read: {line}", where=folder, mend="It may be cut short; get it again."
        ) from error
    _refuse(found, folder, family)
    return Read(network.eval(), tuple(sorted(found["unexpected_keys"])))


def _safetensors_error() -> type[Exception]:
    from safetensors import SafetensorError

    return SafetensorError


def _refuse(found: Mapping[str, Any], folder: Path, family: Family) -> None:
    """Raise for weights that the library would have left at random."""
    missing = sorted(found["missing_keys"])
    if missing:
        raise EncoderError(
            f"{len(missing)} keys are missing: {', '.join(missing[:5])}{', …' if len(missing) > 5 else ''}",
            where=folder,
            allowed=f"all keys of {family.model}",
            mend="The file is not whole, or a key is misnamed: "
            + (", ".join(sorted(found["unexpected_keys"])[:5]) or "it has no others")
            + ".",
        )
    wrong = sorted(found["mismatched_keys"], key=str)
    if wrong:
        key, there, here = (*wrong[0], None, None)[:3] if isinstance(wrong[0], tuple) else (wrong[0], None, None)
        raise EncoderError(
            f"{key} has shape {tuple(there) if there is not None else 'other than config.json says'}",
            where=folder,
            allowed=str(tuple(here)) if here is not None else "the shapes that config.json states",
            mend="config.json belongs to another file of weights.",
        )


@contextmanager
def _quiet() -> Iterator[None]:
    """No bars and reports on the terminal: what they would say is raised or returned."""
    log: Any = require("transformers.utils.logging", "transformers")
    level, bars = log.get_verbosity(), log.is_progress_bar_enabled()
    log.set_verbosity_error()
    log.disable_progress_bar()
    try:
        yield
    finally:
        log.set_verbosity(level)
        if bars:
            log.enable_progress_bar()
