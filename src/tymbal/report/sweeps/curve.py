"""The per-layer curve: what each single layer gives, with intervals, beside what all layers give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tymbal.report.figures import ticks
from tymbal.report.html import Child, Markup, tag
from tymbal.report.numbers import rounded

LEFT, TOP, RIGHT, HEIGHT, LABELS = 38, 10, 10, 170, 78  # in units of the drawing; LABELS for the names of layers
LEAST_STEP, MOST_STEP, WIDTH = 26.0, 64.0, 330.0
LONGEST_NAME = 18
KINDS = 6  # colours and marks; more families than these share them


@dataclass(frozen=True)
class Series:
    """One family of probes: {label of layers: estimate}."""

    name: str
    kind: int
    points: Mapping[str, Mapping[str, Any]]


def draw_curve(series: Sequence[Series], labels: Mapping[str, str], *, chance: float | None, alt: str) -> Markup:
    """Estimates against layers, from input to output; "all" stands apart at the right. Whiskers are intervals.

    labels : {label of layers: name to show}, in the order of the drawing.
    """
    shown = [label for label in labels if any(label in each.points for each in series)]
    step = min(MOST_STEP, max(LEAST_STEP, WIDTH / max(len(shown), 1)))
    gap = step / 2 if "all" in shown else 0.0
    xs = {label: LEFT + step * (place + 0.5) + (gap if label == "all" else 0) for place, label in enumerate(shown)}
    width = LEFT + step * len(shown) + gap + RIGHT
    low, high = _reach(series, chance)

    def y(value: float) -> float:
        return TOP + HEIGHT * (high - value) / (high - low)

    parts: list[Child] = []
    for value in ticks(low, high, 6):
        parts.append(tag("line", x1=LEFT, x2=f"{width - RIGHT:.1f}", y1=f"{y(value):.1f}", y2=f"{y(value):.1f}",
                         class_="grid"))  # fmt: skip
        parts.append(tag("text", f"{value:g}", x=LEFT - 6, y=f"{y(value) + 3.5:.1f}", text_anchor="end"))
    if chance is not None and low <= chance <= high:
        parts.append(tag("line", x1=LEFT, x2=f"{width - RIGHT:.1f}", y1=f"{y(chance):.1f}", y2=f"{y(chance):.1f}",
                         class_="chance"))  # fmt: skip
    for label, x in xs.items():
        name = labels[label]
        short = name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"
        where = f"rotate(-45 {x:.1f} {TOP + HEIGHT + 14})"
        text = tag("text", tag("title", name), short, x=f"{x:.1f}", y=TOP + HEIGHT + 14, text_anchor="end",
                   transform=where)  # fmt: skip
        parts.append(text)
    spread = min(7.0, 0.6 * step / max(len(series), 1))
    for number, each in enumerate(series):
        shift = (number - (len(series) - 1) / 2) * spread
        parts.append(_draw(each, {label: x + shift for label, x in xs.items() if label in each.points}, y))
    height = TOP + HEIGHT + LABELS
    drawn = tag("svg", parts, viewBox=f"0 0 {width:.0f} {height}", role="img", aria_label=alt, class_="curve",
                style=f"width:{width * 1.2:.0f}px")  # fmt: skip
    return tag("div", drawn, class_="scroll", role="region", aria_label=alt, tabindex="0")


def _reach(series: Sequence[Series], chance: float | None) -> tuple[float, float]:
    """The values that the drawing spans: all ends of intervals with some room, never outside 0 to 1."""
    values = [
        float(point[name])
        for each in series
        for point in each.points.values()
        for name in ("value", "low", "high")
        if point.get(name) is not None
    ]
    values += [chance] if chance is not None else []
    low, high = min(values, default=0.0), max(values, default=1.0)
    room = max(0.02, 0.06 * (high - low))
    return max(0.0, low - room), min(1.0, high + room)


def _draw(series: Series, xs: Mapping[str, float], y: Any) -> Markup:
    line = [(x, y(series.points[label]["value"])) for label, x in xs.items() if label != "all"]
    parts: list[Child] = []
    if len(line) > 1:
        path = "M" + " L".join(f"{x:.1f} {top:.1f}" for x, top in line)
        parts.append(tag("path", d=path, class_="line"))
    for label, x in xs.items():
        point = series.points[label]
        if point.get("low") is not None:
            parts.append(tag("line", x1=f"{x:.1f}", x2=f"{x:.1f}", y1=f"{y(point['low']):.1f}",
                             y2=f"{y(point['high']):.1f}", class_="whisker"))  # fmt: skip
        words = f"{series.name}, {label}: {rounded(point['value'])}"
        if point.get("low") is not None:
            words += f" [{rounded(point['low'])}, {rounded(point['high'])}]"
        parts.append(mark(series.kind, x, y(point["value"]), words))
    return tag("g", parts, class_=f"kind{series.kind % KINDS}")


def mark(kind: int, x: float, y: float, words: str | None = None) -> Markup:
    """A small sign of a family at (x, y); its shape differs as well as its colour."""
    shapes = (
        "M-3.6 0 A3.6 3.6 0 1 1 3.6 0 A3.6 3.6 0 1 1 -3.6 0 Z",
        "M-3.2 -3.2 H3.2 V3.2 H-3.2 Z",
        "M0 -4.6 L4.6 0 L0 4.6 L-4.6 0 Z",
        "M0 -4.2 L4.2 3.4 L-4.2 3.4 Z",
        "M0 4.2 L4.2 -3.4 L-4.2 -3.4 Z",
        "M-4 -1.3 H-1.3 V-4 H1.3 V-1.3 H4 V1.3 H1.3 V4 H-1.3 V1.3 H-4 Z",
    )
    told = tag("title", words) if words else None
    return tag("g", told, tag("path", d=shapes[kind % KINDS], class_="mark"), transform=f"translate({x:.1f} {y:.1f})")


def legend(names: Mapping[int, str], chance: float | None) -> Markup:
    """What the signs mean ({kind: name}), as text that wraps on narrow screens."""
    items: list[Child] = []
    for kind, name in names.items():
        sign = tag("svg", tag("g", mark(kind, 7, 7), class_=f"kind{kind % KINDS}"), viewBox="0 0 14 14", class_="sign",
                   aria_hidden="true")  # fmt: skip
        items.append(tag("span", sign, name))
    if chance is not None:
        dash = tag("svg", tag("line", x1=0, x2=18, y1=7, y2=7, class_="chance"), viewBox="0 0 18 14", class_="sign",
                   aria_hidden="true")  # fmt: skip
        items.append(tag("span", dash, f"guessing, {rounded(chance)}"))
    return tag("p", items, class_="legend")
