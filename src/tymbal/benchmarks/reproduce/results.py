"""The study's table: four probes of every encoder on every set, published values beside those of trained encoders."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from tymbal.benchmarks.dataset import BenchmarkSet
from tymbal.benchmarks.published import SOURCES, published
from tymbal.benchmarks.reproduce.models import AtHand, Model
from tymbal.benchmarks.reproduce.plan import StudyPlan
from tymbal.benchmarks.reproduce.preset import CLAIMS, DEPARTURES, HEADS, LAYERS, PAPER, SOURCE, TASKS
from tymbal.evaluation import Difference, PairedMean, mean_over_sets
from tymbal.jobs import write_json, write_text, write_through

ROWS = pl.Schema(
    {
        "model": pl.String(),
        "kind": pl.String(),
        "weights": pl.String(),  # "trained", or random ones: a floor
        "family": pl.String(),
        "set": pl.String(),
        "official": pl.Boolean(),  # whether the set is as published
        "metric": pl.String(),
        "layers": pl.String(),  # "last", "all", or "fine-tuned": the whole encoder trained with the head on its last
        "head": pl.String(),  # "linear", "attention"
        "value": pl.Float64(),
        "low": pl.Float64(),
        "high": pl.Float64(),
        "units": pl.Int64(),
        "unit_name": pl.String(),
        "examples": pl.Int64(),
        "note": pl.String(),
        "published": pl.Float64(),  # null: none, or weights that were not trained
        "source": pl.String(),
    }
)
_NO_TEST = "A mean over fewer sets, over sets with `*` or of random weights is no test of it."
TUNED = ("fine-tuned", "linear")
PROBES = tuple((layers, head) for head in HEADS for layers in LAYERS)


def published_value(model: Model, described: BenchmarkSet) -> float | None:
    """The published value of an encoder's frozen last layer under a linear probe; None where we know none."""
    rows = published("what-matters", described.published, described.metrics[0])
    found = rows.filter((pl.col("model") == model.published) & (pl.col("source") == SOURCE))
    return None if found.is_empty() else float(found["value"][0])


