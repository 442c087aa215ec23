"""The finders: one file and one line of the registry each."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

from tymbal.errors import UsageError
from tymbal.fewshot.finders import lda, ncc, network, prototypes, transductive
from tymbal.fewshot.finders.contract import Adaptable, Fitted, Kind, Response

KINDS: dict[str, Kind] = {module.KIND.name: module.KIND for module in (ncc, lda, transductive, prototypes, network)}


def find_kind(name: str) -> Kind:
    """The finder called `name`, "network:FILE" being the network with weights of its own; UsageError lists the names
    where there is none."""
    plain, _, model = name.partition(":")
    if plain not in KINDS or (model and plain != network.KIND.name):
        raise UsageError(f"unknown finder {name!r}", parameter="finders", allowed=", ".join(KINDS))
    kind = KINDS[plain]
    return replace(kind, fit=partial(kind.fit, model=Path(model))) if model else kind


def plain_name(name: str) -> str:
    """The finder's name without its file."""
    return name.partition(":")[0]


__all__ = ["KINDS", "Adaptable", "Fitted", "Kind", "Response", "find_kind", "plain_name"]
