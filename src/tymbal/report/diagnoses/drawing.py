"""Drawings of a diagnosis: stacked bars of error, dots of three accuracies, learning curves in bits."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from tymbal.report.figures import ticks
from tymbal.report.html import Child, Markup, tag
from tymbal.report.numbers import rounded

TERMS = ("underfit", "probe_gap", "encoder_gap")
LEFT, RIGHT, TOP, BOTTOM, WIDTH, HEIGHT = 40, 12, 10, 40, 430, 190  # in units of the drawing


def risk_bar(row: Mapping[str, Any]) -> Markup:
    """The terms of one test error side by side from 0 to 1; one that takes error away is an outline over the others.

    The upright line is guessing, the dot the test error with its interval.
    """
    parts: list[Child] = []
    start = 0.0
    for term in TERMS:
        stop = start + float(row[term]["value"])
        low, high = sorted((start, stop))
        kind = f"term {term}" + (" less" if stop < start else "")
        parts.append(tag("i", class_=kind, style=f"left:{_place(low)};width:{_place(high - low)}"))
        start = stop
    total = row["test_error"]
    if row.get("guessing_error") is not None:
        parts.append(tag("i", class_="chance", style=f"left:{_place(row['guessing_error'])}"))
    if total["low"] is not None:
        ends = f"left:{_place(total['low'])};right:calc(100% - {_place(total['high'])})"
        parts.append(tag("i", class_="whisker", style=ends))
    parts.append(tag("i", class_="dot", style=f"left:{_place(total['value'])}"))
    return tag("span", parts, class_="risk", aria_hidden="true")


def _place(share: float) -> str:
    return f"{100 * min(max(share, 0.0), 1.0):.2f}%"


def risk_legend() -> Markup:
    """What the colours of `risk_bar` mean."""
    items = [tag("span", tag("i", class_=f"term {term}"), term.replace("_", " ")) for term in TERMS]
    return tag("p", items, tag("span", tag("i", class_="dot"), "test error with its interval"), class_="legend risks")


def accuracy_dots(row: Mapping[str, Any]) -> Markup:
    """How often the nearest recording tells the label (ring), the nearest of another value (dot), expected (line)."""
    if row["nearest_right"] is None:
        return Markup("")
    return tag(
        "span",
        tag("i", class_="chance", style=f"left:{_place(row['expected_right'])}"),
        tag("i", class_="ring", style=f"left:{_place(row['nearest_right'])}"),
        tag("i", class_="dot", style=f"left:{_place(row['other_right'])}"),
        class_="strip",
        aria_hidden="true",
    )


def mean_curve(curves: Sequence[Sequence[Sequence[float]]]) -> list[tuple[float, float]]:
    """(examples seen, bits per example) per block, averaged over orders that have as many blocks as most."""
    lengths = [len(curve) for curve in curves]
    most = max(lengths, key=lengths.count)
    same = [curve for curve in curves if len(curve) == most]
    count = len(same)
    return [(sum(c[at][0] for c in same) / count, sum(c[at][2] for c in same) / count) for at in range(1, most)]


def draw_bits(
    lines: Mapping[str, Sequence[tuple[float, float]]], *, best: str, alone: str, uniform: float, alt: str
) -> Markup:
    """Bits per example against examples seen (logarithmic), one line per probe, `best` strong, `alone` dashed."""
    points = [point for line in lines.values() for point in line]
    if not points:
        return Markup("")
    first, last = min(x for x, _ in points), max(x for x, _ in points)
    span = math.log2(last / first) or 1.0
    highest = max(uniform, *(y for _, y in points)) * 1.05

    def across(seen: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (math.log2(seen / first) / span)

    def up(bits: float) -> float:
        return TOP + HEIGHT * (1 - bits / highest)

    parts: list[Child] = []
    for value in ticks(0, highest, 5):
        y = f"{up(value):.1f}"
        parts.append(tag("line", x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y, class_="grid"))
        parts.append(tag("text", f"{value:g}", x=LEFT - 6, y=f"{up(value) + 3.5:.1f}", text_anchor="end"))
    y = f"{up(uniform):.1f}"
    parts.append(tag("line", x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y, class_="chance"))
    for seen in _places(first, last):
        parts.append(tag("text", f"{seen:.0f}", x=f"{across(seen):.1f}", y=TOP + HEIGHT + 16, text_anchor="middle"))
    for name in sorted(lines, key=lambda name: (name == best, name == alone)):
        drawn = [(across(x), up(y)) for x, y in lines[name]]
        path = "M" + " L".join(f"{x:.1f} {y:.1f}" for x, y in drawn)
        kind = "best" if name == best else "alone" if name == alone else "other"
        parts.append(tag("g", tag("title", name), tag("path", d=path, class_=f"bits {kind}")))
    middle = TOP + HEIGHT / 2
    turned = f"rotate(-90 10 {middle:g})"
    parts.append(tag("text", "bits per example", x=10, y=middle, text_anchor="middle", class_="axis", transform=turned))
    parts.append(
        tag("text", "examples seen", x=(LEFT + WIDTH - RIGHT) / 2, y=TOP + HEIGHT + 34, text_anchor="middle",
            class_="axis")
    )  # fmt: skip
    return tag(
        "svg",
        parts,
        viewBox=f"0 0 {WIDTH} {TOP + HEIGHT + BOTTOM}",
        role="img",
        aria_label=alt,
        class_="curve learning",
    )


def _places(first: float, last: float) -> list[float]:
    places = [first]
    while places[-1] * 1.99 < last:
        places.append(places[-1] * 2)
    if math.log2(last / places[-1]) > 0.35:
        places.append(last)
    return places


def bits_legend(best: str, uniform: float, others: int) -> Markup:
    """What the lines of `draw_bits` are."""

    def sign(kind: str) -> Markup:
        line = tag("path", d="M0 7 L18 7", class_=kind)
        return tag("svg", line, viewBox="0 0 18 14", class_="sign", aria_hidden="true")

    items: list[Child] = [tag("span", sign("bits best"), best)]
    if others:
        items.append(tag("span", sign("bits other"), "the other probes"))
    items.append(tag("span", sign("bits alone"), "label frequencies alone"))
    items.append(tag("span", sign("chance"), f"all labels alike, {rounded(uniform, 2)}"))
    return tag("p", items, class_="legend")
