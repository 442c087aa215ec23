"""Frozen dataclasses to TOML and back: the same dataclass is the Python API, the command line and the file."""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import json
import tomllib
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, TypeVar

from tymbal.errors import ConfigError, TymbalError, UsageError

T = TypeVar("T")


def to_plain(value: object) -> Any:
    """Dataclasses, tuples and paths as dictionaries, lists and strings; None is kept."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        items = [to_plain(item) for item in value]
        return sorted(items) if isinstance(value, set | frozenset) else items
    if isinstance(value, Path):
        return value.as_posix()
    return value


def from_plain(kind: type[T], data: Any, *, where: object = None) -> T:
    """Build `kind` from plain data, types checked; unknown or ill-typed fields raise ConfigError by name."""
    import pydantic

    _check_names(kind, data, where)
    try:
        return pydantic.TypeAdapter(kind).validate_python(data)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"]) or kind.__name__
        own = first.get("ctx", {}).get("error")
        if isinstance(own, TymbalError):  # what the dataclass itself says of its values
            raise ConfigError(
                f"{name}: {own.what}" if first["loc"] else own.what,
                where=where or own.where,
                allowed=own.allowed,
                mend=own.mend,
            ) from error
        if first["type"] == "missing":
            raise ConfigError(f"{name} is missing", where=where, mend="State it: it has no default.") from error
        raise ConfigError(
            f"{name}: {first['msg']}, got {first.get('input')!r}",
            where=where,
            mend="Correct the value, or leave the field out to take the default.",
        ) from error


def _check_names(kind: Any, data: Any, where: object) -> None:
    """Refuse names that no field has, at every depth: a misspelt option must not fall back to its default."""
    if isinstance(data, list):
        for item in data:
            _check_names(kind, item, where)
        return
    if typing.get_origin(kind) is dict and isinstance(data, dict):  # its keys are no fields
        for value in data.values():
            _check_names(typing.get_args(kind)[1], value, where)
        return
    kinds = _dataclasses_in(kind)
    if not isinstance(data, dict) or len(kinds) != 1:  # of several, pydantic finds the one that fits
        return
    names = [field.name for field in dataclasses.fields(kinds[0])]
    unknown = sorted(set(data) - set(names))
    if unknown:
        raise ConfigError(
            f"unknown field {unknown[0]!r} for {kinds[0].__name__}",
            where=where,
            allowed=", ".join(names),
            mend="Check the spelling, or delete the line.",
        )
    hints = typing.get_type_hints(kinds[0])
    for name, value in data.items():
        _check_names(hints[name], value, where)


def _dataclasses_in(kind: Any) -> list[type[Any]]:
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return [kind]
    return [found for part in typing.get_args(kind) for found in _dataclasses_in(part)]


def check_fields(config: Any, ranges: Iterable[tuple[str, bool, str]] = (), *, where: str | None = None) -> None:
    """Raise UsageError naming the first field of a dataclass that is of another kind or outside its range.

    `ranges` are (field, whether it is good, what is allowed), and may be a generator: it is asked only where every
    field is of the kind that it is annotated with. `where` is how messages call the dataclass, its name by default.
    """
    where = where or type(config).__name__
    hints = typing.get_type_hints(type(config))
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if not _is_a(hints[field.name], value):
            raise _bad(field.name, value, where, _kind(hints[field.name]))
    for name, good, allowed in ranges:
        if not good:
            raise _bad(name, getattr(config, name, None), where, allowed)


def with_fields(config: T, given: Mapping[str, Any]) -> T:
    """A dataclass with other values for the fields `given`; UsageError names one that it has not."""
    names = [field.name for field in dataclasses.fields(config)]  # type: ignore[arg-type]
    unknown = [name for name in given if name not in names]
    if unknown:
        near = difflib.get_close_matches(unknown[0], names, n=1)
        raise UsageError(
            f"there is no {unknown[0]!r}",
            where=type(config).__name__,
            allowed=", ".join(names),
            mend=f"Did you mean {near[0]!r}?" if near else None,
        )
    return dataclasses.replace(config, **given) if given else config  # type: ignore[type-var]


def _bad(name: str, value: object, where: str, allowed: str) -> UsageError:
    return UsageError(f"{name} is {value!r}", where=where, allowed=allowed, parameter=name)


def _is_a(hint: Any, value: object) -> bool:
    """Whether a value is what an annotation says; lists pass for tuples, whole numbers for numbers."""
    origin, inside = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any or hint is None or hint is type(None):
        return hint is Any or value is None
    if origin in (typing.Union, types.UnionType):
        return any(_is_a(part, value) for part in inside)
    if origin is Literal:
        return value in inside
    if origin is tuple:
        if not isinstance(value, list | tuple):
            return False
        wanted = inside[:1] * len(value) if inside[1:] == (Ellipsis,) else inside
        return len(wanted) == len(value) and all(_is_a(part, item) for part, item in zip(wanted, value, strict=True))
    if hint in (int, float):
        return isinstance(value, int if hint is int else int | float) and not isinstance(value, bool)
    return isinstance(value, origin or hint)


_KINDS = {int: "a whole number", float: "a number", str: "a text", bool: "True or False", dict: "a dictionary"}


def _kind(hint: Any) -> str:
    """An annotation in words."""
    origin, inside = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return " or ".join("None" if part is type(None) else _kind(part) for part in inside)
    if origin is Literal:
        return ", ".join(str(value) for value in inside)
    if origin is tuple:
        return "several, in a tuple such as " + ("('...',)" if inside[0] is str else "(1,)")
    return _KINDS.get(origin or hint, getattr(hint, "__name__", str(hint)))


def dumps(value: object) -> str:
    """A dataclass as TOML text; fields that are None are left out (TOML has no null)."""
    import tomli_w

    return tomli_w.dumps(_without_none(to_plain(value)))


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_none(item) for item in value]
    return value


def load(kind: type[T], path: Path) -> T:
    """Read a TOML file into `kind`; ConfigError names file, line or field."""
    try:
        data = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError("no such file", where=path, mend="Check the path.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"not valid TOML: {error}", where=path, mend="Mend the line that it names.") from error
    return from_plain(kind, data, where=path)


@contextmanager
def settings_of(path: Path) -> Iterator[None]:
    """Name the file where settings that were read from it turn out wrong: errors inside that name no file get it."""
    try:
        yield
    except TymbalError as error:
        if isinstance(error.where, Path):
            raise
        raise type(error)(error.what, where=path, allowed=error.allowed, mend=error.mend) from error


def _canonical(value: Any) -> Any:
    """Plain data with one zero: -0.0 equals 0.0, so that what is made with either must have one address."""
    if isinstance(value, dict):
        return {key: _canonical(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_canonical(item) for item in value]
    return 0.0 if isinstance(value, float) and value == 0 else value


def digest(value: object, *, length: int = 16) -> str:
    """A content address: BLAKE2b of the canonical JSON of `value`, as `length` hex digits.

    File names that are no UTF-8 (lone surrogates in Python) are taken as they are.
    """
    text = json.dumps(
        _canonical(to_plain(value)), sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False
    )
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=32).hexdigest()[:length]
