"""The training-free finders: one file and one line of the registry each."""

from __future__ import annotations

from tymbal.errors import UsageError
from tymbal.fewshot.finders import lda, ncc
from tymbal.fewshot.finders.contract import Fitted, Kind, Response

KINDS: dict[str, Kind] = {module.KIND.name: module.KIND for module in (ncc, lda)}


def find_kind(name: str) -> Kind:
    """The finder called `name`; UsageError lists the names where there is none."""
    if name not in KINDS:
        raise UsageError(f"unknown finder {name!r}", parameter="finders", allowed=", ".join(KINDS))
    return KINDS[name]


__all__ = ["KINDS", "Fitted", "Kind", "Response", "find_kind"]
