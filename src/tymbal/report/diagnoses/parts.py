"""The sections of a diagnosis: for each its drawing, its table, and what it means in plain words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tymbal.corpus.groups import TOGETHER
from tymbal.report.diagnoses.drawing import (
    TERMS,
    accuracy_dots,
    bits_legend,
    draw_bits,
    mean_curve,
    risk_bar,
    risk_legend,
)
from tymbal.report.diagnoses.read import Diagnosis, source
from tymbal.report.html import Child, Markup, section, table, tag
from tymbal.report.numbers import MISSING, count, datum, estimate, rounded, strip
from tymbal.report.summary import metric_title

ALONE = "label frequencies alone"
VERDICTS = {
    "leaks": "label rests on it",
    "trace": "heard, label does not rest on it",
    "quiet": "nothing found",
    "untestable": "cannot be told from the label",
    "too few": "too few to test",
}


def risk(found: Diagnosis) -> Markup:
    """Stacked bars of the test error, probe by probe."""
    result = found.found("risk")
    rows: list[list[Child]] = []
    for number, row in enumerate(result["rows"]):
        cells: list[Child] = [row["probe"], risk_bar(row)]
        for name in ("test_error", *TERMS):
            at = source("risk", "rows", number, name)
            cells.append(estimate(row[name], at, units=False, sign=name.endswith("_gap")))
        rows.append(cells)
    header: list[Child] = ["probe", "", "test error", *(term.replace("_", " ") for term in TERMS)]
    block = table(header, rows, caption="Risk decomposition", class_="diagnosis")
    lead = f"Error is 1 minus {metric_title(result['metric'])}. Underfit: wrong on what it was trained on. Probe gap: "
    lead += "what held-out groups of the training folds add. Encoder gap: what test folds add to that. They sum to the "
    lead += "test error; an outlined part takes error away. The upright line is guessing."
    return _section("risk", result, lead, [risk_legend(), block])


def leakage(found: Diagnosis) -> Markup:
    """Leak ratios and the three accuracies per column and layer; and the order of recording."""
    result = found.found("leakage")
    rows: list[list[Child]] = []
    for number, row in sorted(enumerate(result["rows"]), key=lambda pair: (str(pair[1]["column"]), pair[0])):

        def at(name: str, number: int = number) -> str:
            return source("leakage", "rows", number, name)

        ratio = row["ratio"]
        rows.append(
            [
                _breakable(str(row["column"])),
                row["layer"],
                tag("b", VERDICTS[row["verdict"]]) if row["verdict"] == "leaks" else VERDICTS[row["verdict"]],
                MISSING if ratio is None else estimate(ratio, at("ratio"), units=False),
                accuracy_dots(row),
                *(datum(row[name], 2, source=at(name)) for name in ("nearest_right", "other_right", "expected_right")),
                _p(row["leak_p_holm"]),
                _p(row["trace_p_holm"]),
            ]
        )
    header: list[Child] = ["column", "layer", "verdict", "leak ratio", "", "nearest", "of another", "expected",
                           "p, label", "p, trace"]  # fmt: skip
    blocks: list[Child] = [table(header, rows, caption="Leakage", class_="diagnosis")] if rows else []
    if result["orders"]:
        lines: list[list[Child]] = [
            [row["layer"], datum(row["distance"], source=source("leakage", "orders", number, "distance")),
             _p(row["order_p_holm"])]
            for number, row in enumerate(result["orders"])
        ]  # fmt: skip
        folded = table(["layer", "distance", "p"], lines, caption=f"Order by {result['by']}", class_="diagnosis")
        blocks.append(tag("details", tag("summary", f"Order by {result['by']}, layer by layer"), folded))
    lead = "Leak ratio: how much more often than chance the nearest neighbours of one label share the column’s value; "
    lead += "1 is no trace. Beside it, how often the nearest recording tells the label (ring), the nearest of another "
    lead += "value (dot), and what values drawn at random would give (line): a dot left of the line means that telling "
    lead += f"the label rests on the column. p holds for the whole table (Holm, at {result['alpha']:.0%})."
    return _section("leakage", result, lead, blocks)


def _breakable(name: str) -> Child:
    """Crossed columns, which may be broken after each sign of crossing."""
    first, *rest = name.split(TOGETHER)
    return [first, *([TOGETHER, tag("wbr"), each] for each in rest)]


def selectivity(found: Diagnosis) -> Markup:
    """Score on the labels minus score on shuffled ones."""
    result = found.found("selectivity")
    ends = [abs(row["selectivity"][name] or 0.0) for row in result["rows"] for name in ("value", "low", "high")]
    reach = 1.1 * max([*ends, 0.05])
    rows: list[list[Child]] = []
    for number, row in enumerate(result["rows"]):

        def at(*parts: str, number: int = number) -> str:
            return source("selectivity", "rows", number, *parts)

        drawn = row["shuffled"]
        span = tag("span", " (", datum(drawn["low"], 2, source=at("shuffled", "low")), "–",
                   datum(drawn["high"], 2, source=at("shuffled", "high")), ")", class_="units")  # fmt: skip
        rows.append(
            [
                row["probe"],
                row["control"],
                estimate(row["score"], at("score"), units=False),
                tag("span", datum(drawn["value"], source=at("shuffled", "value")), span, class_="estimate"),
                strip(row["selectivity"], reach=reach),
                estimate(row["selectivity"], at("selectivity"), units=False, sign=True),
            ]
        )
    header: list[Child] = ["probe", "shuffled", "on the labels", "on shuffled labels", "", "selectivity"]
    lead = f"{metric_title(result['metric']).capitalize()} on the labels, and what the same probes reach on the same "
    lead += "labels shuffled (all together, lowest to highest). An interval that crosses the upright line shows no "
    lead += f"reading beyond what the shuffled labels allow. The strips span ±{rounded(reach, 2)}."
    block = table(header, rows, caption="Selectivity", class_="diagnosis")
    return _section("selectivity", result, lead, [block])


def code_length(found: Diagnosis) -> Markup:
    """Learning curves in bits, and the totals."""
    result = found.found("code_length")
    lines = {str(row["probe"]): mean_curve(row["curves"]) for row in result["rows"]}
    best = str(min(result["rows"], key=lambda row: float(row["bits"]))["probe"])
    uniform = float(result["uniform_bits"]) / float(result["examples"])
    drawn = {**lines, ALONE: mean_curve(result["frequency_curves"])}
    alt = "Bits per example against examples seen; the totals are in the table below."
    picture = draw_bits(drawn, best=best, alone=ALONE, uniform=uniform, alt=alt)
    rows: list[list[Child]] = []
    for number, row in enumerate(result["rows"]):
        at = source("code_length", "rows", number)
        ends = datum(row["bits_low"], 0, source=f"{at}/bits_low"), datum(row["bits_high"], 0, source=f"{at}/bits_high")
        span = tag("span", " (", ends[0], "–", ends[1], ")", class_="units")
        rows.append(
            [
                row["probe"],
                tag("span", datum(row["bits"], 0, source=f"{at}/bits"), span, class_="estimate"),
                estimate(row["bits_per_example"], f"{at}/bits_per_example", units=False),
                estimate(row["saved_per_example"], f"{at}/saved_per_example", units=False, sign=True),
                datum(row["compression"], 2, source=f"{at}/compression"),
                datum(row["learning_bits"], 0, source=f"{at}/learning_bits") if row["learning_bits"] > 0 else MISSING,
            ]
        )
    base = source("code_length")
    totals = [
        tag("p", f"All {count(result['examples'], 'example')} together: ",
            datum(result["uniform_bits"], 0, source=f"{base}/uniform_bits"), " bits if all labels are alike, ",
            datum(result["frequency_bits"], 0, source=f"{base}/frequency_bits"), " by label frequencies alone.")
    ]  # fmt: skip
    header: list[Child] = ["probe", "bits (orders)", "per example", "saved", "compression", "spent on learning"]
    block = table(header, rows, caption="Online code length", class_="diagnosis")
    lead = "Each block of examples is told in bits by the probe fitted to all blocks before it. A label that is laid "
    lead += "out plainly is told in few bits after few examples. Saved: bits per example against label frequencies "
    lead += "alone; spent on learning: what the whole took beyond the rate of the last block (a dash where that was "
    lead += "the hardest)."
    legend = bits_legend(best, uniform, len(lines) - 1)
    return _section("code_length", result, lead, [legend, tag("div", picture, class_="scroll"), *totals, block])


def calibration(found: Diagnosis) -> Markup:
    """Calibration error, Brier score and log loss, before and after one temperature."""
    result = found.found("calibration")
    rows: list[list[Child]] = []
    for number, row in enumerate(result["rows"]):
        at = source("calibration", "rows", number)
        heats = sorted(float(value) for value in row["temperatures"].values())
        rows.append(
            [
                row["probe"],
                *(
                    estimate(row["before"][name], f"{at}/before/{name}", units=False)
                    for name in ("ece", "brier", "nll")
                ),
                estimate(row["after"]["nll"], f"{at}/after/nll", units=False),
                estimate(row["nll_gain"], f"{at}/nll_gain", units=False, sign=True),
                rounded(heats[0], 2) if len(heats) == 1 else f"{rounded(heats[0], 2)}–{rounded(heats[-1], 2)}",
                estimate(row["before"]["overconfidence"], f"{at}/before/overconfidence", units=False, sign=True),
            ]
        )
    header: list[Child] = ["probe", "ECE", "Brier", "log loss", "with a temperature", "gain", "temperature", "too sure"]
    lead = "Smaller is better. Log loss in nats per example, also after one temperature per test fold that was fitted "
    lead += (
        "inside the training folds (above 1: the probe was too sure). Too sure: mean highest score minus share right."
    )
    block = table(header, rows, caption="Calibration of every probe", class_="diagnosis")
    return _section("honesty", result, lead, [block])


def _section(anchor: str, result: Mapping[str, Any], lead: str, blocks: list[Child]) -> Markup:
    notes = [tag("li", str(note)) for note in result["notes"]]
    return section(
        f"diagnosis-{anchor}",
        str(result["title"]),
        [tag("p", line, class_="reading") for line in str(result["reading"]).split("\n")],
        tag("p", lead, class_="lead"),
        blocks,
        tag("details", tag("summary", "How this was made"), tag("ul", notes)) if notes else None,
    )


def _p(value: float | None) -> str:
    if value is None:
        return MISSING
    return "< 0.001" if value < 0.001 else rounded(value)


PARTS = {
    "risk": ("diagnosis-risk", "Error", risk),
    "leakage": ("diagnosis-leakage", "Leakage", leakage),
    "selectivity": ("diagnosis-selectivity", "Selectivity", selectivity),
    "code_length": ("diagnosis-code_length", "Bits", code_length),
    "calibration": ("diagnosis-honesty", "Honesty", calibration),
}
