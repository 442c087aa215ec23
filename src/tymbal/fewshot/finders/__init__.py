"""The training-free finders: one file and one line of the registry each."""

from __future__ import annotations

from tymbal.errors import UsageError
from tymbal.fewshot.finders import lda, ncc, prototypes, transductive
from tymbal.fewshot.finders.contract import Adaptable, Fitted, Kind, Response

KINDS: dict[str, Kind] = {module.KIND.name: module.KIND for module in (ncc, lda, transductive, prototypes)}


def find_kind(name: str) -> Kind:
    """The finder called `name`; UsageError lists the names where there is none."""
    if name not in KINDS:
        raise UsageError(f"unknown finder {name!r}", parameter="finders", allowed=", ".join(KINDS))
    return KINDS[name]


__all__ = ["KINDS", "Adaptable", "Fitted", "Kind", "Response", "find_kind"]
