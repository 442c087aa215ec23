"""A finished sweep, read and checked: plan.toml, results.json, results.parquet, costs.csv."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from tymbal.errors import DataError

MEND = "Run the same `tymbal sweep` command again: it goes on where it stopped."
PLAN, RESULTS, TABLE, COSTS = "plan.toml", "results.json", "results.parquet", "costs.csv"
_NEEDED = {"task", "encoder", "probe", "layers", "seed", "score", "low", "high", "inner_score", "parameters"}
_KEY = ["task", "encoder", "probe", "seed"]
_CLOCK = ["cpu_s", "choosing_cpu_s"]


@dataclass(frozen=True)
class Sweep:
    """What `tymbal sweep` kept. table : one row per probe and seed, with its CPU seconds."""

    path: Path
    plan: Mapping[str, Any]
    results: Mapping[str, Any]
    table: pl.DataFrame

    @property
    def tasks(self) -> dict[str, Mapping[str, Any]]:
        """Tasks by name, in the order of the plan."""
        return {name: self.results["tasks"][name] for name in self.results["order"]["tasks"]}

    def encoders(self, task: str) -> dict[str, Mapping[str, Any]]:
        """Encoders of a task by name, in the order of the plan; those that failed are not there."""
        found = self.results["tasks"][task]["encoders"]
        return {name: found[name] for name in self.results["order"]["encoders"] if name in found}

    def families(self, task: str) -> list[str]:
        """Grids of probes that any encoder of a task has, in the order of the plan."""
        having = {family for found in self.encoders(task).values() for family in found["families"]}
        return [name for name in self.results["order"]["families"] if name in having]


def is_sweep(path: Path | str) -> bool:
    """Whether a folder holds a sweep, finished or not."""
    return (Path(path) / PLAN).is_file() and not (Path(path) / "corpus.toml").is_file()  # made scenes have a plan too


def open_sweep(path: Path | str) -> Sweep:
    """Read a sweep's folder. Raises DataError naming the file that is missing or damaged, as in one that is not
    finished."""
    path = Path(path)
    try:
        results = json.loads((path / RESULTS).read_text(encoding="utf-8"))
        if not isinstance(results, dict) or not {"tasks", "order", "words", "gains"} <= results.keys():
            raise ValueError("it is not what a sweep leaves")
    except FileNotFoundError as error:
        raise DataError("the sweep is not finished: there is no results.json", where=path, mend=MEND) from error
    except ValueError as error:
        raise DataError(f"not the results of a sweep: {error}", where=path / RESULTS, mend=MEND) from error
    try:
        plan = tomllib.loads((path / PLAN).read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"cannot be read as TOML: {error}", where=path / PLAN, mend=MEND) from error
    return Sweep(path, plan, results, _table(path))


def _table(path: Path) -> pl.DataFrame:
    try:
        table = pl.read_parquet(path / TABLE, glob=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(f"cannot be read as Parquet: {error}", where=path / TABLE, mend=MEND) from error
    if not set(table.columns) >= _NEEDED:
        lacking = sorted(_NEEDED - set(table.columns))[0]
        raise DataError(f"no column {lacking!r}", where=path / TABLE, mend=MEND)
    try:
        costs = pl.read_csv(path / COSTS, glob=False, schema_overrides=dict.fromkeys(_KEY[:3], pl.String))
        costs = costs.select(*_KEY, *_CLOCK)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(f"not the costs of a sweep: {error}", where=path / COSTS, mend=MEND) from error
    return table.drop(_CLOCK, strict=False).join(costs, on=_KEY, how="left", maintain_order="left")
