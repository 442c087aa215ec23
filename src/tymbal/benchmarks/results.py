"""Ours beside the published numbers: Markdown to read, Parquet to compute with, JSON with everything."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from tymbal.benchmarks.dataset import BenchmarkSet
from tymbal.benchmarks.published import published
from tymbal.benchmarks.published import table as published_table
from tymbal.benchmarks.verify import Verification
from tymbal.jobs import write_json, write_text, write_through

ROWS = pl.Schema(
    {
        "benchmark": pl.String(),
        "set": pl.String(),
        "metric": pl.String(),
        "whose": pl.String(),  # "ours" or "published"
        "model": pl.String(),  # our probe or embedding; the published model
        "picked": pl.Boolean(),
        "value": pl.Float64(),
        "low": pl.Float64(),
        "high": pl.Float64(),
        "units": pl.Int64(),
        "unit_name": pl.String(),
        "examples": pl.Int64(),
        "source": pl.String(),
        "note": pl.String(),
    }
)


def result_rows(benchmark: str, described: BenchmarkSet, result: Mapping[str, Any]) -> pl.DataFrame:
    """Long table (ROWS) of one set: every probe and embedding score of ours, every published value of its metrics."""
    rows: list[dict[str, Any]] = []

    def ours(model: str, metric: str, found: Mapping[str, Any], picked: bool) -> None:
        kept = {name: found[name] for name in ("value", "low", "high", "units", "unit_name", "examples", "note")}
        rows.append({"whose": "ours", "model": model, "metric": metric, "picked": picked, "source": "this run", **kept})

    for name, metrics in result.get("probes", {}).items():
        for metric, found in metrics.items():
            ours(name, metric, found, name == result["picked"])
    for metric, found in result.get("embedding", {}).items():
        ours(f"mean of {result['layer']}", metric, found, True)
    name = described.published or described.name
    if name in published_table()["dataset"]:
        for metric in described.metrics:
            for model, own, value, source, _ in published(benchmark, name, metric).iter_rows():
                rows.append(
                    {
                        "whose": "published",
                        "model": model,
                        "metric": metric,
                        "picked": False,
                        "value": value,
                        "source": source,
                        "note": own,
                    }
                )
    named = [{"benchmark": benchmark, "set": described.name, **row} for row in rows]
    return pl.DataFrame(named, schema=ROWS)


def write_results(
    out: Path,
    benchmark: str,
    verified: Sequence[Verification],
    results: Mapping[str, Mapping[str, Any]],
    failures: Sequence[tuple[str, str]],
    page: Callable[..., str] | None = None,
) -> None:
    """OUT/results.parquet (ROWS), results.json and results.md, which `page` writes; None: `markdown`."""
    ran = [found.described for found in verified if found.described.name in results]
    parts = [result_rows(benchmark, described, results[described.name]) for described in ran]
    table = pl.concat([pl.DataFrame(schema=ROWS), *parts])
    write_through(out / "results.parquet", lambda file: table.write_parquet(file, compression="zstd", statistics=False))
    found = {
        each.described.name: [[d.severity, d.code, d.message, d.mend] for d in each.departures] for each in verified
    }
    content = {
        "benchmark": benchmark,
        "sets": dict(results),
        "departures": found,
        "failures": [list(f) for f in failures],
    }
    write_json(out / "results.json", content)
    write_text(out / "results.md", (page or markdown)(benchmark, table, verified, results, failures))


def markdown(
    benchmark: str,
    table: pl.DataFrame,
    verified: Sequence[Verification],
    results: Mapping[str, Mapping[str, Any]],
    failures: Sequence[tuple[str, str]],
) -> str:
    """The results as a page: a line per set and metric, then every probe, then what departs from the official sets."""
    lines = [f"# {benchmark}", ""]
    lines += [
        "Ours: the probe picked on validation, or the mean of the last layer; 95 % intervals resample the unit.",
        "Published: the best and the middle one of the models whose number we know, of whatever kind (frozen or not).",
        "",
        "| set | metric | ours | units | picked | best published | median | models | source |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for (name, metric), rows in table.group_by("set", "metric", maintain_order=True):
        for own in rows.filter((pl.col("whose") == "ours") & pl.col("picked")).iter_rows(named=True):
            best, middle, models, source = published_cells(rows.filter(pl.col("whose") == "published"))
            star = "" if results[str(name)]["official"] else " *"
            units = f"{own['units']} {own['unit_name']}s"
            cells = [f"{name}{star}", metric, _interval(own), units, own["model"], best, middle, models, source]
            lines.append("| " + " | ".join(str(cell) for cell in cells) + " |")
    lines += ["", "`*`: what lies here is not what was published (below); such a number is not comparable.", ""]
    lines += ["## Every probe", "", "| set | metric | probe | value |", "|---|---|---|---|"]
    for row in table.filter(pl.col("whose") == "ours").iter_rows(named=True):
        lines.append(f"| {row['set']} | {row['metric']} | {row['model']} | {_interval(row)} |")
    lines += ["", "## Departures", "", *departure_lines(verified, results, failures)]
    return "\n".join(lines) + "\n"


def departure_lines(
    verified: Sequence[Verification],
    results: Mapping[str, Mapping[str, Any]],
    failures: Sequence[tuple[str, str]],
) -> list[str]:
    """A line for everything that departs from the official sets, is inferred, or failed."""
    told = [(each.severity, each.message, each.mend) for found in verified for each in found.departures]
    lines = [f"- {severity}: {message}. {mend}" for severity, message, mend in told] or ["None."]
    unsure = [f.described for f in verified if not f.described.certain and f.described.name in results]
    lines += [f"- inferred: {described.name}: {described.remark}" for described in unsure]
    return [*lines, *(f"- failed: {name}: {reason}" for name, reason in failures)]


def _interval(row: Mapping[str, Any]) -> str:
    if row["low"] is None:
        return f"{row['value']:.3f} (no interval)"
    return f"{row['value']:.3f} [{row['low']:.3f}, {row['high']:.3f}]"


def published_cells(rows: pl.DataFrame) -> tuple[str, str, int, str]:
    """The best published value with its model, the middle one, how many models, and where the best stands."""
    if rows.is_empty():
        return "-", "-", 0, "nothing published that we know of"
    best = rows.sort("value", descending=True, maintain_order=True).row(0, named=True)
    middle = f"{float(rows['value'].median()):.3f}"  # type: ignore[arg-type]
    return f"{best['value']:.3f} ({best['model']})", middle, rows.height, str(best["source"])
