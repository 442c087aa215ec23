"""Every write, flush and rename of a store fails once, in three ways; each time the store resumes to the same bytes."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.features.toys import ToyCorpus, ToyEncoder, contents, small_corpus

from tymbal.errors import DiskFullError, StoreError
from tymbal.features import FeatureStore, embed, plan
from tymbal.jobs import atomic

PRIMITIVES = ("_open", "_write", "_sync", "_replace")
SETTINGS: dict[str, Any] = {"segment_s": 2.0, "layers": ["fine", "coarse"], "workers": 1}


class Crash(BaseException):
    """Ends the job where it stands, as a kill does: nothing tidies up."""


class Disk:
    """Counts the calls of the four primitives; the call numbered `fails` raises, a write after half its bytes."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.calls = 0
        self.fails: int | None = None
        self.error: Callable[[], BaseException] = Crash
        for name in PRIMITIVES:
            patch.setattr(atomic, name, self._wrap(name, getattr(atomic, name)))

    def _wrap(self, name: str, primitive: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            self.calls += 1
            if self.calls == self.fails:
                if name == "_write":
                    file, data = arguments
                    primitive(file, bytes(data)[: len(data) // 2])
                raise self.error()
            return primitive(*arguments)

        return call


KINDS: dict[str, tuple[Callable[[], BaseException], type[BaseException]]] = {
    "crash": (Crash, Crash),
    "refused": (lambda: OSError(errno.EIO, "Input/output error"), OSError),
    "full": (lambda: OSError(errno.ENOSPC, "No space left on device"), DiskFullError),
}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> ToyCorpus:
    return small_corpus(tmp_path_factory.mktemp("sound"))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("grown", [False, True], ids=["new", "grown"])
def test_a_store_survives_a_fault_at_every_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, corpus: ToyCorpus, kind: str, grown: bool
) -> None:
    """`grown` starts from a finished store of fewer recordings."""
    monkeypatch.setattr(plan, "SHARD_UNITS", 6)
    fewer = ToyCorpus(corpus.root, corpus.recordings.filter(pl.col("recording") < "f"))
    disk = Disk(monkeypatch)

    def begin(name: str) -> Path:
        if grown:
            embed(fewer, ToyEncoder(), tmp_path / name, **SETTINGS)
        disk.calls = 0
        return tmp_path / name

    clean = begin("clean")
    embed(corpus, ToyEncoder(), clean, **SETTINGS)
    calls, expected = disk.calls, contents(clean)
    assert calls >= 4 * 10
    error, told = KINDS[kind]
    disk.error = error
    for number in range(1, calls + 1):
        out = begin(str(number))
        disk.fails = number
        with pytest.raises(told) as caught:
            embed(corpus, ToyEncoder(), out, **SETTINGS)
        disk.fails = None
        if kind == "full":
            assert "room" in str(caught.value)
            assert not list(out.rglob(f"*{atomic.TEMPORARY_SUFFIX}"))
        check_readable_or_refused(out, expected, grown=grown)
        embed(corpus, ToyEncoder(), out, **SETTINGS)
        assert contents(out) == expected, f"call {number} of {calls}"


def check_readable_or_refused(out: Path, expected: dict[str, bytes], *, grown: bool) -> None:
    """A store that opens is a whole one: the new, or where it was not touched yet the old."""
    try:
        store = FeatureStore.open(out)
    except StoreError as error:
        told = str(error)
    else:
        told = ""
        assert store.verify() == ()
        new = (out / "manifest.json").read_bytes() == expected["manifest.json"]
        assert new or (grown and store.units["recording"].n_unique() == 4)
    assert not told or "no feature store here" in told or "not finished" in told
