"""The one writer of a store: shards as they come, then the tables, the manifest last."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tymbal.features import manifest as names
from tymbal.features.manifest import layer_file
from tymbal.features.plan import Stretch
from tymbal.features.work import StretchRows, UnitFailure, UnitRows, fault_rows
from tymbal.jobs import Failure, Outcome, Shard, ShardOutcomes, write_bytes, write_json, write_through

# Failures that another run may not meet again: these shards are worked anew.
PASSING = {
    "WorkerDied",
    "MemoryError",
    "RecordingChangedError",
    "OSError",
    "PermissionError",
    "FileNotFoundError",
    "TimeoutError",
}

FAILURE_COLUMNS = pl.Schema(
    {
        "recording": pl.String(),
        "channel": pl.Int32(),
        "start_s": pl.Float64(),  # null = the whole recording
        "end_s": pl.Float64(),
        "units": pl.Int64(),  # how many neighbouring segments failed alike
        "error": pl.String(),
        "message": pl.String(),
        "trace": pl.String(),
    }
)
FAULT_COLUMNS = pl.Schema(
    {"recording": pl.String(), "channel": pl.Int32(), "code": pl.String(), "message": pl.String()}
)


def file_digest(data: bytes | memoryview) -> str:
    """BLAKE2b-128 of bytes, hex."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


