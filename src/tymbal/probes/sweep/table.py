"""The table of a sweep: one row for every probe and seed, as Parquet, CSV and Markdown."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from tymbal.config import to_plain
from tymbal.jobs import write_text, write_through
from tymbal.probes.study import BASELINE
from tymbal.probes.study.fits import Fit, FitResult
from tymbal.probes.study.results import gather, metrics_of
from tymbal.probes.sweep.compare import Studied
from tymbal.probes.sweep.words import number

NAME, COSTS = "results", "costs.csv"

SCHEMA = pl.Schema(
    {
        "task": pl.String(),
        "encoder": pl.String(),
        "probe": pl.String(),
        "family": pl.String(),
        "head": pl.String(),
        "layers": pl.String(),
        "taps": pl.Int64(),
        "fusion": pl.String(),
        "learning_rate": pl.Float64(),
        "seed": pl.Int64(),
        "metric": pl.String(),
        "score": pl.Float64(),
        "low": pl.Float64(),
        "high": pl.Float64(),
        "units": pl.Int64(),
        "unit_name": pl.String(),
        "examples": pl.Int64(),
        "inner_score": pl.Float64(),
        "picked_in_folds": pl.Int64(),
        "epochs": pl.Float64(),
        "parameters": pl.Int64(),
        "config": pl.String(),
    }
)

COST_SCHEMA = pl.Schema(
    {
        "task": pl.String(),
        "encoder": pl.String(),
        "probe": pl.String(),
        "seed": pl.Int64(),
        "cpu_s": pl.Float64(),
        "choosing_cpu_s": pl.Float64(),
    }
)


def probe_table(studies: Sequence[Studied]) -> pl.DataFrame:
    """All probes of all studies.

    score, low, high : on the test folds together, of this seed alone, the interval over units. inner_score : mean over
    test folds of the score inside the training folds (seed 0), which picks are made by. epochs, parameters : mean and
    most over the test folds. The same plan gives the same table: no clock is in it.
    """
    return pl.DataFrame([row for each in studies for row in _rows(each)], schema=SCHEMA, orient="row")


def cost_table(studies: Sequence[Studied]) -> pl.DataFrame:
    """What every probe cost, row for row with `probe_table`; differs from run to run.

    cpu_s : CPU seconds of the fits that were tested; choosing_cpu_s : of those inside the training folds, in the row of
    seed 0.
    """
    rows: list[tuple[Any, ...]] = []
    for each in studies:
        for name, seed, tested in _fitted(each):
            inner = [fit.cpu_s for key, fit in each.outcome.inner.items() if key.probe == name and not seed]
            spent = sum(found.cpu_s for found in tested.values())
            rows.append((each.task, each.encoder, name, seed, round(spent, 4), round(sum(inner), 4)))
    return pl.DataFrame(rows, schema=COST_SCHEMA, orient="row")


def _fitted(studied: Studied) -> Iterator[tuple[str, int, dict[Fit, FitResult]]]:
    """(probe, seed, its tested fits) in the order of the table."""
    for name in studied.outcome.probes:
        own = {fit: found for fit, found in studied.outcome.tested.items() if fit.probe == name}
        for seed in sorted({fit.seed for fit in own}):
            yield name, seed, {fit: found for fit, found in own.items() if fit.seed == seed}


def _rows(studied: Studied) -> Iterator[dict[str, Any]]:
    outcome = studied.outcome
    picks = list(studied.pick().values())
    for name, seed, tested in _fitted(studied):
        entry, config = studied.entries.get(name), outcome.probes[name]
        inner = [score for fold in outcome.choices if (score := studied.inner(fold, name)) is not None]
        yield {
            "task": studied.task,
            "encoder": studied.encoder,
            "probe": name,
            "family": entry.family if entry else BASELINE,
            "head": config.head,
            "layers": entry.layers if entry else "+".join(config.layers),
            "taps": len(config.layers),
            "fusion": entry.fusion if entry else None,
            "learning_rate": entry.learning_rate if entry else None,
            "seed": seed,
            "metric": outcome.config.metric,
            **_score(studied, name, tested),
            "inner_score": sum(inner) / len(inner) if inner else None,
            "picked_in_folds": picks.count(name),
            **_size(tested),
            "config": json.dumps(to_plain(config), sort_keys=True),
        }


def _score(studied: Studied, probe: str, tested: Mapping[Fit, FitResult]) -> dict[str, Any]:
    task, metric = studied.outcome.task, studied.outcome.config.metric
    scored = gather(task, tested, dict.fromkeys(studied.outcome.choices, probe))
    found = metrics_of(task, scored, (metric,))[0][metric]
    names = ("low", "high", "units", "unit_name", "examples")
    return {"score": found["value"], **{name: found[name] for name in names}}


def _size(tested: Mapping[Fit, FitResult]) -> dict[str, Any]:
    notes = [found.notes for found in tested.values()]
    epochs = [note["epochs"] for note in notes if note.get("epochs") is not None]
    sizes = [note["parameters"] for note in notes if note.get("parameters") is not None]
    return {
        "epochs": sum(epochs) / len(epochs) if epochs else None,
        "parameters": max(sizes) if sizes else None,
    }


def write_tables(studies: Sequence[Studied], results: Mapping[str, Any], out: Path) -> None:
    """results.parquet, .csv and .md, the last with what the numbers do and do not show above them; costs.csv."""
    table = probe_table(studies)
    write_through(out / COSTS, lambda file: cost_table(studies).write_csv(file))
    write_through(out / f"{NAME}.parquet", lambda file: table.write_parquet(file, compression="zstd", statistics=False))
    write_through(out / f"{NAME}.csv", lambda file: table.write_csv(file))
    write_text(out / f"{NAME}.md", markdown(table, results))


def markdown(table: pl.DataFrame, results: Mapping[str, Any]) -> str:
    """The words, heads × last or all layers, then every probe, best inner score of each task and encoder first."""
    parts = ["# Sweep", "", *[f"**{part['about']}.** {part['text']}\n" for part in results["words"]]]
    parts += [*_by_layers(results), "## Every probe", ""]
    parts.append(
        "Ordered by the score inside the training folds, which picks are made by; brackets are 95 % intervals."
    )
    header = ("task", "encoder", "probe", "layers", "fusion", "rate", "seed", "score", "inner", "picked in", "epochs",
              "parameters")  # fmt: skip
    parts += ["", f"| {' | '.join(header)} |", f"|{'---|' * len(header)}"]
    ordered = table.sort("inner_score", descending=True, nulls_last=True, maintain_order=True)
    ordered = ordered.sort("task", "encoder", maintain_order=True)
    for row in ordered.iter_rows(named=True):
        parts.append("| " + " | ".join(cell.replace("|", "\\|") for cell in _cells(row)) + " |")
    return "\n".join(parts) + "\n"


def _by_layers(results: Mapping[str, Any]) -> Iterator[str]:
    """One row for every task, encoder and head that has probes of both the last layer and all of them."""
    rows = [
        (task, encoder, family, found["by_layers"], found["all_over_last"])
        for task, row in results["tasks"].items()
        for encoder, inside in row["encoders"].items()
        for family, found in inside["families"].items()
        if found["all_over_last"] is not None
    ]
    if not rows:
        return
    yield from ("## Last layer and all layers", "", "| task | encoder | head | last | all | all − last |")
    yield "|---|---|---|---|---|---|"
    for task, encoder, family, by_layers, gain in rows:
        cells = [task, encoder, family, number(by_layers["last"]), number(by_layers["all"]), number(gain, "+")]
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
    yield ""


def _cells(row: Mapping[str, Any]) -> list[str]:
    def shown(value: float | None, pattern: str) -> str:
        return "–" if value is None else format(value, pattern)

    score = shown(row["score"], ".3f")
    if row["low"] is not None:
        score += f" [{row['low']:.3f}, {row['high']:.3f}]"
    rate = shown(row["learning_rate"], "g")
    picked = str(row["picked_in_folds"]) if row["picked_in_folds"] else "–"
    taken = row["layers"] if row["taps"] == 1 or row["layers"] != "all" else f"all {row['taps']}"
    sizes = [shown(row["epochs"], ".0f"), shown(row["parameters"], ",d")]
    return [row["task"], row["encoder"], row["probe"], taken, row["fusion"] or "–", rate, str(row["seed"]), score,
            shown(row["inner_score"], ".3f"), picked, *sizes]  # fmt: skip
