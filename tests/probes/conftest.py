"""One thread: these problems are small, and test processes that share cores must not fight for them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from threadpoolctl import threadpool_limits


@pytest.fixture(autouse=True, scope="session")
def single_thread() -> Iterator[None]:
    """BLAS and torch on one thread while the tests of this folder run."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with threadpool_limits(1):
        yield
    torch.set_num_threads(before)
