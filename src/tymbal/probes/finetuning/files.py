"""The file of a fine-tuned model: the head, what training changed in the encoder, and which encoder it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor

import tymbal
from tymbal.config import from_plain, to_plain
from tymbal.encoders.checkpoint import load_state
from tymbal.encoders.contract import Encoder
from tymbal.encoders.registry import config_type, encoder_class
from tymbal.encoders.source import open_encoder
from tymbal.errors import DataError, EncoderError
from tymbal.probes.finetuning.config import FinetuneConfig
from tymbal.probes.finetuning.model import FineTuned
from tymbal.probes.finetuning.tuning import Tuned, make_network
from tymbal.training import read_tensors, write_tensors

KIND, FORMAT = "fine-tuned", 1
_MEND = "Give a file that FineTuned.save or tymbal finetune wrote, or train again."


def save_tuned(model: FineTuned, path: Path) -> Path:
    """Write tensors "probe.…" and "encoder.…", and as metadata all else."""
    network = model.tuned_.network
    whole = model.config.mode == "full"
    own: dict[str, Tensor] = dict(network.encoder.state_dict()) if whole else network.tuned.tensors()
    tensors = {f"encoder.{name}": tensor for name, tensor in own.items()}
    tensors |= {f"probe.{name}": tensor for name, tensor in network.probe.state_dict().items()}
    state: dict[str, Any] = {
        "kind": KIND,
        "format": FORMAT,
        "tymbal_version": tymbal.__version__,
        "config": to_plain(model.config),
        "layers": list(model.layers_),
        "dims": list(model.dims_),
        "labels": list(model.labels_),
        "temperature": model.tuned_.temperature,
        "encoder": {
            "name": model.encoder_name_,
            "config": model.encoder_config_,
            "checksum": model.encoder_checksum_,
            "sample_rate_hz": network.encoder.sample_rate,
            "source": model.source_,
            "whole": whole,
        },
        "notes": to_plain(model.notes_),
    }
    write_tensors(path, tensors, state)
    return path


def load_tuned(path: Path, encoder: Encoder | None) -> FineTuned:
    """Inverse of `save_tuned`; see `FineTuned.load`."""
    tensors, state = read_tensors(path, mend=_MEND)
    if state.get("kind") != KIND or state.get("format") != FORMAT:
        what = f"format {state.get('format')} of {state.get('kind') or 'something else'}"
        raise DataError(what, where=path, allowed=f"format {FORMAT} of {KIND}", mend=_MEND)
    about = state["encoder"]
    own = {name.removeprefix("encoder."): each for name, each in tensors.items() if name.startswith("encoder.")}
    head = {name.removeprefix("probe."): each for name, each in tensors.items() if name.startswith("probe.")}
    config = from_plain(FinetuneConfig, state["config"], where=path)
    base = _whole(about, own, path) if about["whole"] else _base(about, encoder, path)
    network = make_network(base, tuple(state["layers"]), config, len(state["labels"]), tuple(state["dims"]))
    if not about["whole"]:
        _put(network.encoder, own, path)
    network.probe.load_state_dict(head)
    network.encoder.requires_grad_(False)
    network.eval()
    model = FineTuned(config)
    model.tuned_ = Tuned(network, float(state["temperature"]), state["notes"])
    model.layers_, model.labels_ = tuple(state["layers"]), tuple(state["labels"])
    model.dims_, model.notes_ = tuple(state["dims"]), state["notes"]
    model.encoder_name_, model.encoder_config_ = about["name"], about["config"]
    model.encoder_checksum_, model.source_ = about["checksum"], about["source"]
    return model


def _whole(about: dict[str, Any], own: dict[str, Tensor], path: Path) -> Encoder:
    """The tuned encoder, all of which is in the file."""
    kind = encoder_class(about["name"])
    found = kind.from_state(from_plain(config_type(kind), about["config"], where=path), own).freeze()
    load_state(found, own, where=path)
    return found.at_rate(about["sample_rate_hz"])


def _base(about: dict[str, Any], encoder: Encoder | None, path: Path) -> Encoder:
    """The encoder before training, as it was given or from where it came."""
    if encoder is None:
        source = about["source"]
        if not source:
            raise DataError(
                f"it needs the {about['name']} encoder with checksum {about['checksum']}",
                where=path,
                mend="Give it: FineTuned.load(path, encoder=...).",
            )
        try:
            encoder = open_encoder(**source).encoder
        except EncoderError as error:
            raise DataError(
                f"the encoder it was made from does not open: {error}",
                where=path,
                mend="Bring it back, or give it: FineTuned.load(path, encoder=...).",
            ) from error
    encoder = encoder.at_rate(about["sample_rate_hz"])
    if encoder.checksum != about["checksum"]:
        raise DataError(
            f"it was made from the {about['name']} encoder with checksum {about['checksum']}, this one has "
            f"{encoder.checksum}",
            where=path,
            mend="Give the encoder it was made from: FineTuned.load(path, encoder=...).",
        )
    return encoder


def _put(encoder: Encoder, own: dict[str, Tensor], path: Path) -> None:
    """Put what training changed into the encoder."""
    parameters = dict(encoder.named_parameters())
    trained = {name for name, value in parameters.items() if value.requires_grad}
    if set(own) != trained or any(own[name].shape != parameters[name].shape for name in own):
        raise DataError(
            f"{len(own)} tensors for {len(trained)} trained parameters of the encoder", where=path, mend=_MEND
        )
    for name, tensor in own.items():
        parameters[name].data.copy_(tensor)
