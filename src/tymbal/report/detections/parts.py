"""The sections of a page of detections: scores, curves, tables, and events as pictures."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import polars as pl

from tymbal.evaluation import Estimate
from tymbal.evaluation.detection import get_detection_metric
from tymbal.report.calibration import diagram
from tymbal.report.detections import drawing
from tymbal.report.detections.cards import Chosen, card
from tymbal.report.detections.read import Scored
from tymbal.report.examples import Sounds
from tymbal.report.html import Child, Markup, section, table, tag
from tymbal.report.numbers import MISSING, count, datum, estimate, plural, rounded

LEGEND = (
    ("reference found", "reference, found"),
    ("reference missed", "reference, missed"),
    ("prediction prediction", "prediction, right"),
    ("prediction false", "prediction, false"),
    ("uncounted", "neither: unknown, or not listened to"),
)


def scores(found: Scored) -> Markup:
    """Every metric with its interval, and its ceiling where there is one."""
    have = found.scores
    header: list[Child] = ["metric", "value", *(["ceiling"] if have.oracle else [])]
    rows: list[list[Child]] = []
    for name, value in have.estimates.items():
        metric, iou = get_detection_metric(name)
        if len(have.labels) == 1 and metric.name.startswith("macro_"):
            continue  # the mean over one class
        title = f"{metric.title}, IoU {iou:g}" if metric.at_iou else metric.title
        cells: list[Child] = [title, _shown(value)]
        if have.oracle:
            ceiling = have.oracle.get(name)
            cells.append(MISSING if ceiling is None else datum(ceiling.value))
        rows.append(cells)
    lead = f"Intervals resample {plural(have.unit_name)}; below eight of them there is none. "
    if have.oracle:
        lead += "Ceiling: the truth pushed through this detector’s own targets and decoder, which no training can pass."
    lacking = [tag("li", f"{name}: {reason}") for name, reason in have.reasons.items()]
    why = tag("details", tag("summary", "Why some have no value"), tag("ul", lacking)) if lacking else None
    block = table(header, rows, caption="Scores")
    return section("scores", "Scores", tag("p", lead, class_="lead"), block, why)


def _shown(value: Estimate | None) -> Markup:
    return tag("span", MISSING, class_="none") if value is None else estimate(asdict(value), None)


def curves(found: Scored) -> Markup:
    """Precision against recall, and reliability."""
    have = found.scores
    whole = have.curves.filter(pl.col("label").is_null())
    if whole.is_empty() or whole["precision"].null_count() == whole.height:
        return Markup("")
    lines = {iou: whole.filter(pl.col("minimum_iou") == iou) for iou in have.settings.minimum_iou}
    chosen: dict[float, tuple[float, float]] = {}
    for iou in lines:
        recall, precision = (have.estimates.get(f"{name}@{iou:g}") for name in ("recall", "precision"))
        if recall is not None and precision is not None:
            chosen[iou] = recall.value, precision.value
    lead = "All thresholds, all classes together; the dot is the threshold in use. "
    lead += "Curves come from matching in the order of scores, which finds at most as much as the dot’s matching."
    parts: list[Child] = [tag("p", lead, class_="lead"), drawing.legend(lines)]
    parts.append(tag("div", drawing.precision_recall(lines, chosen), class_="scroll"))
    if have.reliability is not None:
        words = f"Of the predictions scored about so much, how many found a reference at IoU {found.first_iou:g}. "
        words += "Points on the line are honest probabilities; below it the detector says more than it knows."
        parts += [tag("h3", "Are the scores honest?"), tag("p", words, class_="lead")]
        parts.append(tag("div", diagram(have.reliability), class_="reliability"))
    return section("curves", "Curves", parts)


def strata(found: Scored) -> Markup:
    """Recall where it is hard."""
    rows: list[list[Child]] = []
    for row in found.scores.strata.sort("by", maintain_order=True).iter_rows(named=True):
        share = {"value": row["recall"], "low": row["low"], "high": row["high"]}
        held = f"{row['references']:,}", str(row["units"])
        rows.append([f"{row['by']}: {row['stratum']}", f"{row['minimum_iou']:g}", *held, estimate(share, None)])
    header: list[Child] = ["references", "IoU", "how many", plural(found.scores.unit_name), "recall"]
    lead = "Recall of the references in each stratum."
    overlaps = found.scores.strata.filter(pl.col("by") != "SNR")
    overlaps = overlaps.filter(pl.col("minimum_iou") == found.first_iou)
    alone = int(overlaps.filter(pl.col("stratum") == "0")["references"].sum())
    total = int(overlaps["references"].sum())
    if total and alone / total > 0.95:
        few = (
            f"Only {count(total - alone, 'reference')} of {total:,} overlap"
            if alone < total
            else "No reference overlaps"
        )
        lead += f" {few} another: this set says little or nothing about overlap."
    return section("strata", "Overlap and noise", tag("p", lead, class_="lead"), table(header, rows, caption="Recall"))


def classes(found: Scored) -> Markup:
    """One row per class and IoU, and what was taken for what."""
    have = found.scores
    rows: list[list[Child]] = []
    for row in have.classes.sort("label", "minimum_iou").iter_rows(named=True):
        f1 = {"value": row["f1"], "low": row["f1_low"], "high": row["f1_high"]}
        counts = [f"{row[name]:,}" for name in ("references", "true", "false", "missed", "unjudged")]
        shares = [datum(row[name]) for name in ("precision", "recall")]
        last = MISSING if row["f1"] is None else estimate(f1, None)
        rows.append([row["label"], f"{row['minimum_iou']:g}", *counts, *shares, last, datum(row["ap"])])
    header: list[Child] = ["label", "IoU", "references", "true", "false", "missed", "not judged", "precision", "recall",
                           "F1", "AP"]  # fmt: skip
    lead = "Not judged: on an unknown event, or where nobody listened. A class without a reference has no score."
    mixed = have.confusions.filter(
        pl.col("reference").is_not_null()
        & pl.col("prediction").is_not_null()
        & (pl.col("reference") != pl.col("prediction"))
    ).sort("events", descending=True)
    blocks: list[Child] = [tag("p", lead, class_="lead"), table(header, rows, caption="Classes")]
    if not mixed.is_empty():
        lines: list[list[Child]] = [
            [row["reference"], row["prediction"], f"{row['events']:,}"] for row in mixed.head(20).iter_rows(named=True)
        ]
        blocks += [tag("h3", "Found as another class"), table(["reference", "taken for", "events"], lines,
                                                              caption="Confusions")]  # fmt: skip
    return section("classes", "Classes", blocks)


def units(found: Scored) -> Markup:
    """One row per unit at the first IoU, the worst first."""
    rows: list[list[Child]] = []
    table_ = found.scores.units.filter(pl.col("minimum_iou") == found.first_iou)
    for row in table_.sort("f1", "recall", "unit", nulls_last=True).iter_rows(named=True):
        counts = [f"{row[name]:,}" for name in ("references", "true", "false", "missed")]
        hours = MISSING if row["hours"] is None else f"{60 * row['hours']:.1f}"
        rows.append([row["unit"], *counts, *(datum(row[name]) for name in ("precision", "recall", "f1")), hours])
    header: list[Child] = [found.scores.unit_name, "references", "true", "false", "missed", "precision", "recall", "F1",
                           "minutes"]  # fmt: skip
    lead = f"At IoU {found.first_iou:g}, all classes together, the worst first; minutes listened to."
    name = plural(found.scores.unit_name)
    return section("units", f"{name.capitalize()}", tag("p", lead, class_="lead"), table(header, rows, caption=name))


def alarms(found: Scored) -> Markup:
    """False alarms per hour with exact bounds."""
    have = found.scores.false_alarms
    if have is None:
        return Markup("")
    rows: list[list[Child]] = []
    for row in have.iter_rows(named=True):
        rate = MISSING
        if row["per_hour"] is not None:
            rate = f"{row['per_hour']:.3g} [{row['low']:.3g}, {row['high']:.3g}]"
        most = MISSING if row["at_most"] is None else f"{row['at_most']:.3g}"
        rows.append([row["label"] or "all together", f"{row['count']:,}", f"{row['hours']:.2f}", rate, most])
    header: list[Child] = ["label", "false alarms", "hours", "per hour", "at most"]
    lead = "Exact Poisson intervals of 95 %, and the one-sided bound: what no false alarm at all would still allow. "
    lead += "False alarms that come in bouts scatter more than this says."
    block = table(header, rows, caption="False alarms per hour")
    return section("alarms", "False alarms per hour", tag("p", lead, class_="lead"), block)


def events(found: Scored, chosen: Chosen, sounds: Sounds) -> list[Markup]:
    """Misses and false alarms first, then what was found with the least overlap."""
    kinds = (
        ("missed", "Missed", chosen.missed, "The longest first."),
        ("false", "False alarms", chosen.false, "The surest first."),
        ("found", "Found, the worst fits", chosen.found, "The least IoU first."),
    )
    signs = [tag("span", tag("i", class_=f"boxed {kind}"), words) for kind, words in LEGEND]
    frequency, apart = found.scores.settings.frequency, found.scores.settings.by_channel
    parts = []
    for anchor, heading, rows, lead in kinds:
        if not rows:
            parts.append(section(anchor, heading, tag("p", "None.", class_="lead")))
            continue
        if not frequency:
            lead += " References are drawn in the upper half of a picture, predictions (dashed) in the lower."
        cards = [card(row, found.scores.events, sounds, frequency=frequency, by_channel=apart) for row in rows]
        block = tag("div", cards, class_="cards")
        parts.append(section(anchor, heading, tag("p", lead, class_="lead"), tag("p", signs, class_="legend"), block))
    return parts


def parameters(found: Scored) -> Markup:
    """How it was judged."""
    rows: list[list[Child]] = [
        [name.replace("_", " "), _told(value)] for name, value in asdict(found.scores.settings).items()
    ]
    rows += [[name.replace("_", " "), value] for name, value in sorted(found.scores.provenance.items())]
    notes = [tag("li", note) for note in found.scores.notes]
    block = table(["", ""], rows, caption="Settings", class_="settings")
    return section("parameters", "How it was judged", tag("ul", notes) if notes else None, block)


def _told(value: Any) -> str:
    if value is None:
        return "not set"
    return ", ".join(map(str, value)) if isinstance(value, (tuple, list)) else str(value)


def headline(found: Scored) -> list[Child]:
    """The one number, and what a reader must not take it for."""
    have = found.scores
    iou = found.first_iou
    name = f"f1@{iou:g}" if have.estimates.get(f"f1@{iou:g}") is not None else f"recall@{iou:g}"
    value, ceiling = have.estimates.get(name), have.oracle.get(name)
    if value is None:
        return ["Nothing could be scored; the reasons stand below."]
    words: list[Child] = [f"{get_detection_metric(name)[0].title} at IoU {iou:g} is ", estimate(asdict(value), None)]
    if ceiling is not None:
        words.append(f"; its decoder allows {rounded(ceiling.value)}")
    return [*words, "."]


def counted(found: Scored) -> str:
    """How many references and predictions, in how many recordings."""
    have = found.scores.events
    recordings = found.scores.recordings["recording"].n_unique()
    sides = [have.filter(pl.col("side") == side).height for side in ("reference", "prediction")]
    said = f"{count(sides[0], 'reference')} and {count(sides[1], 'prediction')} in {count(recordings, 'recording')}"
    hours = found.scores.recordings.filter(pl.col("minimum_iou") == found.first_iou)["hours"]
    if hours.null_count() == len(hours):
        return said + "."
    total = float(hours.sum())
    heard = f"{total:.2f} h" if total >= 1 else f"{60 * total:.1f} min"
    return f"{said}; {heard} were listened to."
