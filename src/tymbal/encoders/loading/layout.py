"""What a key layout is: tables that say how the keys of a published file map to an encoder's own."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from torch import Tensor

State = dict[str, Tensor]


# What `*` and `**` at the end of a rule stand for.
_TAILS = {"*": "weight|bias", "**": "weight|bias|running_mean|running_var|num_batches_tracked"}


@dataclass(frozen=True)
class Rule:
    """One line of a key map.

    `{i}`, `{j}` and `{k}` in `source` and `target` stand for block numbers, `*` at the end for "weight" or "bias", `**`
    for any tensor of a batch norm. `take` makes the encoder's tensor of the file's, where they differ in more than
    name; it gets the configuration too.
    """

    source: str
    target: str
    take: Callable[[Tensor, Any], Tensor] | None = None

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """The source as a regular expression."""
        stem = self.source.rstrip("*")
        text = re.sub(r"\\{([ijk])\\}", r"(?P<\1>\\d+)", re.escape(stem))
        tail = _TAILS.get(self.source[len(stem) :])
        return re.compile(f"{text}(?P<tail>{tail})" if tail else text)

    def map(self, key: str) -> str | None:
        """The encoder's name for a file's key, None where the rule is for others."""
        found = self.pattern.fullmatch(key)
        if found is None:
            return None
        parts = found.groupdict()
        target = self.target.rstrip("*") + parts.pop("tail", "")
        for name, number in parts.items():
            target = target.replace(f"{{{name}}}", str(int(number)))
        return target

    def source_of(self, target: str) -> str | None:
        """The file's name for an encoder's key, None where the rule is for others."""
        return Rule(self.target, self.source).map(target)


@dataclass(frozen=True)
class Constant:
    """A tensor of the file that no training changed, which the encoder computes itself.

    `expected` gives it for a configuration; a file that holds another was made with another front end.
    """

    key: str
    expected: Callable[[Any], Tensor]


@dataclass(frozen=True)
class Variant:
    """Facts that hold where a layout's keys stand behind `prefix` or in the section `wrapper` of the file."""

    name: str
    defaults: Mapping[str, Any]
    prefix: str | None = None
    wrapper: str | None = None


@dataclass(frozen=True)
class Layout:
    """A published way to name an encoder's weights.

    Parameters
    ----------
    name, encoder : what a user is told, and the registered encoder that takes the weights.
    anchors : keys that files of this layout hold; what stands before one is the prefix of all keys.
    rules : the key map.
    sizes : configuration fields that tensor shapes tell, from the state under the encoder's names.
    settings : configuration field -> names under which files state it.
    values : configuration field -> what a stated value means.
    required_settings : stated name -> values this encoder implements; others are refused.
    equal_settings : pairs of stated names whose values must agree, since the encoder has one setting for both.
    constants : tensors that must be what the encoder computes; `sizes` sees them too, under the file's names.
    classifiers : modules that hold a linear head's weight and bias.
    hidden : a linear module before the classifier, with a ReLU between them.
    optional : patterns of encoder keys that a file may lack because they are computed or change no output.
    ignored : patterns of keys that are known and not needed (training heads, averages).
    foreign : patterns of keys that give away another architecture with the same names.
    inferred : configuration fields that no shape tells; where the file does not state them, the result says so.
    """

    name: str
    encoder: str
    anchors: tuple[str, ...]
    rules: tuple[Rule, ...]
    sizes: Callable[[Mapping[str, Tensor]], dict[str, Any]]
    settings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    values: Mapping[str, Mapping[Any, Any]] = field(default_factory=dict)
    required_settings: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    variants: tuple[Variant, ...] = ()
    equal_settings: tuple[tuple[str, str], ...] = ()
    constants: tuple[Constant, ...] = ()
    classifiers: tuple[str, ...] = ()
    hidden: str = ""
    optional: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()
    inferred: tuple[str, ...] = ()

    def prefix(self, keys: Iterable[str]) -> str | None:
        """What stands before this layout's keys in a file; None where no anchor is there. The shortest wins."""
        found = [
            key.removesuffix(anchor)
            for key in keys
            for anchor in self.anchors
            if key == anchor or key.endswith("." + anchor)
        ]
        return min(found, key=len, default=None)

    def map(self, key: str) -> list[tuple[Rule, str]]:
        """The rules that take a key without its prefix, each with the encoder's name for it."""
        return [(rule, target) for rule in self.rules if (target := rule.map(key)) is not None]

    def source_of(self, target: str) -> str:
        """The file's name (without prefix) for an encoder's key."""
        for rule in self.rules:
            if (source := rule.source_of(target)) is not None:
                return source
        return target

    def is_optional(self, key: str) -> bool:
        """Whether a file may lack an encoder's key."""
        return any(re.fullmatch(pattern, key) for pattern in self.optional)

    def is_ignored(self, key: str) -> bool:
        """Whether a key is known and not needed."""
        return any(re.fullmatch(pattern, key) for pattern in self.ignored)

    def is_foreign(self, key: str) -> bool:
        """Whether a key gives away another architecture."""
        return any(re.fullmatch(pattern, key) for pattern in self.foreign)


def count_blocks(state: Mapping[str, Tensor], stem: str = "blocks") -> int:
    """One more than the largest block number among the keys."""
    numbers = [int(key.split(".")[1]) for key in state if key.startswith(stem + ".")]
    return max(numbers, default=-1) + 1


def shape(state: Mapping[str, Tensor], key: str, axis: int) -> int | None:
    """One size of a tensor, None where it is missing or has no such axis."""
    tensor = state.get(key)
    return int(tensor.shape[axis]) if tensor is not None and tensor.ndim > axis else None


def known(**sizes: Any) -> dict[str, Any]:
    """The sizes that are not None."""
    return {name: value for name, value in sizes.items() if value is not None}
