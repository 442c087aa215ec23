from __future__ import annotations

import json
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from tymbal.encoders.loading import read_container
from tymbal.errors import EncoderError


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.pt", b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "Git LFS pointer"),
        ("a.pt", b"<!DOCTYPE html><title>404</title>", "web page"),
        ("a.h5", b"\x89HDF\r\n\x1a\n", "HDF5"),
        ("a.tflite", b"\x1c\x00\x00\x00TFL3", "TFLite"),
        ("a.onnx", b"\x08\x07\x12\x07pytorch", "ONNX"),
        ("a.pt", b"", "not a file of weights"),
        ("a.pt", b"just some text that is no checkpoint", "not a file of weights"),
        ("a.safetensors", (200).to_bytes(8, "little") + b'{"a":', "cannot be read as safetensors"),
        ("a.pt", b"PK\x03\x04 cut short", "cannot be read as a PyTorch file"),
        ("a.pt", pickle.dumps([1, 2, 3]), "cannot be read as a PyTorch file|refused|holds a"),
    ],
)
def test_what_is_no_container_says_what_it_is(name: str, content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(EncoderError, match=message) as error:
        read_container(tmp_path / name)
    assert name in str(error.value)


def test_missing_files_and_empty_folders(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match="no such file"):
        read_container(tmp_path / "absent.pt")
    with pytest.raises(EncoderError, match=r"model\.safetensors"):
        read_container(tmp_path)


def test_other_zip_archives_and_programs(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.zeros(3))
    with pytest.raises(EncoderError, match=r"no PyTorch file \(it holds x\.npy"):
        read_container(tmp_path / "a.npz")
    with zipfile.ZipFile(tmp_path / "program.pt", "w") as archive:
        archive.writestr("program/data.pkl", b"")
        archive.writestr("program/code/__torch__.py", "")
    with pytest.raises(EncoderError, match="TorchScript program"):
        read_container(tmp_path / "program.pt")


def test_a_file_without_tensors(tmp_path: Path) -> None:
    torch.save({"epoch": 3, "loss": 0.5}, tmp_path / "a.pt")
    with pytest.raises(EncoderError, match="no named tensors, but epoch, loss"):
        read_container(tmp_path / "a.pt")
    torch.save([torch.zeros(1)], tmp_path / "b.pt")
    with pytest.raises(EncoderError, match="holds a list"):
        read_container(tmp_path / "b.pt")


def test_sections_are_opened_and_facts_found_nearest_first(tmp_path: Path) -> None:
    torch.save(
        {"cfg": {"model": {"depth": 2}, "mean": 1.0}, "model": {"state_dict": {"a": torch.zeros(1)}, "n": 3}},
        tmp_path / "a.pt",
    )
    (tmp_path / "config.json").write_text(json.dumps({"depth": 9, "std": 2.0}))
    found = read_container(tmp_path / "a.pt")
    assert found.sections == ("model", "state_dict")
    assert list(found.tensors) == ["a"]
    assert (found.stated("depth"), found.stated("mean"), found.stated("std")) == (2, 1.0, 2.0)
    assert found.stated("absent") is None


def test_headers_are_read_as_json_where_they_are(tmp_path: Path) -> None:
    header = {"config": json.dumps({"depth": 3}), "rate": "16000", "note": "a wren"}
    save_file({"a": torch.zeros(1)}, tmp_path / "a.safetensors", metadata=header)
    found = read_container(tmp_path / "a.safetensors")
    assert (found.stated("depth"), found.stated("rate"), found.stated("note")) == (3, 16000, "a wren")
    assert found.kind == "safetensors"


def test_broken_json_beside_the_weights_is_named(tmp_path: Path) -> None:
    save_file({"a": torch.zeros(1)}, tmp_path / "a.safetensors")
    (tmp_path / "label_map.json").write_text("{")
    with pytest.raises(EncoderError, match=r"label_map\.json: not valid JSON"):
        read_container(tmp_path / "a.safetensors")
