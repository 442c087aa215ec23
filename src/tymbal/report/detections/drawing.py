"""Precision against recall over all thresholds, one line per IoU, the threshold in use marked."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from tymbal.report.figures import ticks
from tymbal.report.html import Child, Markup, tag
from tymbal.report.numbers import rounded

SIDE, LEFT, BOTTOM, TOP, RIGHT = 300, 44, 36, 8, 8  # of the drawing


def precision_recall(curves: Mapping[float, pl.DataFrame], chosen: Mapping[float, tuple[float, float]]) -> Markup:
    """curves : {IoU: rows of `threshold_curve` of one class}; chosen : {IoU: (recall, precision) in use}."""
    inner = SIDE - LEFT - RIGHT
    height = TOP + inner + BOTTOM

    def place(recall: float, precision: float) -> tuple[str, str]:
        return f"{LEFT + inner * recall:.1f}", f"{TOP + inner * (1 - precision):.1f}"

    parts: list[Child] = []
    for at in ticks(0, 1, 5):
        x, y = place(at, at)
        parts.append(tag("line", x1=LEFT, x2=LEFT + inner, y1=y, y2=y, class_="grid"))
        parts.append(tag("line", x1=x, x2=x, y1=TOP, y2=TOP + inner, class_="grid"))
        parts.append(tag("text", f"{at:g}", x=x, y=TOP + inner + 14, text_anchor="middle"))
        parts.append(tag("text", f"{at:g}", x=LEFT - 6, y=f"{float(y) + 3.5:.1f}", text_anchor="end"))
    for kind, (iou, rows) in enumerate(curves.items()):
        known = rows.drop_nulls(["precision", "recall"])
        points = [" ".join(place(*pair)) for pair in known.select("recall", "precision").iter_rows()]
        inside: list[Child] = [tag("path", d="M" + " L".join(points), class_="line")] if points else []
        if iou in chosen:
            x, y = place(*chosen[iou])
            words = f"IoU {iou:g}: recall {rounded(chosen[iou][0])}, precision {rounded(chosen[iou][1])}"
            inside.append(tag("circle", cx=x, cy=y, r=4.2, class_="mark"))
            inside.append(tag("text", tag("title", words), "", x=x, y=y))
        parts.append(tag("g", inside, class_=f"kind{kind % 6}"))
    parts.append(tag("text", "recall", x=LEFT + inner / 2, y=height - 6, text_anchor="middle", class_="axis"))
    middle = TOP + inner / 2
    turned = f"rotate(-90 10 {middle:g})"
    parts.append(tag("text", "precision", x=10, y=middle, text_anchor="middle", class_="axis", transform=turned))
    ends = [f"at IoU {iou:g} the threshold in use gives recall {rounded(r)}, precision {rounded(p)}"
            for iou, (r, p) in chosen.items()]  # fmt: skip
    said = "Precision against recall over all thresholds" + (": " + "; ".join(ends) if ends else "")
    return tag("svg", parts, viewBox=f"0 0 {SIDE} {height}", role="img", aria_label=said, class_="curve",
               style=f"width:{SIDE * 1.25:.0f}px")  # fmt: skip


def legend(ious: Mapping[float, object]) -> Markup:
    """Which colour is which IoU."""
    items: list[Child] = []
    for kind, iou in enumerate(ious):
        circle = tag("circle", cx=7, cy=7, r=4.2, class_="mark")
        dot = tag("svg", circle, viewBox="0 0 14 14", class_=f"sign kind{kind}", aria_hidden="true")
        items.append(tag("span", dot, f"IoU {iou:g}"))
    return tag("p", items, class_="legend")
