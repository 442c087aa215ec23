"""Which labels of a set are classes, which mean "unknown", and which are dropped.

Voxaboxen keeps this in `project_config.yaml` (label_set, label_mapping, unknown_label), which its users edit by hand.
Where one lies beside the lists it is followed; else the published classes are taken as they stand.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from tymbal.benchmarks.boxes.layout import UNKNOWN, BoxSet
from tymbal.errors import AnnotationError

CONFIG = "project_config.yaml"
Entry = str | list[str] | dict[str, str]


@dataclass(frozen=True)
class Mapped:
    """Events with their labels mapped (UNKNOWN: of no known class), the classes, and labels dropped with how many."""

    events: pl.DataFrame
    labels: tuple[str, ...]
    dropped: Mapping[str, int]


def read_mapping(folder: Path, described: BoxSet, events: pl.DataFrame) -> Mapped:
    """Map the labels of a set's events. Raises AnnotationError where a project_config.yaml cannot be followed."""
    told = _read_config(folder / CONFIG) if (folder / CONFIG).is_file() else None
    if told is not None:
        labels, mapping = told
    else:
        seen = sorted(set(events["label"].drop_nulls().to_list()) - {UNKNOWN})
        labels = described.labels or tuple(seen)
        mapping = dict(zip(labels, labels, strict=True))
    mapping = {UNKNOWN: UNKNOWN, **mapping}
    kept = events["label"].is_in(list(mapping))
    kept = kept.fill_null(False)
    dropped = Counter("no label" if name is None else name for name in events.filter(~kept)["label"].to_list())
    mapped = events.filter(kept).with_columns(pl.col("label").replace_strict(mapping, return_dtype=pl.String))
    return Mapped(mapped, labels, dict(dropped))


def _read_config(path: Path) -> tuple[tuple[str, ...], dict[str, str]]:
    """(label set, mapping with the unknown label as UNKNOWN) of a project_config.yaml."""
    try:
        told = dict(_entries(path.read_text(encoding="utf-8-sig").splitlines()))
    except (OSError, UnicodeDecodeError) as error:
        raise AnnotationError(f"cannot be read: {error}", where=path, mend="Mend or delete this file.") from error
    labels, mapping, unknown = told.get("label_set"), told.get("label_mapping"), told.get("unknown_label", UNKNOWN)
    if not isinstance(labels, list) or not isinstance(mapping, dict) or not isinstance(unknown, str):
        raise AnnotationError(
            "label_set (a list), label_mapping (names to names) or unknown_label (a name) is not there",
            where=path,
            mend="Write it as `main.py project-setup` does, or delete it: then the published classes are taken.",
        )
    lost = sorted(set(mapping.values()) - {*labels, unknown})
    if lost:
        raise AnnotationError(
            f"label_mapping leads to {lost[0]!r}, which is neither in label_set nor the unknown_label",
            where=path,
            mend="Add it to label_set or mend the mapping.",
        )
    return tuple(labels), {name: UNKNOWN if kind == unknown else kind for name, kind in mapping.items()}


def _entries(lines: Sequence[str]) -> Iterator[tuple[str, Entry]]:
    """The entries of a YAML file of names, lists of names and mappings of names: all that project-setup writes."""
    key = ""
    items: list[str] = []
    pairs: dict[str, str] = {}
    for line in lines:
        plain = line.strip()
        if not plain or plain.startswith("#"):
            continue
        if plain.startswith("- "):
            items.append(_scalar(plain[2:]))
        elif line[0] in " \t":
            name, value = _pair(plain)
            pairs[name] = value
        else:
            if key:
                yield key, pairs or items
            (key, value), items, pairs = _pair(plain), [], {}
            if value not in ("", "[]", "{}"):
                yield key, value
                key = ""
    if key:
        yield key, pairs or items


def _pair(text: str) -> tuple[str, str]:
    """`name: value` as two names; quotes may hold colons."""
    found = re.match(r"""('(?:[^']|'')*'|"[^"]*"|[^:]*(?::(?=\S)[^:]*)*):\s*(.*)$""", text)
    return ("", "") if found is None else (_scalar(found.group(1)), _scalar(found.group(2)))


def _scalar(text: str) -> str:
    plain = text.strip()
    if len(plain) > 1 and plain[0] == plain[-1] and plain[0] in "'\"":
        return plain[1:-1].replace("''", "'")
    return plain
