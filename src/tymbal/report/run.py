"""A finished RUN directory, read and checked: run.toml, results.json, predictions.parquet."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from tymbal.errors import DataError

MEND = "Give the directory that tymbal probe wrote, or run it again."
PREDICTED = {"probe", "seed", "fold", "group", "event_id", "recording", "onset_s", "offset_s", "reference", "predicted"}


@dataclass(frozen=True)
class Run:
    """What `tymbal probe` kept.

    parameters : run.toml. results : results.json. predictions : one row per probe, seed and test example.
    """

    path: Path
    parameters: Mapping[str, Any]
    results: Mapping[str, Any]
    predictions: pl.DataFrame

    @property
    def task(self) -> Mapping[str, Any]:
        return self.results["task"]  # type: ignore[no-any-return]

    @property
    def labels(self) -> list[str]:
        """Label names in the order of the score columns."""
        return [str(label) for label in self.task["labels"]]

    @property
    def multilabel(self) -> bool:
        """Whether an example may carry several labels or none; references are then lists."""
        return bool(self.task.get("multilabel"))

    @property
    def primary(self) -> str:
        """The metric that choices were made by."""
        return str(self.task["primary"])

    @property
    def unit_name(self) -> str:
        """What was resampled, singular."""
        return str(self.task.get("unit_name") or "unit")

    @property
    def provenance(self) -> Mapping[str, Any]:
        return self.results.get("provenance") or {}

    def described(self, name: str) -> str:
        """A probe in words: its head and layers, "logistic on mfcc", "linear on all 5 layers"."""
        config = self.results["probes"].get(name, {}).get("config") or {}
        chosen, stored = config.get("layers"), len(self.provenance.get("layers") or [])
        if not isinstance(chosen, list):
            layers = f"{chosen} layer" + ("s" if chosen == "all" else "") if chosen else "unnamed layers"
        else:
            layers = f"all {stored} layers" if 1 < stored == len(chosen) else " + ".join(map(str, chosen))
        return f"{config.get('head') or 'a head'} on {layers}"

    def ordered_layers(self, weights: Mapping[str, Any]) -> dict[str, Any]:
        """Layer weights from input to output, as the store has the layers."""
        known = [str(layer.get("name")) for layer in self.provenance.get("layers") or []]
        rest = [name for name in weights if name not in known]
        return {name: weights[name] for name in (*known, *rest) if name in weights}

    @property
    def choices(self) -> dict[str, str]:
        """fold -> the probe picked inside its training folds; empty where none was picked."""
        chosen = (self.results.get("selected") or {}).get("choices") or {}
        return {str(fold): str(probe) for fold, probe in chosen.items()}

    @property
    def finetuned(self) -> bool:
        """Whether the encoder was trained with the head: a run of `tymbal finetune`."""
        return "finetuned" in self.results["probes"]

    @property
    def headline(self) -> tuple[Mapping[str, Any], str, str]:
        """(metrics, JSON pointer, name) of what the page is about: the picked probes, else the first probe."""
        from tymbal.report.numbers import pointer

        selected = (self.results.get("selected") or {}).get("metrics") or {}
        if self.primary in selected:
            who = "the fine-tuned encoder" if self.finetuned else "the probe picked inside the training folds"
            return selected, "/selected/metrics", who
        name = next(iter(self.results["probes"]))
        return self.results["probes"][name]["metrics"], pointer("probes", name, "metrics"), f"the probe {name}"

    def shown(self) -> pl.DataFrame:
        """The predictions behind the headline, one row per test example: each fold's picked probe, first seed."""
        return self._seed(self._picked(), 0)

    def shown_seeds(self) -> pl.DataFrame:
        """The same for all seeds together, as the headline has it: a probe of fewer seeds is repeated."""
        rows = self._picked()
        most = max(rows.group_by("fold").agg(pl.col("seed").n_unique())["seed"].to_list(), default=1)
        return pl.concat([self._seed(rows, number) for number in range(most)])

    def _picked(self) -> pl.DataFrame:
        rows = self.predictions.with_columns(pl.col("fold").cast(pl.String))
        if "unit" not in rows.columns:
            rows = rows.with_columns(pl.col("group").alias("unit"))
        if not self.choices:
            return rows.filter(pl.col("probe") == next(iter(self.results["probes"])))
        chosen = pl.DataFrame({"fold": list(self.choices), "probe": list(self.choices.values())})
        return rows.join(chosen, on=["fold", "probe"], how="semi")

    @staticmethod
    def _seed(rows: pl.DataFrame, number: int) -> pl.DataFrame:
        rank = (pl.col("seed").rank("dense") - 1).over("fold")
        rows = rows.filter(rank == number % (rank.max().over("fold") + 1))
        return rows.sort("recording", "onset_s", "event_id", nulls_last=False)

    def find(self, name: str) -> Any:
        """A parameter by name, from provenance, the top of run.toml or one of its tables."""
        tables = [self.provenance, self.parameters, *(t for t in self.parameters.values() if isinstance(t, dict))]
        return next((table[name] for table in tables if table.get(name) not in (None, "")), None)


def open_run(path: Path | str) -> Run:
    """Read a RUN directory. Raises DataError naming the file that is missing or damaged and the field it lacks."""
    path = Path(path)
    results = _results(path / "results.json")
    run = Run(path, _toml(path / "run.toml"), results, _predictions(path / "predictions.parquet", results))
    if run.shown().is_empty():
        raise DataError(
            "no prediction of the probes that results.json names", where=path / "predictions.parquet", mend=MEND
        )
    return run


def _results(path: Path) -> Mapping[str, Any]:
    try:
        results = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DataError("no such file", where=path, mend=MEND) from error
    except ValueError as error:
        raise DataError(f"not valid JSON: {error}", where=path, mend=MEND) from error
    task = results.get("task") if isinstance(results, dict) else None
    lacking = [name for name in ("labels", "metrics", "primary") if not isinstance(task, dict) or not task.get(name)]
    if lacking or not results.get("probes"):
        raise DataError(f"it lacks {'task.' + lacking[0] if lacking else 'probes'}", where=path, mend=MEND)
    return results  # type: ignore[no-any-return]


def _toml(path: Path) -> Mapping[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DataError("no such file", where=path, mend=MEND) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"not valid TOML: {error}", where=path, mend=MEND) from error


def _predictions(path: Path, results: Mapping[str, Any]) -> pl.DataFrame:
    try:
        table = pl.read_parquet(path, glob=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(f"cannot be read as Parquet: {error}", where=path, mend=MEND) from error
    lacking = sorted(PREDICTED - set(table.columns))
    if lacking:
        raise DataError(f"no column {lacking[0]!r}", where=path, allowed=", ".join(sorted(PREDICTED)), mend=MEND)
    labels = {str(label) for label in results["task"]["labels"]}
    said = [table["reference"], table["predicted"]]
    if results["task"].get("multilabel"):
        if any(column.dtype != pl.List(pl.String) for column in said) or "scores" not in table.columns:
            raise DataError(
                "examples of several labels need lists of them and scores",
                where=path,
                allowed="lists of text",
                mend=MEND,
            )
        said = [column.explode().drop_nulls() for column in said]
    strange = {label for column in said for label in column.unique()}
    if strange - labels:
        odd = sorted(str(label) for label in strange - labels)[0]
        raise DataError(f"label {odd!r} is not among task.labels of results.json", where=path, mend=MEND)
    return table
