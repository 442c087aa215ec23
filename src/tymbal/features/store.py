"""Reading a feature store: rows of layers, straight from memory-mapped files."""

from __future__ import annotations

import io
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from tymbal.errors import Fault, StoreError, UsageError
from tymbal.features import manifest as names
from tymbal.features.manifest import Manifest, StoredLayer, read_manifest
from tymbal.features.write import file_digest
from tymbal.units import FrameGrid

OPEN_MAPS = 4096  # memory-mapped files held open at once; systems allow some 65,000


class FeatureStore:
    """Rows of every stored layer of a corpus, with the units (recording, channel, segment) they belong to.

    Rows of a layer are numbered 0 … n-1 through all units in order; `units` says which rows a unit has. Reading
    takes the memory of what is asked for, nothing more.
    """

    def __init__(self, path: Path, manifest: Manifest, units: pl.DataFrame, shards: pl.DataFrame) -> None:
        """Called by `open`."""
        self.path, self.manifest, self.units = path, manifest, units
        self._layers = {layer.name: layer for layer in manifest.layers}
        self._files: dict[str, list[tuple[str, int]]] = {}
        self._starts: dict[str, NDArray[np.int64]] = {}
        for name in self._layers:
            part = shards.filter((pl.col("layer") == name) & (pl.col("rows") > 0))
            self._files[name] = list(zip(part["file"], part["bytes"], strict=True))
            self._starts[name] = np.concatenate(([0], np.cumsum(part["rows"].to_numpy(), dtype=np.int64)))
        self._shards = shards
        self._maps: OrderedDict[str, NDArray[Any]] = OrderedDict()
        self._ranges: dict[str, tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]] = {}
        self._runs: dict[tuple[str, int | None], range] | None = None

    @classmethod
    def open(cls, path: str | Path) -> FeatureStore:
        """Open the store in folder `path`.

        Raises StoreError where there is none, where the job that writes it has not finished, or where its index is
        damaged.
        """
        store = Path(path)
        manifest = read_manifest(store)
        if manifest is None:
            raise StoreError("no feature store here", where=store, mend="Make one with `tymbal embed`.")
        if not manifest.complete:
            raise StoreError(
                "this store is not finished",
                where=store,
                mend="Run the same `tymbal embed` command again: it goes on where it stopped.",
            )
        tables = {}
        for name in (names.UNITS, names.SHARDS):
            try:
                data = (store / name).read_bytes()
            except OSError as error:
                raise _damaged(store / name, str(error.strerror or error)) from error
            if file_digest(data) != manifest.tables[name]:
                raise _damaged(store / name, "its bytes are not those that were written")
            tables[name] = pl.read_parquet(io.BytesIO(data))
        return cls(store, manifest, tables[names.UNITS], tables[names.SHARDS])

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the stored layers, from input to output."""
        return tuple(self._layers)

    @property
    def digest(self) -> str:
        """Content address of the rows and their index."""
        return self.manifest.store_digest

    @property
    def failures(self) -> pl.DataFrame:
        """What could not be embedded: recording, channel, start_s, end_s, units, error, message, trace."""
        return pl.read_parquet(self.path / f"{names.FAILURES}.parquet")

    @property
    def faults(self) -> pl.DataFrame:
        """What was odd about recordings that were embedded all the same: recording, channel, code, message."""
        return pl.read_parquet(self.path / f"{names.FAULTS}.parquet")

    def layer(self, name: str) -> StoredLayer:
        """Sizes and grids of one layer. Raises StoreError for a layer that is not stored."""
        if name not in self._layers:
            raise StoreError(
                f"no layer {name!r} in this store",
                where=self.path,
                allowed=", ".join(self._layers),
                mend="Embed again into a new store with --layers all.",
            )
        return self._layers[name]

    def rows(self, layer: str) -> int:
        """How many rows a layer has."""
        self.layer(layer)
        return int(self._starts[layer][-1])

    def read(self, layer: str, rows: ArrayLike) -> NDArray[Any]:
        """Rows of a layer in the order asked for, repeats allowed: (n, bands*dim) in the stored dtype.

        Raises UsageError for rows outside the layer, StoreError for a damaged file.
        """
        width = self.layer(layer).width
        wanted = np.asarray(rows)
        if wanted.size == 0:
            return np.empty((0, width), dtype=self._dtype)
        total = self.rows(layer)
        if wanted.ndim != 1 or wanted.dtype.kind not in "iu" or wanted.min() < 0 or wanted.max() >= total:
            raise UsageError(
                f"rows of shape {wanted.shape} and type {wanted.dtype}",
                where=f"layer {layer!r}",
                allowed=f"a list of whole numbers from 0 to {total - 1}",
            )
        order = np.argsort(wanted, kind="stable")  # each file is visited once, front to back
        ordered = wanted[order].astype(np.int64)
        starts = self._starts[layer]
        shards = np.searchsorted(starts, ordered, side="right") - 1
        cuts = np.flatnonzero(np.diff(shards)) + 1
        found = np.empty((len(ordered), width), dtype=self._dtype)
        first = 0
        for stop in [*cuts.tolist(), len(ordered)]:
            shard = int(shards[first])
            positions = order[first:stop]
            found[positions] = self._map(layer, shard)[ordered[first:stop] - starts[shard]]
            first = stop
        return found

    def read_range(self, layer: str, start: int, stop: int) -> NDArray[Any]:
        """Rows start … stop-1 of a layer, (stop-start, bands*dim); a view of the file where one file holds them all."""
        total = self.rows(layer)
        if not 0 <= start <= stop <= total:
            raise UsageError(f"rows {start} to {stop}", where=f"layer {layer!r}", allowed=f"0 to {total}")
        starts = self._starts[layer]
        parts = []
        while start < stop:
            shard = int(np.searchsorted(starts, start, side="right")) - 1
            end = min(stop, int(starts[shard + 1]))
            parts.append(self._map(layer, shard)[start - starts[shard] : end - starts[shard]])
            start = end
        if not parts:
            return np.empty((0, self.layer(layer).width), dtype=self._dtype)
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def unit_rows(self, layer: str, unit: int) -> tuple[slice, FrameGrid]:
        """Which rows of a layer a unit has, and their grid on the clock of its recording."""
        first, rows, centers = self._layer_ranges(layer)
        if not 0 <= unit < len(first):
            raise UsageError(f"unit {unit}", where=self.path, allowed=f"0 to {len(first) - 1}")
        grid = self._layers[layer].grids[int(self._rates[unit])]
        return (
            slice(int(first[unit]), int(first[unit] + rows[unit])),
            FrameGrid(grid.hop_s, float(centers[unit]), grid.receptive_s),
        )

    def unit(self, layer: str, unit: int) -> tuple[NDArray[Any], NDArray[np.float64]]:
        """One unit: values (frames, bands*dim) as stored, and centres (frames,) in seconds of its recording."""
        rows, grid = self.unit_rows(layer, unit)
        return self.read_range(layer, rows.start, rows.stop), grid.centers_s(rows.stop - rows.start)

    def iter(self, layer: str) -> Iterator[tuple[int, NDArray[Any], NDArray[np.float64]]]:
        """Every unit in order, as (unit, values, centres)."""
        for unit in range(self.units.height):
            values, centers_s = self.unit(layer, unit)
            yield unit, values, centers_s

    def batches(
        self, layer: str, batch_size: int, *, seed: int | None = None
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[Any]]]:
        """Row numbers (n,) and values (n, bands*dim), n <= batch_size, every row once; no batch crosses a unit.

        Units come in order, or shuffled by `seed`: the same seed gives the same batches on every machine.
        """
        if batch_size < 1:
            raise UsageError(f"batch_size is {batch_size}", where="batches", allowed="1 or more")
        order = np.arange(self.units.height)
        if seed is not None:
            np.random.default_rng(seed).shuffle(order)
        for unit in order.tolist():
            rows, _ = self.unit_rows(layer, unit)
            for start in range(rows.start, rows.stop, batch_size):
                stop = min(start + batch_size, rows.stop)
                yield np.arange(start, stop), self.read_range(layer, start, stop)

    def runs(self) -> dict[tuple[str, int | None], range]:
        """The units of every (recording, channel), in order of time."""
        if self._runs is None:
            ids = self.units.select(pl.struct("recording", "channel").rle_id()).to_series().to_numpy()
            begins = np.flatnonzero(np.diff(ids, prepend=-1))
            ends = [*begins[1:].tolist(), len(ids)]
            keys = self.units.select("recording", "channel")[begins].rows()
            self._runs = {key: range(first, end) for key, first, end in zip(keys, begins.tolist(), ends, strict=True)}
        return self._runs

    def check_recordings(self, recordings: pl.DataFrame) -> None:
        """Raise StoreError where recordings (columns recording, content_hash) changed since they were embedded.

        Recordings that only one side holds, and stores made before hashes were kept, are let through.
        """
        if "content_hash" not in self.units.columns:
            return
        kept = self.units.select("recording", pl.col("content_hash").alias("embedded")).unique("recording")
        both = recordings.select("recording", "content_hash").join(kept, on="recording", how="inner")
        changed = both.filter(pl.col("content_hash") != pl.col("embedded"))["recording"].sort().to_list()
        if changed:
            named = ", ".join(changed[:3]) + (", ..." if len(changed) > 3 else "")
            raise StoreError(
                f"{len(changed)} recordings changed since they were embedded: {named}",
                where=self.path,
                mend="Embed again: the same `tymbal embed` command works the changed recordings alone.",
            )

    def verify(self) -> tuple[Fault, ...]:
        """Read every file and compare it with its digest; what is damaged, nothing where all is well."""
        faults = []
        for file, digest in self._shards.select("file", "digest").iter_rows():
            try:
                found = file_digest((self.path / file).read_bytes())
            except OSError as error:
                faults.append(Fault("missing", f"{file}: {error.strerror or error}"))
                continue
            if found != digest:
                faults.append(Fault("damaged", f"{file}: its bytes are not those that were written"))
        return tuple(faults)

    def close(self) -> None:
        """Let go of the mapped files (arrays that were read stay valid); reading opens them again."""
        self._maps.clear()

    def __enter__(self) -> FeatureStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"FeatureStore({str(self.path)!r}: {self.units.height} units, layers {', '.join(self.layers)})"

    @property
    def _dtype(self) -> np.dtype[Any]:
        return np.dtype("<f2" if self.manifest.dtype == "float16" else "<f4")

    def _layer_ranges(self, layer: str) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        if layer not in self._ranges:
            self.layer(layer)
            self._rates = self.units["sample_rate_hz"].to_numpy()
            self._ranges[layer] = (
                self.units[f"{layer}.first_row"].to_numpy(),
                self.units[f"{layer}.rows"].to_numpy(),
                self.units[f"{layer}.first_center_s"].to_numpy(),
            )
        return self._ranges[layer]

    def _map(self, layer: str, shard: int) -> NDArray[Any]:
        file, size = self._files[layer][shard]
        mapped = self._maps.get(file)
        if mapped is not None:
            self._maps.move_to_end(file)
            return mapped
        path = self.path / file
        try:
            if path.stat().st_size != size:
                raise _damaged(path, f"it holds {path.stat().st_size:,} bytes instead of {size:,}")
            # A plain array over the map: indexing numpy's memmap class costs several times as much.
            mapped = np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
        except (OSError, ValueError) as error:
            raise _damaged(path, str(error)) from error
        self._maps[file] = mapped
        while len(self._maps) > OPEN_MAPS:
            self._maps.popitem(last=False)
        return mapped


def _damaged(path: Path, why: str) -> StoreError:
    return StoreError(
        f"the store is damaged: {why}",
        where=path,
        mend="Run the same `tymbal embed` command again; where that does not help, delete the file first.",
    )
