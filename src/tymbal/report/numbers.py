"""How numbers look: one way for all, and each carries its exact value and where it came from.

A number from results.json is a <data value="exact" data-from="/json/pointer">; what is printed is the rounding.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from tymbal.report.html import Child, Markup, tag

MISSING = "–"


def rounded(value: float | None, decimals: int = 3, *, sign: bool = False) -> str:
    """A number with fixed decimals and a true minus sign; a dash where there is none."""
    if value is None or math.isnan(value):
        return MISSING
    shown = f"{value:+.{decimals}f}" if sign else f"{value:.{decimals}f}"
    if float(shown) == 0:
        shown = shown.replace("-", "").replace("+", "")
    return shown.replace("-", "−")


def count(number: int, noun: str) -> str:
    """`41 sessions`, `1 session`: the number with its noun in the plural where it needs one."""
    return f"{number:,} {noun if number == 1 else plural(noun)}"


def plural(noun: str) -> str:
    """The plural of an English noun, near enough for units and labels."""
    if noun.endswith(("species", "series")):
        return noun
    if noun.endswith(("s", "x", "ch", "sh")):
        return noun + "es"
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + "s"


def pointer(*parts: object) -> str:
    """A JSON pointer (RFC 6901) into results.json."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def datum(value: float | None, decimals: int = 3, *, source: str | None = None, sign: bool = False) -> Markup:
    """One number as a <data> element; `source` is its JSON pointer."""
    shown = rounded(value, decimals, sign=sign)
    if value is None or shown == MISSING:
        return tag("span", MISSING, class_="none")
    return tag("data", shown, value=repr(float(value)), data_from=source)


def interval_decimals(low: float, high: float) -> int:
    """Two decimals, three where the interval is so narrow that two would hide it."""
    return 2 if high - low >= 0.02 else 3


def estimate(found: Mapping[str, Any], source: str | None, *, units: bool = True, sign: bool = False) -> Markup:
    """`0.873 [0.82, 0.91], 41 sessions`; without interval `0.873, 4 birds (no interval)`."""
    pieces: list[Child] = [datum(found.get("value"), source=source and f"{source}/value", sign=sign)]
    low, high = found.get("low"), found.get("high")
    if low is not None and high is not None:
        decimals = 3 if sign else interval_decimals(low, high)
        ends = [
            datum(end, decimals, source=source and f"{source}/{name}", sign=sign)
            for name, end in (("low", low), ("high", high))
        ]
        pieces.append(tag("span", " [", ends[0], ", ", ends[1], "]", class_="interval"))
    if units and found.get("units") is not None:
        pieces.append(tag("span", f", {count(found['units'], str(found.get('unit_name') or 'unit'))}", class_="units"))
        if low is None:
            pieces.append(tag("span", " (no interval)", class_="units"))
    return tag("span", pieces, class_="estimate")


def strip(found: Mapping[str, Any], *, chance: float | None = None, reach: float | None = None) -> Markup:
    """A small drawing of a value and its interval on 0–1, or on ±reach for differences; the numbers stand beside it."""

    def place(x: float) -> str:
        share = x if reach is None else (x + reach) / (2 * reach)
        return f"{100 * min(max(share, 0.0), 1.0):.2f}%"

    value, low, high = found.get("value"), found.get("low"), found.get("high")
    if value is None:
        return Markup("")
    marks: list[Child] = []
    if reach is not None:
        marks.append(tag("i", class_="zero", style="left:50%"))
    elif chance is not None:
        marks.append(tag("i", class_="chance", style=f"left:{place(chance)}"))
    if low is not None and high is not None:
        marks.append(tag("i", class_="range", style=f"left:{place(low)};right:calc(100% - {place(high)})"))
    marks.append(tag("i", class_="dot", style=f"left:{place(value)}"))
    return tag("span", marks, class_="strip", aria_hidden="true")
