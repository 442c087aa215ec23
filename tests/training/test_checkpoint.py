from __future__ import annotations

import pytest
import torch

from tymbal.errors import DataError
from tymbal.training import is_whole, read_tensors, write_tensors


def test_tensors_and_state_come_back(tmp_path) -> None:
    whole = torch.arange(12.0).reshape(3, 4)
    tensors = {"a": whole.T, "b": torch.tensor(3), "c": torch.zeros(0, 2), "d": whole}
    path = tmp_path / "deep" / "x.safetensors"
    write_tensors(path, tensors, {"step": 3, "value": 0.1})
    found, state = read_tensors(path, mend="Delete it.")
    assert state == {"step": 3, "value": 0.1}
    assert set(found) == set(tensors)
    for name, tensor in tensors.items():
        assert torch.equal(found[name], tensor)
        assert found[name].dtype == tensor.dtype


def test_what_is_not_ours_is_refused_with_the_mend(tmp_path) -> None:
    path = tmp_path / "x.safetensors"
    with pytest.raises(DataError, match=r"no such file.*Delete it"):
        read_tensors(path, mend="Delete it.")
    path.write_bytes(b"not tensors")
    with pytest.raises(DataError, match=r"not a file that Tymbal wrote.*Delete it"):
        read_tensors(path, mend="Delete it.")
    from safetensors.torch import save

    path.write_bytes(save({"a": torch.zeros(1)}))
    with pytest.raises(DataError, match="KeyError"):
        read_tensors(path, mend="Delete it.")


def test_a_file_that_broke_off_is_not_whole(tmp_path) -> None:
    path = tmp_path / "x.safetensors"
    assert not is_whole(path)
    write_tensors(path, {"a": torch.arange(99.0)}, {"step": 3})
    assert is_whole(path)
    data = path.read_bytes()
    for kept in (0, 4, 30, len(data) - 1):
        path.write_bytes(data[:kept])
        assert not is_whole(path)