class ShardWriter:
    """Writes shards of a store and knows which are there.

    A shard is one `.npy` file per layer, and a record that is written last: without its record a shard is not there.
    """

    def __init__(
        self, store: Path, layers: Sequence[str], widths: Sequence[int], dtype: str, segment_samples: dict[int, int]
    ) -> None:
        self.store, self.layers, self.widths = store, tuple(layers), tuple(widths)
        self._dtype, self._segment_samples = np.dtype(dtype), segment_samples

    def record_path(self, key: str) -> Path:
        """Where the record of a shard lies."""
        return self.store / names.RECORDS / f"{key}.json"

    def record(self, key: str) -> dict[str, Any] | None:
        """The record of a shard whose files are all there in full length, else None."""
        try:
            record: dict[str, Any] = json.loads(self.record_path(key).read_bytes())
            whole = all((self.store / each["file"]).stat().st_size == each["bytes"] for each in record["layers"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return record if whole else None

    def is_done(self, shard: Shard[Stretch]) -> bool:
        """Whether a shard is saved, and none of its failures could pass when tried again."""
        record = self.record(shard.key)
        return record is not None and not any(row[5] in PASSING for row in record["failures"])

    def save(self, shard: Shard[Stretch], outcomes: ShardOutcomes[StretchRows]) -> None:
        """Write the layers of a shard, then its record."""
        units: list[list[Any]] = []
        parts: list[list[NDArray[Any]]] = [[] for _ in self.layers]
        failures: list[list[Any]] = []
        faults: list[list[Any]] = []
        for stretch, outcome in zip(shard.items, outcomes.outcomes, strict=True):
            for found in self._units(stretch, outcome):
                if isinstance(found, UnitFailure):
                    _add_failure(failures, stretch, found)
                    continue
                grids = [[len(rows.values), rows.first_center_s] for rows in found.layers]
                units.append([stretch.recording, stretch.channel, found.start_s, found.end_s, stretch.rate_hz, grids])
                for part, rows in zip(parts, found.layers, strict=True):
                    part.append(rows.values)
            if outcome.worked is not None:
                faults += fault_rows(stretch, outcome.worked.faults)
        layers = [self._write_layer(position, shard.key, part) for position, part in enumerate(parts)]
        record = {"key": shard.key, "layers": layers, "units": units, "failures": failures, "faults": faults}
        write_json(self.record_path(shard.key), record)

    def _units(self, stretch: Stretch, outcome: Outcome[StretchRows]) -> Iterator[UnitRows | UnitFailure]:
        if outcome.worked is not None:
            yield from outcome.worked.value.units
        elif outcome.failure is not None:
            for number in range(stretch.first, stretch.first + stretch.units):
                start, end = stretch.bounds(number, self._segment_samples[stretch.rate_hz])
                yield UnitFailure(start / stretch.rate_hz, end / stretch.rate_hz, outcome.failure)

    def _write_layer(self, position: int, key: str, parts: list[NDArray[Any]]) -> dict[str, Any]:
        empty = np.empty((0, self.widths[position]), dtype=self._dtype)
        array = np.concatenate([empty, *parts])
        parts.clear()
        buffer = io.BytesIO()
        np.lib.format.write_array(buffer, array, allow_pickle=False)
        data = buffer.getbuffer()
        file = layer_file(position, self.layers[position], key)
        write_bytes(self.store / file, data)
        return {"file": file, "rows": len(array), "bytes": len(data), "digest": file_digest(data)}

    def clear_others(self, keys: set[str]) -> int:
        """Delete shards that no longer belong to the plan (of an earlier corpus); returns how many files."""
        kept_layers = {layer_file(position, name, "")[: -len("/.npy")] for position, name in enumerate(self.layers)}
        gone = 0
        for path in [*self.store.glob(f"{names.RECORDS}/*.json"), *self.store.glob(f"{names.LAYERS}/*/*.npy")]:
            is_record = path.suffix == ".json"
            folder = path.parent.relative_to(self.store).as_posix()
            if path.stem not in keys or not (is_record or folder in kept_layers):
                path.unlink()
                gone += 1
        return gone


def _add_failure(rows: list[list[Any]], stretch: Stretch, unit: UnitFailure) -> None:
    failure = unit.failure
    told = [failure.error, failure.message, failure.trace]
    place = [stretch.recording, stretch.channel]
    if rows and rows[-1][:2] == place and rows[-1][3] == unit.start_s and rows[-1][5:] == told:
        rows[-1][3], rows[-1][4] = unit.end_s, rows[-1][4] + 1
    else:
        rows.append([*place, unit.start_s, unit.end_s, 1, *told])


def failure_table(planned: Iterable[Failure], records: Iterable[dict[str, Any]]) -> pl.DataFrame:
    """All failures in plan order; neighbouring segments that failed alike are one row."""
    rows: list[list[Any]] = [[each.item, None, None, None, 0, each.error, each.message, each.trace] for each in planned]
    for record in records:
        for row in record["failures"]:
            last = rows[-1] if rows else None
            if last is not None and last[:2] == row[:2] and last[5:] == row[5:] and last[3] == row[2]:
                last[3], last[4] = row[3], last[4] + row[4]
            else:
                rows.append(list(row))
    return pl.DataFrame(rows, schema=FAILURE_COLUMNS, orient="row")


def fault_table(records: Iterable[dict[str, Any]]) -> pl.DataFrame:
    """What was odd about recordings that were embedded all the same, each once, in plan order."""
    seen = {tuple(row): None for record in records for row in record["faults"]}
    return pl.DataFrame([list(row) for row in seen], schema=FAULT_COLUMNS, orient="row")


def unit_table(
    layers: Sequence[str], records: Iterable[dict[str, Any]], hashes: Mapping[str, str] | None = None
) -> pl.DataFrame:
    """The row-range index: one row per unit, per layer its first row, number of rows and first centre.

    `hashes`: content hash of every recording as it was embedded, which rides along.
    """
    parts = [_record_units(layers, record["units"]) for record in records]
    table = pl.concat([_record_units(layers, []), *parts], rechunk=True)
    ranges = []
    for name in layers:
        rows = pl.col(f"{name}.rows")
        ranges += [(rows.cum_sum() - rows).alias(f"{name}.first_row"), rows, pl.col(f"{name}.first_center_s")]
    known = pl.col("recording").replace_strict(dict(hashes or {}), default=None, return_dtype=pl.String)
    return table.select(
        pl.int_range(pl.len(), dtype=pl.Int64).alias("unit"),
        "recording",
        known.alias("content_hash"),
        "channel",
        "start_s",
        "end_s",
        "sample_rate_hz",
        *ranges,
    )


def _record_units(layers: Sequence[str], units: list[list[Any]]) -> pl.DataFrame:
    columns: dict[str, pl.Series] = {
        "recording": pl.Series([unit[0] for unit in units], dtype=pl.String),
        "channel": pl.Series([unit[1] for unit in units], dtype=pl.Int32),
        "start_s": pl.Series([unit[2] for unit in units], dtype=pl.Float64),
        "end_s": pl.Series([unit[3] for unit in units], dtype=pl.Float64),
        "sample_rate_hz": pl.Series([unit[4] for unit in units], dtype=pl.Int64),
    }
    for position, name in enumerate(layers):
        columns[f"{name}.rows"] = pl.Series([unit[5][position][0] for unit in units], dtype=pl.Int64)
        columns[f"{name}.first_center_s"] = pl.Series([unit[5][position][1] for unit in units], dtype=pl.Float64)
    return pl.DataFrame(columns)


def shard_table(layers: Sequence[str], records: Iterable[dict[str, Any]]) -> pl.DataFrame:
    """Every layer file in row order: shard, key, layer, file, rows, bytes, digest."""
    schema = {
        "shard": pl.Int64,
        "key": pl.String,
        "layer": pl.String,
        "file": pl.String,
        "rows": pl.Int64,
        "bytes": pl.Int64,
        "digest": pl.String,
    }
    rows = [
        [index, record["key"], name, each["file"], each["rows"], each["bytes"], each["digest"]]
        for index, record in enumerate(records)
        for name, each in zip(layers, record["layers"], strict=True)
    ]
    return pl.DataFrame(rows, schema=schema, orient="row")


def write_table(path: Path, table: pl.DataFrame) -> str:
    """Write Parquet atomically, and CSV beside it for failures and faults; returns the digest of the Parquet bytes."""
    buffer = io.BytesIO()
    table.write_parquet(buffer, compression="zstd", statistics=False)
    write_bytes(path, buffer.getbuffer())
    if path.stem in (names.FAILURES, names.FAULTS):
        write_through(path.with_suffix(".csv"), lambda file: table.drop("trace", strict=False).write_csv(file))
    return file_digest(buffer.getbuffer())
