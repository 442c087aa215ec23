"""An encoder as one safetensors file: parameters, and in the metadata its name, configuration and checksum.

Where every float32 number is one of float16 too (`round_to_half` sees to that), they are stored so, in half the bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from tymbal.config import from_plain, to_plain
from tymbal.encoders.contract import Encoder
from tymbal.encoders.registry import config_type, encoder_class
from tymbal.errors import EncoderError

FORMAT = "tymbal-encoder-1"
STORED, HALF = "stored", "float16"


def save_encoder(encoder: Encoder, path: str | Path) -> None:
    """Write `encoder` to `path`, atomically. One bound to a rate by `at_rate` is saved as the encoder of any rate.

    The same encoder comes back, bit for bit.

    Raises EncoderError for an encoder that `with_runtime` made for another precision: its weights are rounded.
    """
    from safetensors.torch import save

    from tymbal.jobs.atomic import write_bytes

    if encoder.numerics != "float32":
        raise EncoderError(
            f"its weights were rounded to run in {encoder.numerics}",
            where=encoder.name,
            mend="Save the encoder it was made from, and choose the precision when it runs.",
        )
    state = {key: tensor.detach().cpu().contiguous().clone() for key, tensor in encoder.state_dict().items()}
    metadata = {
        "format": FORMAT,
        "name": encoder.name,
        "config": json.dumps(to_plain(encoder.config), sort_keys=True),
        "checksum": encoder.checksum,
    }
    halves = {key: tensor.half() if tensor.dtype == torch.float32 else tensor for key, tensor in state.items()}
    if all(torch.equal(halves[key].to(tensor.dtype), tensor) for key, tensor in state.items()):
        state, metadata[STORED] = halves, HALF
    write_bytes(Path(path), _in_order(save(state, metadata=metadata)))


def round_to_half(encoder: Encoder) -> Encoder:
    """Round the encoder's float32 numbers to the nearest of float16, in place; its file takes half the bytes.

    Raises EncoderError for a number beyond float16 (65504): the encoder is then left as it was.
    """
    rounded = {
        key: tensor.half().float() for key, tensor in encoder.state_dict().items() if tensor.dtype == torch.float32
    }
    beyond = sorted(key for key, tensor in rounded.items() if not bool(torch.isfinite(tensor).all()))
    if beyond:
        raise EncoderError(f"numbers beyond float16 in {_some(beyond)}", where=encoder.name, allowed="up to 65504")
    encoder.load_state_dict(rounded, strict=False)
    return encoder


def _in_order(data: bytes) -> bytes:
    """The same file with its metadata sorted: the library writes them in an order of its own, another each time."""
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + data[8 + length :]


def load_encoder(path: str | Path, *, frozen: bool = True) -> Encoder:
    """Read what `save_encoder` wrote; see `create_encoder` for `frozen`.

    Raises EncoderError for a file that is missing or not an encoder's, for keys that are missing or unexpected (by
    name), for a tensor of another shape or type, and where the checksum does not match what was loaded.
    """
    metadata, state = _read(Path(path))
    try:
        name, config, checksum = metadata["name"], json.loads(metadata["config"]), metadata["checksum"]
    except (KeyError, json.JSONDecodeError) as error:
        raise EncoderError("the metadata lacks name, config or checksum", where=path) from error
    if not isinstance(config, dict):
        raise EncoderError("the config in the metadata is not a table", where=path)
    kind = encoder_class(name)
    encoder = kind.from_state(from_plain(config_type(kind), config, where=path), state)
    encoder = encoder.freeze() if frozen else encoder.eval()
    load_state(encoder, state, where=path)
    if encoder.checksum != checksum:
        raise EncoderError(
            f"checksum {encoder.checksum} of what was loaded is not the {checksum} on the file",
            where=path,
            mend="The file was altered or damaged; get it again.",
        )
    return encoder


def load_state(encoder: Encoder, state: dict[str, Tensor], *, where: object = None) -> None:
    """Load `state` into `encoder`, every key accounted for; EncoderError names the first ones that do not fit."""
    own = encoder.state_dict()
    missing, unexpected = sorted(own.keys() - state.keys()), sorted(state.keys() - own.keys())
    if missing or unexpected:
        raise EncoderError(
            f"{len(missing)} missing keys {_some(missing)} and {len(unexpected)} unexpected keys {_some(unexpected)}",
            where=where,
            allowed=f"the {len(own)} keys of {encoder.name}",
            mend="Check that the file belongs to this encoder and configuration.",
        )
    for key, tensor in state.items():
        if tensor.shape != own[key].shape or tensor.dtype != own[key].dtype:
            raise EncoderError(
                f"{key} has shape {tuple(tensor.shape)} and type {tensor.dtype}",
                where=where,
                allowed=f"shape {tuple(own[key].shape)} and type {own[key].dtype}",
            )
    encoder.load_state_dict(state, strict=True)


def as_saved(metadata: Mapping[str, str], tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors that `save_encoder` was given, from those of its file."""
    halved = metadata.get(STORED) == HALF
    return {key: each.float() if halved and each.dtype == torch.float16 else each for key, each in tensors.items()}


def _some(keys: list[str]) -> str:
    shown = ", ".join(keys[:5]) + (", …" if len(keys) > 5 else "")
    return f"({shown})" if keys else ""


def _read(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT:
                raise EncoderError(
                    "a safetensors file, but not of an encoder",
                    where=path,
                    allowed=f"metadata format {FORMAT!r}",
                    mend="Give a file written by save_encoder.",
                )
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a dict
            return metadata, as_saved(metadata, tensors)
    except FileNotFoundError as error:
        raise EncoderError("no such file", where=path) from error
    except (SafetensorError, OSError) as error:
        raise EncoderError(f"cannot be read as safetensors: {error}", where=path) from error
