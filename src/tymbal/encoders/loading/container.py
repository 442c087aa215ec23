"""Files of weights opened safely: tensors and plain facts, never code."""

from __future__ import annotations

import argparse
import json
import pickle
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tymbal.encoders.sums import OWN_WEIGHTS
from tymbal.errors import EncoderError

WEIGHT_FILES = (OWN_WEIGHTS, "model.safetensors", "pytorch_model.bin")
STATE_SECTIONS = ("model", "state_dict", "model_state_dict", "weights")
FACT_SECTIONS = ("cfg", "config", "args", "hyper_parameters", "hparams", "model_config", "metadata")
# Where facts nest: fairseq's cfg, avex's model specifications, feature extractor files.
NESTED = ("model", "task", "model_spec", "init_config", "audio_config", "feature_extractor")
MAX_HEADER_BYTES = 100_000_000

# First bytes -> what a file is, and what to do instead.
_NOT_WEIGHTS = (
    (b"version https://git-lfs", "a Git LFS pointer, not the weights themselves", "Fetch the file with git lfs pull."),
    (b"<!doctype html", "a web page, so a download that failed", "Download it again and look at its size."),
    (b"<html", "a web page, so a download that failed", "Download it again and look at its size."),
    (b"\x89hdf", "an HDF5 file (Keras keeps weights so)", "Export the model to ONNX and use the encoder 'onnx'."),
    (b"gguf", "a GGUF file", "Get the PyTorch or safetensors weights."),
    (b"riff", "a sound file", "Give a file of weights."),
    (b"\x1f\x8b", "a gzip archive", "Unpack it and give the file inside."),
)


@dataclass(frozen=True)
class Container:
    """What a file holds.

    tensors : by the file's own names.
    facts : tables of settings, the nearest first: the file's own, then those beside it.
    sections : the path of sections inside the file to the tensors.
    leftover : entries among the tensors that are none.
    labels : what a label file beside it or the file itself says, undigested.
    """

    path: Path
    kind: str
    tensors: Mapping[str, Tensor]
    facts: tuple[Mapping[str, Any], ...] = ()
    sections: tuple[str, ...] = ()
    leftover: tuple[str, ...] = ()
    labels: Any = None
    header: Mapping[str, str] = field(default_factory=dict)

    def stated(self, name: str) -> Any:
        """The nearest statement of `name`, at the top of a table or one level down; None where there is none."""
        for table in self.facts:
            for part in _levels(table):
                if part.get(name) is not None:
                    return part[name]
        return None


def _levels(table: Mapping[str, Any], depth: int = 2) -> Iterator[Mapping[str, Any]]:
    yield table
    if depth:
        for name in NESTED:
            inner = table.get(name)
            if isinstance(inner, Mapping):
                yield from _levels(inner, depth - 1)


def read_container(path: str | Path) -> Container:
    """Open a file of weights, or a folder that holds one under its usual name.

    Raises EncoderError for a file that is missing, is no container of weights (it says what it looks like), is
    damaged, or would run code: pickles are read by PyTorch's weights-only reader and nothing else.
    """
    path = _file(Path(path))
    with path.open("rb") as stream:
        start = stream.read(64)
    for magic, what, mend in _NOT_WEIGHTS:
        if start.lower().startswith(magic):
            raise EncoderError(f"this is {what}", where=path, allowed="safetensors or PyTorch files", mend=mend)
    if start[4:8] == b"TFL3":
        raise EncoderError("this is a TFLite model", where=path, mend="Convert it to ONNX and use the encoder 'onnx'.")
    if start[8:9] == b"{" and int.from_bytes(start[:8], "little") < MAX_HEADER_BYTES:
        found = _safetensors(path)
    elif start[:2] == b"PK" or start[:1] == b"\x80":
        found = _torch(path)
    elif start[:1] == b"\x08" and path.suffix == ".onnx":
        raise EncoderError("this is an ONNX graph", where=path, mend="Use the encoder 'onnx' for it.")
    else:
        raise EncoderError(
            "not a file of weights that can be read", where=path, allowed="safetensors or PyTorch files (.pt, .pth)"
        )
    return _with_siblings(found)


def _file(path: Path) -> Path:
    if path.is_dir():
        for name in WEIGHT_FILES:
            if (path / name).is_file():
                return path / name
        raise EncoderError("this folder holds no file of weights", where=path, allowed=" or ".join(WEIGHT_FILES))
    if not path.is_file():
        raise EncoderError("no such file", where=path, mend="Check the path of the checkpoint.")
    return path


