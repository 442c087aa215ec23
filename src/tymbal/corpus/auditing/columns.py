"""Which metadata columns say where, when, from whom or with what a recording was made, and how they nest."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass

import polars as pl

from tymbal.corpus.groups import TOGETHER
from tymbal.corpus.splits import is_counter
from tymbal.corpus.tables import OUR_OWN, as_text


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


WHO = _words("individual animal bird cat dog bat whale speaker caller singer subject owner family pair flock pod")
WHEN = _words("session day date night visit season year month deployment tape track bout")
WHERE = _words("site location station place country region plot transect lek colony territory nest cage room farm")
HOW = _words("recorder device microphone mic sensor source origin collection method recordist observer author src")
SHARED = WHO | WHEN | WHERE  # recordings of one of these may share more than their label
UNITS = SHARED | HOW
PUBLISHED = frozenset(("fold", "split", "partition"))
MEASURED = re.compile(r"(^n_|_(s|hz|db|ms|samples|frames|count)$)")


@dataclass(frozen=True)
class Grouping:
    """Recordings that may belong together: `keys` has one text (or None) per recording.

    `named`: the column's name says that it is such a unit; `crossed`: built of a counter that restarts in others.
    """

    name: str
    keys: tuple[str | None, ...]
    named: bool
    crossed: bool = False

    @property
    def sizes(self) -> Counter[str]:
        return Counter(key for key in self.keys if key is not None)


def words(name: str) -> set[str]:
    """The words of a column name: "src_file" -> {"src", "file"}."""
    return {word for word in re.split(r"[^a-z]+", re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()) if word}


def metadata_columns(table: pl.DataFrame, label: str) -> list[str]:
    """Columns that could group recordings: text that is neither measured, published folds, unique nor constant."""
    names = []
    for name in table.columns:
        if name == label or name in OUR_OWN or MEASURED.search(name) or words(name) & PUBLISHED:
            continue
        if table.schema[name] not in (pl.String, pl.Int64, pl.Int32, pl.Boolean):
            continue
        values = table.select(as_text(name)).to_series().drop_nulls()
        distinct = values.n_unique()
        if 1 < distinct < len(values) and not _continuous(values) and not _yes_or_no(values):
            names.append(name)
    return names


def _continuous(values: pl.Series) -> bool:
    numbers = values.unique().cast(pl.Float64, strict=False)
    return not numbers.null_count() and bool((numbers != numbers.round(0)).any())


def _yes_or_no(values: pl.Series) -> bool:
    return set(values.str.to_lowercase().unique()) <= {"true", "false", "yes", "no", "y", "n", "t", "f"}


def determines(cause: list[str | None], effect: list[str | None]) -> bool:
    """Whether every value of `cause` goes with one value of `effect`; False where nothing is known."""
    seen: dict[str, str] = {}
    pairs = [(one, other) for one, other in zip(cause, effect, strict=True) if one is not None and other is not None]
    return bool(pairs) and all(seen.setdefault(one, other) == other for one, other in pairs)


def texts(table: pl.DataFrame, name: str) -> list[str | None]:
    """A column as text."""
    return list(table.select(as_text(name)).to_series())


def groupings(table: pl.DataFrame, label: str) -> list[Grouping]:
    """Candidates for what a split should keep together, from the metadata of recordings (`label` a column of text).

    Columns that the label determines (the breed of a cat) group nothing below it and are left out; counters that
    restart (session 1, 2, 3 of every cat) are crossed with the other columns.
    """
    names = metadata_columns(table, label)
    classes = texts(table, label)
    names = [name for name in names if not determines(classes, texts(table, name))]
    counters = [name for name in names if is_counter(table[name])]
    plain = [name for name in names if name not in counters]
    found = [Grouping(name, tuple(texts(table, name)), bool(words(name) & SHARED)) for name in plain]
    # What a counter may restart in: columns with few values, whoever is labelled among them.
    parents = [name for name in plain if table[name].n_unique() <= max(12, table.height // 20)]
    for name in counters:
        if not words(name) & UNITS and not parents:
            continue
        columns = [label, *parents, name] if label in table.columns else [*parents, name]
        title = TOGETHER.join(columns)
        parts = [texts(table, column) for column in columns]
        keys = tuple(None if None in row else " + ".join(map(str, row)) for row in zip(*parts, strict=True))
        found.append(Grouping(title, keys, bool(words(name) & SHARED), crossed=True))
    return [each for each in _distinct(found) if max(each.sizes.values(), default=0) > 1 < len(each.sizes)]


def _distinct(found: list[Grouping]) -> list[Grouping]:
    """Of groupings that draw the same lines, the first."""
    seen: dict[tuple[int, ...], Grouping] = {}
    for each in found:
        numbers: dict[str | None, int] = {}
        seen.setdefault(tuple(numbers.setdefault(key, len(numbers)) for key in each.keys), each)
    return list(seen.values())


def units_per_label(labels: list[str | None], units: list[str | None]) -> dict[str, set[str]]:
    """The distinct units in which each label occurs."""
    found: dict[str, set[str]] = defaultdict(set)
    for label, unit in zip(labels, units, strict=True):
        if label is not None and unit is not None:
            found[label].add(unit)
    return dict(found)
