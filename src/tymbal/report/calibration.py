"""The part of the page that asks whether scores are honest: of what was said at 0.8, were eight in ten right?"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tymbal.errors import DataError
from tymbal.evaluation import encode, estimate_calibration, reliability
from tymbal.report.figures import ticks
from tymbal.report.html import Child, Markup, section, table, tag
from tymbal.report.numbers import count, datum, estimate, plural, rounded
from tymbal.report.run import Run

SIDE, LEFT, BOTTOM, TOP, RIGHT = 260, 44, 36, 8, 8  # of the drawing
MEASURES = {
    "ece": ("expected calibration error", "mean distance between confidence and share right, bins of equal width"),
    "adaptive_ece": ("the same, adaptive bins", "bins that hold equally many decisions"),
    "brier": ("Brier score", "squared error of the scores of an example; 0 is perfect, {worst} the worst"),
    "nll": ("negative log likelihood", "in nats; guessing evenly gives {guess}"),
}


def calibration(run: Run) -> Markup:
    """Errors and the reliability of the headline's scores, first seed; nothing where there are no probabilities."""
    rows = run.shown()
    if "scores" not in rows.columns:
        return Markup("")
    several = bool(run.task.get("multilabel"))
    scores = np.array(rows["scores"].to_list(), dtype=np.float64)
    units = rows["unit"].cast(pl.String).to_list()
    try:
        truth = _sets(rows, run.labels) if several else encode(rows["reference"].to_list(), run.labels)
        found = estimate_calibration(truth, scores, groups=units, unit_name=run.unit_name)
        bins = reliability(truth, scores, groups=units)
    except DataError:  # one class, or scores that are no probabilities: nothing can be said
        return Markup("")
    guess = rounded(float(np.log(2 if several else len(run.labels))))
    lines: list[list[Child]] = []
    for name, (title, words) in MEASURES.items():
        one = found[name]
        shown = estimate({"value": one.value, "low": one.low, "high": one.high}, None, units=False)
        lines.append([title, shown, words.format(guess=guess, worst=1 if several else 2)])
    lead = "Scores of the highest label of every test example, first seed, against how often that label was right. "
    if several:
        lead = "Every score of every test example, first seed, against how often its label was there. "
    lead += "Points on the line are honest; below it the probe says more than it knows. Smaller numbers are better."
    block = table(["measure", "value", ""], lines, caption="Calibration")
    listed = tag("details", tag("summary", count(bins.height, "bin")), _bins(bins, run.unit_name))
    picture = tag("div", diagram(bins), class_="reliability")
    return section("calibration", "Are the scores honest?", tag("p", lead, class_="lead"), picture, block, listed)


def _sets(rows: pl.DataFrame, labels: list[str]) -> NDArray[np.bool_]:
    """Which labels each example carries, (n, labels)."""
    return np.array([[label in carried for label in labels] for carried in rows["reference"].to_list()], dtype=np.bool_)


def _bins(bins: pl.DataFrame, unit_name: str) -> Markup:
    rows: list[list[Child]] = []
    for row in bins.iter_rows(named=True):
        said = f"{rounded(row['low'], 2)} to {rounded(row['high'], 2)}"
        right = {"value": row["right"], "low": row["right_low"], "high": row["right_high"]}
        held = f"{row['decisions']:,}", str(row["units"])
        rows.append([said, *held, datum(row["confidence"]), estimate(right, None, units=False)])
    header: list[Child] = ["score", "decisions", plural(unit_name), "mean score", "share right"]
    return table(header, rows, caption="Reliability table")


def diagram(bins: pl.DataFrame) -> Markup:
    """Share right against mean score, one dot per bin, larger for more examples, with its interval where it has one."""
    inner = SIDE - LEFT - RIGHT
    height = TOP + inner + BOTTOM

    def across(x: float) -> str:
        return f"{LEFT + inner * x:.1f}"

    def up(y: float) -> str:
        return f"{TOP + inner * (1 - y):.1f}"

    parts: list[Child] = [tag("rect", x=LEFT, y=TOP, width=inner, height=inner, class_="frame")]
    parts.append(tag("line", x1=across(0), y1=up(0), x2=across(1), y2=up(1), class_="honest"))
    for place in ticks(0, 1, 5):
        parts.append(tag("text", f"{place:g}", x=across(place), y=TOP + inner + 14, text_anchor="middle"))
        parts.append(
            tag("text", f"{place:g}", x=LEFT - 6, y=f"{TOP + inner * (1 - place) + 3.5:.1f}", text_anchor="end")
        )
    most = max(bins["decisions"].to_list())
    for row in bins.iter_rows(named=True):
        x = across(row["confidence"])
        if row["right_low"] is not None:
            parts.append(tag("line", x1=x, x2=x, y1=up(row["right_low"]), y2=up(row["right_high"]), class_="whisker"))
        radius = 2.0 + 5.0 * (row["decisions"] / most) ** 0.5
        parts.append(tag("circle", cx=x, cy=up(row["right"]), r=f"{radius:.1f}", class_="bin"))
    middle = TOP + inner / 2
    parts.append(tag("text", "mean score", x=LEFT + inner / 2, y=height - 6, text_anchor="middle", class_="axis"))
    turned = f"rotate(-90 10 {middle:g})"
    parts.append(tag("text", "share right", x=10, y=middle, text_anchor="middle", class_="axis", transform=turned))
    said = f"Share right against mean score in {count(bins.height, 'bin')}; the numbers are in the table below"
    return tag("svg", parts, viewBox=f"0 0 {SIDE} {height}", role="img", aria_label=said)
