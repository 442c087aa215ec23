"""Fixtures every room's tests share."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

# Several test processes share two cores; more threads only fight. Torch reads it when it is imported, so it is set
# here, before any test module is (a fixture would come too late).
os.environ.setdefault("OMP_NUM_THREADS", "1")

REPOSITORY = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("TYMBAL_DATA", REPOSITORY.parent / "shared" / "data"))


def data_path(name: str) -> Path:
    """Folder of one set of real recordings; skips where it is absent, fails under CI=true."""
    path = DATA / name
    if not path.exists():
        reason = f"real recordings {name!r} are not at {DATA} (set TYMBAL_DATA)"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return path


@pytest.fixture(scope="session")
def data() -> Callable[[str], Path]:
    """`data("cat_meows")` is the folder of that set."""
    return data_path
