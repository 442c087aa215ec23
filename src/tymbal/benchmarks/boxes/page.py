"""Results of the sets of boxes as a page: ours with ceilings, then by Voxaboxen's rule beside published numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from tymbal.benchmarks.boxes.scoring import FRAMES
from tymbal.benchmarks.dataset import TEST
from tymbal.benchmarks.results import departure_lines, published_cells
from tymbal.benchmarks.verify import Verification

OURS = ("f1@0.5", "f1@0.8", "macro_f1@0.5", "macro_f1@0.8", "map@0.5", "map@0.8")
AGNOSTIC = ("class_agnostic_f1@0.5", "class_agnostic_f1@0.8")
THEIRS = (
    "voxaboxen_macro_f1@0.5",
    "voxaboxen_macro_f1@0.8",
    "voxaboxen_micro_f1@0.5",
    "voxaboxen_micro_f1@0.8",
    FRAMES,
)
NOT_REACHED = (
    "The table of results of arXiv 2503.02389 could not be reached when this was written, so none of it stands here. "
    "What does: the authors' earlier README (BV10 and MT with the events of today; Pow and HawB had other classes and "
    "are not set beside ours), and of third parties AnuraSet's PHYALB alone (F1 0.482 forward, 0.569 bidirectional)."
)


def page(
    benchmark: str,
    table: pl.DataFrame,
    verified: Sequence[Verification],
    results: Mapping[str, Mapping[str, Any]],
    failures: Sequence[tuple[str, str]],
) -> str:
    """The results as Markdown; arguments as `tymbal.benchmarks.results.markdown`."""
    lines = [f"# {benchmark}", ""]
    lines += [
        "Test part, read once with the threshold chosen on validation. 95 % intervals resample recordings; with fewer "
        "than eight there is none. F1 counts a box of the wrong class as false, whatever it lies on; boxes on events "
        "of unknown class count neither way; a class without a reference is left out. mAP ranks by score. The ceiling "
        "is the truth through the detector's own targets and decoder: no network can pass it.",
        "",
        *_grid("set", [*(heading(name) for name in OURS), "method", "test recordings", "events"]),
    ]
    for name, row in results.items():
        counts = [row["picked"], str(row["recordings"][TEST]), str(row["counts"].get(TEST, 0))]
        lines.append(_row([_named(name, row), *_cells(row, "probes", OURS), *counts]))
        lines.append(_row([f"{name}: ceiling", *_cells(row, "ceilings", OURS), "", "", ""]))
    lines += ["", "`*`: what lies here is not what was published (below); such a number is not comparable.", ""]
    lines += ["## Class-agnostic", "", "Every event is one of a single class, those of unknown class too.", ""]
    lines += _grid("set", [*(heading(name) for name in AGNOSTIC), "ceiling@0.5", "ceiling@0.8"])
    for name, row in results.items():
        lines.append(_row([_named(name, row), *_cells(row, "probes", AGNOSTIC), *_cells(row, "ceilings", AGNOSTIC)]))
    lines += ["", *_theirs(table, results), "", *_methods(results), ""]
    lines += [
        "## What was run",
        "",
        *_run(results),
        "",
        "## Departures",
        "",
        *departure_lines(verified, results, failures),
    ]
    return "\n".join(lines) + "\n"


def _theirs(table: pl.DataFrame, results: Mapping[str, Mapping[str, Any]]) -> list[str]:
    lines = ["## By Voxaboxen's own rule", ""]
    lines += [
        "Boxes are matched whatever their class, as many as can be; a matched pair of equal labels is a hit. A class "
        "that neither occurs nor is predicted has F1 = 1. Frames of all classes are counted together. "
        f"For comparison alone. {NOT_REACHED}",
        "",
        *_grid("set", [*(heading(name) for name in THEIRS), "best published macro F1@0.5", "source"]),
    ]
    for name, row in results.items():
        own = table.filter((pl.col("set") == name) & (pl.col("metric") == THEIRS[0]) & (pl.col("whose") == "published"))
        best, _, _, source = published_cells(own)
        lines.append(_row([_named(name, row), *_cells(row, "probes", THEIRS), best, source]))
    return lines


def _methods(results: Mapping[str, Mapping[str, Any]]) -> list[str]:
    lines = ["## Every method", "", *_grid("set", ["method", "validation", "threshold", "F1@0.5", "F1@0.8"])]
    for name, row in results.items():
        for method, found in row["probes"].items():
            shown = [_value(found[metric]) if metric in found else "-" for metric in OURS[:2]]
            told = f"{row['validation'][method]:.3f}", f"{row['thresholds'][method]:g}"
            lines.append(_row([_named(name, row), method, *told, *shown]))
    lines += ["", "Validation: mean of F1@0.5 and F1@0.8 there; thresholds and the method were chosen by it: too high."]
    return lines


def _run(results: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """A line per set: clock, classes, unknown events, how often the test part was read."""
    lines = []
    for name, row in results.items():
        classes = len(row["labels"])
        told = [
            row["remark"],
            f"clock: {row['clock']}",
            f"{classes} class{'es' if classes > 1 else ''}",
            f"{row['unknown']} events of unknown class",
            f"test part read for {row['readings']} fit{'s' if row['readings'] > 1 else ''} ({name}/test_reads.jsonl)",
            f"encoder {row['encoder']}",
        ]
        told += [f"{len(row['not_embedded'])} recordings without frames were left out"] if row["not_embedded"] else []
        lines.append(f"- {name}: " + "; ".join([*told, *row["notes"]]))
    return lines


def heading(metric: str) -> str:
    """How a metric is called at the head of a column."""
    name, _, iou = metric.partition("@")
    words = {"f1": "F1", "macro_f1": "macro F1", "map": "mAP", "class_agnostic_f1": "F1"}
    words |= {"voxaboxen_macro_f1": "their macro F1", "voxaboxen_micro_f1": "their micro F1"}
    return f"{words[name]}@{iou}" if iou else "F1 of 20-ms frames"


def _cells(row: Mapping[str, Any], side: str, metrics: Sequence[str]) -> list[str]:
    found = row[side][row["picked"]]
    return [_value(found[name]) if name in found else "-" for name in metrics]


def _named(name: str, row: Mapping[str, Any]) -> str:
    return name if row["official"] else f"{name} *"


def _value(row: Mapping[str, Any]) -> str:
    return f"{row['value']:.3f}" + ("" if row["low"] is None else f" [{row['low']:.3f}, {row['high']:.3f}]")


def _grid(first: str, others: Sequence[str]) -> list[str]:
    return [_row([first, *others]), "|" + "---|" * (len(others) + 1)]


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
