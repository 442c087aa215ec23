"""Files are whole or absent, whatever call fails."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

import pytest

from tymbal.errors import DiskFullError
from tymbal.jobs import atomic

PRIMITIVES = ("_open", "_write", "_sync", "_replace")


def failing(monkeypatch: pytest.MonkeyPatch, name: str, error: BaseException) -> None:
    def fail(*_: Any) -> None:
        raise error

    monkeypatch.setattr(atomic, name, fail)


@pytest.mark.parametrize("name", PRIMITIVES)
@pytest.mark.parametrize("old", [None, b"old"])
def test_a_failed_write_leaves_the_old_file_and_no_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, old: bytes | None
) -> None:
    target = tmp_path / "file.bin"
    if old is not None:
        target.write_bytes(old)
    failing(monkeypatch, name, OSError(errno.EIO, "input/output error"))
    with pytest.raises(OSError, match="input/output") as caught:
        atomic.write_bytes(target, b"new")
    assert not isinstance(caught.value, DiskFullError)
    assert [path.name for path in tmp_path.iterdir()] == ([] if old is None else ["file.bin"])
    assert old is None or target.read_bytes() == old


@pytest.mark.parametrize("name", PRIMITIVES)
def test_a_full_disk_is_told_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    failing(monkeypatch, name, OSError(errno.ENOSPC, "No space left on device"))
    with pytest.raises(DiskFullError) as caught:
        atomic.write_bytes(tmp_path / "file.bin", b"new")
    assert "file.bin" in str(caught.value)
    assert "resumes" in str(caught.value)
    assert caught.value.exit_code == 6
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", PRIMITIVES)
def test_what_a_crash_leaves_is_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    failing(monkeypatch, name, KeyboardInterrupt())  # not an OSError: nothing tidies up, as after a kill
    with pytest.raises(KeyboardInterrupt):
        atomic.write_bytes(tmp_path / "deep" / "file.bin", b"new")
    left = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not (tmp_path / "deep" / "file.bin").exists()
    assert atomic.remove_temporaries(tmp_path) == len(left)
    assert not any(path.is_file() for path in tmp_path.rglob("*"))
    assert len(left) == (0 if name == "_open" else 1)


def test_remove_temporaries_spares_everything_else(tmp_path: Path) -> None:
    (tmp_path / "kept.npy").write_bytes(b"1")
    (tmp_path / f"gone{atomic.TEMPORARY_SUFFIX}").write_bytes(b"1")
    (tmp_path / f"folder{atomic.TEMPORARY_SUFFIX}").mkdir()
    assert atomic.remove_temporaries(tmp_path) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"folder{atomic.TEMPORARY_SUFFIX}", "kept.npy"]
    assert atomic.remove_temporaries(tmp_path / "missing") == 0


def test_large_data_is_written_in_pieces_and_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pieces: list[int] = []
    write = atomic._write

    def counted(file: Any, data: Any) -> None:
        pieces.append(len(data))
        write(file, data)

    monkeypatch.setattr(atomic, "_write", counted)
    data = bytes(range(256)) * ((1 << 16) + 1)
    atomic.write_bytes(tmp_path / "large", memoryview(data))
    assert (tmp_path / "large").read_bytes() == data
    assert pieces == [1 << 24, 256]
    atomic.write_bytes(tmp_path / "empty", b"")
    assert (tmp_path / "empty").read_bytes() == b""


def test_long_names_fit_the_file_system(tmp_path: Path) -> None:
    target = tmp_path / ("n" * 250)
    atomic.write_text(target, "text\n")
    assert target.read_bytes() == b"text\n"


def test_json_is_the_same_bytes_for_the_same_value_and_refuses_nan(tmp_path: Path) -> None:
    atomic.write_json(tmp_path / "a.json", {"b": 1, "a": "é"})
    atomic.write_json(tmp_path / "b.json", {"a": "é", "b": 1})
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == {"a": "é", "b": 1}
    with pytest.raises(ValueError, match="JSON"):
        atomic.write_json(tmp_path / "c.json", {"x": float("nan")})
    assert not (tmp_path / "c.json").exists()


def test_write_through_writes_nothing_when_filling_fails(tmp_path: Path) -> None:
    def fill(file: Any) -> None:
        file.write(b"half")
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        atomic.write_through(tmp_path / "x", fill)
    assert list(tmp_path.iterdir()) == []
    atomic.write_through(tmp_path / "x", lambda file: file.write(b"whole"))
    assert (tmp_path / "x").read_bytes() == b"whole"


def test_a_file_made_by_others_is_whole_or_not_there(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "kept"
    with atomic.replacing(path) as file:
        file.write(b"first")
        assert not path.exists()
        file.seek(0)
        file.write(b"F")
    assert path.read_bytes() == b"First"
    with pytest.raises(TypeError), atomic.replacing(path) as file:
        file.writelines([b"half", "no bytes"])  # type: ignore[list-item]
    assert path.read_bytes() == b"First"
    assert [each.name for each in path.parent.iterdir()] == ["kept"]
