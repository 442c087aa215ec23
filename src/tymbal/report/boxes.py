"""A run of `tymbal bench boxes` as a page: every set with its ceiling, class-agnostic and by Voxaboxen's rule."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from tymbal.benchmarks.boxes.page import AGNOSTIC, NOT_REACHED, OURS, THEIRS, heading
from tymbal.errors import DataError
from tymbal.report.html import Child, Markup, section, table, tag
from tymbal.report.numbers import MISSING, count, estimate, pointer, rounded, strip

BENCHMARK, RESULTS, ROWS = "boxes", "results.json", "results.parquet"


@dataclass(frozen=True)
class BoxesRun:
    """What `tymbal bench boxes` kept: results.json and, of results.parquet, what was published."""

    path: Path
    results: Mapping[str, Any]
    published: pl.DataFrame

    @property
    def sets(self) -> Mapping[str, Mapping[str, Any]]:
        return self.results["sets"]  # type: ignore[no-any-return]


def is_boxes(run: Path | str) -> bool:
    """Whether a folder holds results of the sets of boxes."""
    try:
        found = json.loads((Path(run) / RESULTS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and found.get("benchmark") == BENCHMARK


def open_boxes(run: Path | str) -> BoxesRun:
    """The results in a folder. Raises DataError where they are not whole."""
    path = Path(run)
    results = json.loads((path / RESULTS).read_text(encoding="utf-8"))
    try:
        rows = pl.read_parquet(path / ROWS, glob=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(f"cannot be read: {error}", where=path / ROWS, mend="Run tymbal bench boxes again.") from error
    return BoxesRun(path, results, rows.filter(pl.col("whose") == "published"))


def title(run: BoxesRun) -> str:
    """What the page is called."""
    return f"Boxes: {count(len(run.sets), 'set')}"


def body(run: BoxesRun) -> Markup:
    """Everything between <body> and </body>."""
    versions = sorted({str(row["tymbal_version"]) for row in run.sets.values()})
    top = tag(
        "header",
        tag("p", f"Tymbal report: {run.path.resolve().name}", class_="kind"),
        tag("h1", title(run)),
        tag("p", f"Tymbal {', '.join(versions)}, tymbal bench boxes", class_="lead"),
    )
    parts = (_sets(run), _agnostic(run), _theirs(run), _methods(run), _how(run), _departures(run))
    return tag("main", top, parts)


def _sets(run: BoxesRun) -> Markup:
    lead = (
        "Test part, read once, at the threshold chosen on validation. Under each value stands the ceiling: the truth "
    )
    lead += "through the detector’s own targets and decoder. A star marks a set that is not here as it was published. "
    lead += "Below eight recordings there is no interval."
    rows: list[list[Child]] = []
    for name, row in run.sets.items():
        of = f"{count(row['recordings']['test'], 'recording')}, {count(row['counts'].get('test', 0), 'event')}"
        cells = [_with_ceiling(row, name, metric) for metric in OURS]
        rows.append([[_named(name, row), tag("span", of, class_="sub")], _strip(row, OURS[0]), *cells])
    block = table(["set", "", *map(heading, OURS)], rows, caption="Sets")
    return section("sets", "Sets", tag("p", lead, class_="lead"), block)


def _agnostic(run: BoxesRun) -> Markup:
    lead = "Every event is one of a single class, those of unknown class too."
    rows: list[list[Child]] = [
        [_named(name, row), *(_with_ceiling(row, name, metric) for metric in AGNOSTIC)]
        for name, row in run.sets.items()
    ]
    block = table(["set", *map(heading, AGNOSTIC)], rows, caption="Class-agnostic")
    return section("agnostic", "Class-agnostic", tag("p", lead, class_="lead"), block)


def _theirs(run: BoxesRun) -> Markup:
    lead = (
        "Boxes are matched whatever their class; a matched pair of equal labels is a hit; a class that neither occurs "
    )
    lead += (
        f"nor is predicted has F1 = 1. Frames of all classes are counted together. For comparison alone. {NOT_REACHED}"
    )
    rows: list[list[Child]] = []
    for name, row in run.sets.items():
        told = run.published.filter((pl.col("set") == name) & (pl.col("metric") == THEIRS[0]))
        best = told.sort("value", descending=True).head(1).to_dicts()
        said = f"{rounded(best[0]['value'])}, {best[0]['model']} ({best[0]['source']})" if best else MISSING
        rows.append([_named(name, row), *(_value(row, name, metric) for metric in THEIRS), said])
    header = ["set", *map(heading, THEIRS), "published macro F1@0.5"]
    return section(
        "theirs", "By Voxaboxen’s own rule", tag("p", lead, class_="lead"), table(header, rows, caption="Theirs")
    )


def _methods(run: BoxesRun) -> Markup:
    lead = "The method was picked by the mean of F1 at IoU 0.5 and 0.8 on validation, which is too high by the choice."
    rows: list[list[Child]] = []
    for name, row in run.sets.items():
        for method, found in row["probes"].items():
            picked = " (picked)" if method == row["picked"] else ""
            told = [rounded(row["validation"][method]), f"{row['thresholds'][method]:g}"]
            source = pointer("sets", name, "probes", method)
            cells = [estimate(found[m], f"{source}/{m}") if m in found else MISSING for m in OURS[:2]]
            rows.append([f"{name}: {method}{picked}", *told, *cells])
    header: list[Child] = ["set and method", "validation", "threshold", *map(heading, OURS[:2])]
    return section("methods", "Methods", tag("p", lead, class_="lead"), table(header, rows, caption="Methods"))


def _how(run: BoxesRun) -> Markup:
    rows: list[list[Child]] = []
    for name, row in run.sets.items():
        unknown = f"{row['unknown']:,}"
        rows.append([name, row["clock"], ", ".join(row["labels"]), unknown, row["encoder"], str(row["readings"])])
    header: list[Child] = ["set", "clock", "classes", "unknown events", "encoder", "fits that read the test part"]
    lead = "Pictures of misses and false alarms of a set: tymbal report FOLDER/SET/scores."
    return section("how", "What was run", tag("p", lead, class_="lead"), table(header, rows, caption="What was run"))


def _departures(run: BoxesRun) -> Markup:
    told = [each for found in run.results["departures"].values() for each in found]
    items = [tag("li", f"{severity}: {message}. {mend}") for severity, _, message, mend in told]
    items += [tag("li", f"failed: {name}: {why}") for name, why in run.results["failures"]]
    return section("departures", "Departures", tag("ul", items) if items else tag("p", "None.", class_="lead"))


def _named(name: str, row: Mapping[str, Any]) -> str:
    return name if row["official"] else f"{name} *"


def _found(row: Mapping[str, Any], side: str, metric: str) -> Mapping[str, Any] | None:
    return row[side][row["picked"]].get(metric)  # type: ignore[no-any-return]


def _value(row: Mapping[str, Any], name: str, metric: str) -> Child:
    found = _found(row, "probes", metric)
    source = pointer("sets", name, "probes", row["picked"], metric)
    return MISSING if found is None else estimate(found, source, units=False)


def _with_ceiling(row: Mapping[str, Any], name: str, metric: str) -> Sequence[Child]:
    best = _found(row, "ceilings", metric)
    under = tag("span", f"ceiling {MISSING if best is None else rounded(best['value'])}", class_="sub")
    return [_value(row, name, metric), under]


def _strip(row: Mapping[str, Any], metric: str) -> Child:
    found = _found(row, "probes", metric)
    return "" if found is None else strip(found)
