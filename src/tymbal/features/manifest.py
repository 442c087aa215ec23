"""The manifest of a store: everything needed to read its rows, and to refuse rows that do not belong to them."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tymbal.errors import SettingsError, StoreError
from tymbal.units import FrameGrid

MANIFEST = "manifest.json"
UNITS = "units.parquet"
SHARDS = "shards.parquet"
FAILURES = "failures"  # .parquet for programs, .csv for eyes
FAULTS = "faults"
RECORDS = "shards"
LAYERS = "layers"


@dataclass(frozen=True)
class StoredLayer:
    """One stored layer: `bands` of `dim` values a row, and the grid of a unit that begins at 0 s, per rate in Hz.

    `streams` tells whether its frames are those of one long pass over each recording; where not, those of the fixed
    segments are the canonical ones.
    """

    name: str
    dim: int
    bands: int
    local: bool
    streams: bool
    grids: dict[int, FrameGrid]

    @property
    def width(self) -> int:
        """Values in a row."""
        return self.bands * self.dim


@dataclass(frozen=True)
class Manifest:
    """What a store is. `parameters` decide the rows; a store is continued with equal parameters only.

    `segment_samples` and `margin_samples` are per delivery rate in Hz. `counts` (recordings, units, rows, failures)
    and `store_digest` are there once the store is complete.
    """

    parameters: dict[str, Any]
    encoder_config: Any
    layers: tuple[StoredLayer, ...]
    segment_samples: dict[int, int]
    margin_samples: dict[int, int]
    corpus_digest: str
    plan_digest: str
    complete: bool = False
    counts: dict[str, int] = field(default_factory=dict)
    tables: dict[str, str] = field(default_factory=dict)  # file name -> digest
    store_digest: str = ""
    faults: tuple[dict[str, str], ...] = ()
    versions: dict[str, str] = field(default_factory=dict)

    @property
    def encoder(self) -> str:
        """The registered name of the encoder."""
        return str(self.parameters["encoder"])

    @property
    def encoder_checksum(self) -> str:
        return str(self.parameters["encoder_checksum"])

    @property
    def dtype(self) -> str:
        """Of the rows: float16 or float32."""
        return str(self.parameters["precision"])

    @property
    def segment_s(self) -> float:
        return float(self.parameters["segment_s"])

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; an infinite receptive field becomes null."""
        layers = []
        for each in self.layers:
            grids = {str(rate): _finite(grid.to_dict()) for rate, grid in each.grids.items()}
            facts = {"name": each.name, "dim": each.dim, "bands": each.bands}
            layers.append({**facts, "local": each.local, "streams": each.streams, "grids": grids})
        return {
            "parameters": self.parameters,
            "encoder_config": self.encoder_config,
            "layers": layers,
            "segment_samples": {str(rate): samples for rate, samples in self.segment_samples.items()},
            "margin_samples": {str(rate): samples for rate, samples in self.margin_samples.items()},
            "corpus_digest": self.corpus_digest,
            "plan_digest": self.plan_digest,
            "complete": self.complete,
            "counts": self.counts,
            "tables": self.tables,
            "store_digest": self.store_digest,
            "faults": list(self.faults),
            "versions": self.versions,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Manifest:
        """Inverse of `to_dict`; KeyError, TypeError or ValueError where the data is no manifest."""
        layers = tuple(
            StoredLayer(
                each["name"],
                int(each["dim"]),
                int(each["bands"]),
                bool(each["local"]),
                bool(each["streams"]),
                {int(rate): FrameGrid.from_dict(grid) for rate, grid in each["grids"].items()},
            )
            for each in data["layers"]
        )
        return cls(
            parameters=dict(data["parameters"]),
            encoder_config=data["encoder_config"],
            layers=layers,
            segment_samples={int(rate): int(samples) for rate, samples in data["segment_samples"].items()},
            margin_samples={int(rate): int(samples) for rate, samples in data["margin_samples"].items()},
            corpus_digest=data["corpus_digest"],
            plan_digest=data["plan_digest"],
            complete=bool(data["complete"]),
            counts=dict(data["counts"]),
            tables=dict(data["tables"]),
            store_digest=data["store_digest"],
            faults=tuple(data["faults"]),
            versions=dict(data["versions"]),
        )


def _finite(grid: dict[str, float]) -> dict[str, float | None]:
    return {name: None if math.isinf(value) else value for name, value in grid.items()}


def read_manifest(store: Path) -> Manifest | None:
    """The manifest in `store`, None where there is none. Raises StoreError for one that cannot be read."""
    path = store / MANIFEST
    try:
        return Manifest.from_dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (NotADirectoryError, KeyError, TypeError, ValueError) as error:
        raise StoreError(
            f"not the manifest of a feature store ({type(error).__name__}: {error})",
            where=path,
            mend="Give the folder that `tymbal embed` wrote, or embed into a new one.",
        ) from error


_WORDS = {
    "tymbal_version": "Tymbal version",
    "encoder": "encoder",
    "encoder_checksum": "weights of the encoder",
    "numerics": "precision of the encoder",
    "layers": "layers",
    "precision": "dtype of the rows",
    "segment_s": "segment",
    "margin_s": "margin",
    "frames": "frames",
    "sample_rate_hz": "sample rate",
    "device": "device",
    "format": "store format",
}


def check_same(store: Path, old: Manifest, new: Manifest) -> None:
    """Refuse to mix rows made with other settings: SettingsError naming every setting that differs."""
    told = [
        f"{word}: there {there!r}, asked for {asked!r}"
        for word, there, asked in _differences(old, new)
        if there != asked
    ]
    if told:
        raise SettingsError(
            f"this store was made with other settings: {'; '.join(told)}",
            where=store,
            mend="Embed into a new folder, delete this one, or use its settings.",
        )


def _differences(old: Manifest, new: Manifest) -> Iterator[tuple[str, Any, Any]]:
    """What a setting is called, there and asked for. A checksum only where nothing else of the encoder differs."""
    for name, word in _WORDS.items():
        there, asked = old.parameters.get(name), new.parameters.get(name)
        if old.encoder != new.encoder and name in ("encoder_checksum", "layers"):
            continue
        if name == "encoder_checksum" and there != asked:
            fields = [each for each in _fields(old.encoder_config, new.encoder_config) if each[1] != each[2]]
            if fields:
                yield from fields
            elif old.parameters.get("numerics") == new.parameters.get("numerics"):
                yield word, there, asked
        else:
            yield word, there, asked


def _fields(there: Mapping[str, Any], asked: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    for name in sorted({*there, *asked}):
        yield f"{name} of the encoder", there.get(name), asked.get(name)


def layer_file(position: int, name: str, key: str) -> str:
    """Where a layer of a shard lies in a store, "/" between folders; safe on every file system."""
    return f"{LAYERS}/{position:02d}-{re.sub(r'[^A-Za-z0-9_-]+', '_', name)[:40]}/{key}.npy"