def study_rows(plan: StudyPlan, results: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> pl.DataFrame:
    """Long table (ROWS): encoder × set × layers × head.

    A published value stands beside the last layer's linear probe of a trained encoder alone: random weights are
    comparable with nothing published, and the other three probes were published as a figure only.
    """
    rows = []
    for at in plan.models:
        for family, sets in TASKS.items():
            for described in sets:
                row = results.get(at.folder, {}).get(described.name)
                if row is not None:
                    rows += _rows_of(at, family, described, row)
    return pl.DataFrame(rows, schema=ROWS)


def _rows_of(at: AtHand, family: str, described: BenchmarkSet, row: Mapping[str, Any]) -> list[dict[str, Any]]:
    metric, rows = described.metrics[0], []
    for layers, head in (*PROBES, TUNED):
        own = row.get("fine_tuned", {}) if layers == TUNED[0] else row["probes"].get(f"{HEADS[head]}-{layers}", {})
        found = own.get(metric)
        if found is None:
            continue
        comparable = at.trained and (layers, head) == ("last", "linear")
        value = published_value(at.model, described) if comparable else None
        rows.append(
            {
                "model": at.model.name,
                "kind": at.model.kind,
                "weights": at.weights,
                "family": family,
                "set": described.name,
                "official": row["official"],
                "metric": metric,
                "layers": layers,
                "head": head,
                **{name: found[name] for name in ("value", "low", "high", "units", "unit_name", "examples", "note")},
                "published": value,
                "source": None if value is None else SOURCE,
            }
        )
    return rows


def cells(table: pl.DataFrame) -> tuple[tuple[str, str], ...]:
    """(layers, head) of the columns of a table: the four probes, and fine-tuning where any encoder was."""
    return (*PROBES, TUNED) if TUNED[0] in table["layers"] else PROBES


def study_gains(
    plan: StudyPlan, results: Mapping[str, Mapping[str, Mapping[str, Any]]]
) -> dict[tuple[str, str, str], Difference]:
    """(encoder's title, family, head) -> mean gain of all layers over the last over the sets that were run."""
    found: dict[tuple[str, str, str], Difference] = {}
    for at in plan.models:
        own = results.get(at.folder, {})
        for family, sets in TASKS.items():
            for head, ours in HEADS.items():
                gains = {each.name: own.get(each.name, {}).get("gains", {}) for each in sets}
                name = f"{ours}-all - {ours}-last"
                parts = {key: PairedMean(**gain[name]) for key, gain in gains.items() if name in gain}
                if parts:
                    found[at.title, family, head] = mean_over_sets(parts)
    return found


def write_study(
    out: Path,
    plan: StudyPlan,
    table: pl.DataFrame,
    results: Mapping[str, Mapping[str, Mapping[str, Any]]],
    skipped: Sequence[tuple[str, str]],
    failures: Sequence[tuple[str, str]],
) -> None:
    """OUT/results.parquet and .csv (ROWS), results.json and results.md."""
    write_through(out / "results.parquet", lambda file: table.write_parquet(file, compression="zstd", statistics=False))
    write_through(out / "results.csv", lambda file: table.write_csv(file))
    gains = study_gains(plan, results)
    content = {
        "paper": PAPER,
        "fine_tuning": plan.about_fine_tuning,
        "departures": list(DEPARTURES),
        "results": {name: dict(found) for name, found in results.items()},
        "gains": [
            {"model": model, "family": family, "head": head, "value": gain.value, "low": gain.low, "high": gain.high}
            | {"sets": sorted(gain.per_unit), "note": gain.note}
            for (model, family, head), gain in gains.items()
        ],
        "skipped": [list(each) for each in skipped],
        "failures": [list(each) for each in failures],
    }
    write_json(out / "results.json", content)
    write_text(out / "results.md", markdown(table, gains, skipped, failures, plan.about_fine_tuning))


def markdown(
    table: pl.DataFrame,
    gains: Mapping[tuple[str, str, str], Difference],
    skipped: Sequence[tuple[str, str]],
    failures: Sequence[tuple[str, str]],
    upper: str,
) -> str:
    """The results as a page: trained encoders beside published values, floors apart, gains, what was not run."""
    trained = table.filter(pl.col("weights") == "trained")
    floors = table.filter(pl.col("weights") != "trained")
    lines = [f"# The probing study ({PAPER})", ""]
    lines += [
        "Four probes on each encoder's frozen features, fitted to training, the best epoch kept on validation, scored",
        "once on test; 95 % intervals resample the set's highest unit. `*`: what lies here is not the published set.",
        f"{upper}.",
        "",
        "## Trained encoders",
        "",
    ]
    if trained.is_empty():
        lines += ["None: no published weights were at hand, so nothing here speaks about the paper.", ""]
    else:
        lines += [f"Published: {SOURCES[SOURCE]}.", "", *_cells(trained, beside=True), ""]
    if not floors.is_empty():
        lines += [
            "## Floor: random weights",
            "",
            "The same architectures, never trained: what any trained encoder must beat, comparable with nothing",
            "published.",
            "",
            *_cells(floors, beside=False),
            "",
        ]
    lines += _gain_lines(gains, set(trained["model"]))
    lines += ["## Where this is not the paper", "", *(f"- {each}" for each in DEPARTURES), ""]
    left = [*(("not run", *each) for each in skipped), *(("failed", *each) for each in failures)]
    if left:
        lines += ["## Left out", "", *(f"- {state}: {name}: {reason}" for state, name, reason in left), ""]
    return "\n".join(lines)


def _cells(table: pl.DataFrame, *, beside: bool) -> list[str]:
    columns = cells(table)
    header = ["encoder", "set", "metric", *(f"{head}, {layers}" for layers, head in columns), "units"]
    header += ["published linear, last"] if beside else []
    lines = [_line(header), _line(["---"] * len(header))]
    for (model, weights, name), rows in table.group_by("model", "weights", "set", maintain_order=True):
        first = rows.row(0, named=True)
        star = "" if first["official"] else " *"
        found = {(row["layers"], row["head"]): row for row in rows.iter_rows(named=True)}
        told = [_interval(found[cell]) if cell in found else "-" for cell in columns]
        title = str(model) if weights == "trained" else f"{model} ({weights})"
        line = [title, f"{name}{star}", first["metric"], *told, f"{first['units']} {first['unit_name']}s"]
        if beside:
            values = rows["published"].drop_nulls()
            line.append("none known" if values.is_empty() else f"{values[0]:.3f}")
        lines.append(_line(line))
    return lines


def _gain_lines(gains: Mapping[tuple[str, str, str], Difference], trained: Collection[str]) -> list[str]:
    """Gain of all layers over the last; what the paper's figure shows is told where encoders were trained."""
    if not gains:
        return []
    header = ["encoder", "of", "head", "all - last", "sets"]
    lines = ["## Gain of all layers over the last", "", _line(header), _line(["---"] * len(header))]
    for (model, family, head), gain in gains.items():
        shown = f"{gain.value:+.3f}"
        shown += f" [{gain.low:+.3f}, {gain.high:+.3f}]" if gain.low is not None else f" ({gain.note})"
        lines.append(_line([model, family, head, shown, ", ".join(gain.per_unit)]))
    if any(model in trained for model, _, _ in gains):
        told = "; ".join(f"{each.models} on {each.family} about {each.gain:+.2f}" for each in CLAIMS)
        lines += ["", f"Read off the paper's figure, over all its sets: {told}.", _NO_TEST, ""]
        return lines
    return [*lines, "", "Random weights alone: no test of anything the paper says.", ""]


def _interval(row: Mapping[str, Any]) -> str:
    if row["low"] is None:
        return f"{row['value']:.3f} (no interval)"
    return f"{row['value']:.3f} [{row['low']:.3f}, {row['high']:.3f}]"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