def _safetensors(path: Path) -> Container:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            header = dict(file.metadata() or {})
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a dict
    except (SafetensorError, OSError) as error:
        raise EncoderError(
            f"cannot be read as safetensors: {error}", where=path, mend="It may be cut short; get it again."
        ) from error
    own = {name: _maybe_json(text) for name, text in header.items()}
    tables = [own[name] for name in FACT_SECTIONS if isinstance(own.get(name), Mapping)]
    return Container(path, "safetensors", tensors, (*tables, own), header=header, labels=own.get("labels"))


def _maybe_json(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _torch(path: Path) -> Container:
    _refuse_programs(path)
    try:
        # Namespace holds fairseq's options: names and values, nothing that runs.
        with torch.serialization.safe_globals([argparse.Namespace]), warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Detected pickle protocol")
            data = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise EncoderError(
            f"refused: the pickle asks for more than tensors and plain values ({_first_line(error)})",
            where=path,
            mend="Nothing of it was run. If you trust its author, load it where that author's code is installed and "
            "save the weights alone as safetensors.",
        ) from error
    except (RuntimeError, EOFError, OSError, KeyError, ValueError, IndexError, TypeError) as error:
        raise EncoderError(
            f"cannot be read as a PyTorch file: {_first_line(error)}",
            where=path,
            mend="It may be cut short; get it again.",
        ) from error
    if not isinstance(data, Mapping):
        raise EncoderError(f"holds a {type(data).__name__}", where=path, allowed="a table of named tensors")
    tables = tuple(table for name in FACT_SECTIONS if (table := _table(data.get(name))))
    state, sections = data, []
    while (inner := _inner_state(state)) is not None:
        sections.append(inner)
        state = state[inner]
    tensors = {str(key): value for key, value in state.items() if isinstance(value, Tensor)}
    if not tensors:
        raise EncoderError(
            f"holds no named tensors, but {', '.join(map(str, list(data)[:5])) or 'nothing'}",
            where=path,
            allowed=f"tensors by name, or in a section {', '.join(STATE_SECTIONS)}",
        )
    leftover = tuple(str(key) for key, value in state.items() if not isinstance(value, Tensor)) if sections else ()
    labels = data.get("labels", data.get("label_map"))
    return Container(path, "PyTorch", tensors, tables, tuple(sections), leftover, labels)


def _first_line(error: BaseException) -> str:
    """The telling line of torch's long messages."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    telling = [line for line in lines if "Unsupported" in line or "GLOBAL" in line]
    text = (telling or lines or [type(error).__name__])[0]
    for mark in ("WeightsUnpickler error:", "Please use"):
        text = text.split(mark)[-1 if mark.startswith("Weights") else 0]
    return text.strip().rstrip(".")[:200]


def _inner_state(data: Mapping[Any, Any]) -> str | None:
    """The section that holds the tensors, None where this level does."""
    for name in STATE_SECTIONS:
        inner = data.get(name)
        if isinstance(inner, Mapping) and any(isinstance(value, Tensor | Mapping) for value in inner.values()):
            return name
    return None


def _refuse_programs(path: Path) -> None:
    """Raise for zip archives that are not PyTorch's tensors: TorchScript programs, NumPy and Keras archives."""
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    if any("/code/" in f"/{name}" or name.endswith("constants.pkl") for name in names):
        raise EncoderError(
            "this is a TorchScript program, which would run code",
            where=path,
            allowed="weights alone",
            mend="Get its state dict or safetensors weights.",
        )
    if not any(name.endswith("data.pkl") for name in names):
        raise EncoderError(
            f"this zip archive is no PyTorch file (it holds {', '.join(names[:3])})",
            where=path,
            allowed="safetensors or PyTorch files",
        )


def _table(value: Any) -> Mapping[str, Any] | None:
    if isinstance(value, argparse.Namespace):
        return vars(value)
    return value if isinstance(value, Mapping) else None


def _with_siblings(found: Container) -> Container:
    """Add the settings and labels that stand in JSON files beside the weights."""
    folder, stem = found.path.parent, found.path.name.removesuffix(found.path.suffix)
    names = [f"{stem}.model_config.json", f"{stem}.json", f"{stem}.config.json"]
    names += ["config.json", "preprocessor_config.json"]
    facts = list(found.facts)
    for name in names:
        table = _json(folder / name)
        if isinstance(table, Mapping):
            facts.append(table)
    labels = found.labels
    for name in (f"{stem}.label_map.json", "label_map.json"):
        if labels is None:
            labels = _json(folder / name)
    if labels is None:
        labels = next((table["id2label"] for table in facts if isinstance(table.get("id2label"), Mapping)), None)
    return Container(
        found.path, found.kind, found.tensors, tuple(facts), found.sections, found.leftover, labels, found.header
    )


def _json(path: Path) -> Any:
    if not path.is_file():
        return None
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise EncoderError(
            f"not valid JSON: {error}", where=path, mend="It stands beside the weights and is read with them; mend it."
        ) from error
