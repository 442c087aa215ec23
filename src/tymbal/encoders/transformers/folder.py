"""A folder as the hub keeps it: config.json, preprocessor_config.json and model.safetensors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tymbal.config import from_plain
from tymbal.encoders.contract import Encoder
from tymbal.encoders.transformers.library import Family, read_network
from tymbal.errors import EncoderError

WEIGHTS = "model.safetensors"
# What its config.json calls the architecture -> our registered name.
MODEL_TYPES = {
    "audio-spectrogram-transformer": "ast",
    "data2vec-audio": "data2vec",
    "wav2vec2": "wav2vec2",
    "wavlm": "wavlm",
}


@dataclass(frozen=True)
class FolderLoaded:
    """An encoder with the weights of a folder.

    stated : fields that its files state; assumed : fields of the front end that they do not, so the defaults stand.
    unexpected, ignored : keys of the file that nothing knows; keys of training heads.
    """

    encoder: Encoder
    stated: dict[str, Any]
    assumed: tuple[str, ...]
    unexpected: tuple[str, ...]
    ignored: tuple[str, ...]


def wrapper_for(path: Path, encoder: str | None) -> str | None:
    """The registered name among `MODEL_TYPES` that loads `path`, None where another loader is for it.

    Raises EncoderError where `encoder` is one of these and the folder is another's, or states nothing.
    """
    folder = path if path.is_dir() else path.parent
    stated = _json(folder / "config.json") if path.is_dir() or path.name == WEIGHTS else {}
    found = MODEL_TYPES.get(str(stated.get("model_type")))
    if encoder is None or encoder == found:
        return found
    if encoder not in MODEL_TYPES.values():
        return None
    what = (
        f"config.json says {stated['model_type']!r}" if stated.get("model_type") else "no config.json with model_type"
    )
    raise EncoderError(
        f"{what}, which is not {encoder!r}",
        where=path,
        allowed="the folder that holds config.json and model.safetensors",
        mend=f"The encoder {found!r} would take it." if found else None,
    )


def load_folder(path: Path, name: str, *, frozen: bool = True, **config: Any) -> FolderLoaded:
    """Build the encoder `name` for a folder and fill it with its weights; `config` overrides what the folder states.

    Raises EncoderError for a setting that the encoder does not have, a missing or ill-shaped weight, or weights that
    are not safetensors; ConfigError for an unknown field; MissingExtraError without transformers.
    """
    from tymbal.encoders.registry import config_type, encoder_class

    folder = path if path.is_dir() else path.parent
    kind: Any = encoder_class(name)
    family: Family = kind.family
    settings, preprocessor = _json(folder / "config.json"), _json(folder / "preprocessor_config.json")
    _check(family, settings, folder)
    stated = {ours: settings[theirs] for ours, theirs in family.settings.items() if settings.get(theirs) is not None}
    front_end = _front_end(name, preprocessor)
    _check_agreement(family, settings, preprocessor, folder)
    fields = {**stated, **front_end, **config}
    built_from = from_plain(config_type(kind), fields, where=folder)
    read = read_network(family, built_from, folder)
    encoder: Encoder = kind(built_from, read.network)
    ignored = tuple(key for key in read.unexpected if any(part.startswith(family.heads) for part in _stems(key)))
    return FolderLoaded(
        encoder=encoder.freeze() if frozen else encoder.eval(),
        stated={**stated, **front_end},
        assumed=tuple(sorted(set(FRONT_END[name].values()) - set(front_end) - set(config))),
        unexpected=tuple(sorted(set(read.unexpected) - set(ignored))),
        ignored=ignored,
    )


_SPEECH = {"sampling_rate": "sample_rate_hz", "do_normalize": "normalize"}
# Stated by the preprocessor -> our field, per encoder.
FRONT_END: dict[str, dict[str, str]] = {
    "ast": {"sampling_rate": "sample_rate_hz", "mean": "fbank_mean", "std": "fbank_std"},
    "data2vec": _SPEECH,
    "wav2vec2": _SPEECH,
    "wavlm": _SPEECH,
}


def _front_end(name: str, preprocessor: Mapping[str, Any]) -> dict[str, Any]:
    """Fields that the preprocessor's file states. AST without normalisation has mean 0 and a divisor of 1."""
    found = {ours: preprocessor[theirs] for theirs, ours in FRONT_END[name].items() if theirs in preprocessor}
    if name == "ast" and preprocessor.get("do_normalize") is False:
        found |= {"fbank_mean": 0.0, "fbank_std": 0.5}
    return found


def _stems(key: str) -> tuple[str, str]:
    """A key as it is, and without its first part (the name of the network in a model with a head)."""
    return key, key.partition(".")[2]


def _check(family: Family, settings: Mapping[str, Any], folder: Path) -> None:
    for name, value in family.required.items():
        if name in settings and settings[name] != value:
            raise EncoderError(
                f"config.json states {name} = {settings[name]!r}, which the encoder does not have",
                where=folder,
                allowed=repr(value),
            )


def _check_agreement(
    family: Family, settings: Mapping[str, Any], preprocessor: Mapping[str, Any], folder: Path
) -> None:
    """The front end must make the pictures that the network takes."""
    for name in ("num_mel_bins", "max_length"):
        if name not in family.settings.values() or preprocessor.get(name) is None or settings.get(name) is None:
            continue
        if preprocessor[name] != settings[name]:
            raise EncoderError(
                f"preprocessor_config.json states {name} = {preprocessor[name]!r}, config.json {settings[name]!r}",
                where=folder,
                mend="The two files belong to different models.",
            )


def _json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise EncoderError(f"not valid JSON: {error}", where=path, mend="Get it again.") from error
    return found if isinstance(found, dict) else {}
