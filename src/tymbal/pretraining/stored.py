"""Crops of a feature store of pictures."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tymbal.config import from_plain
from tymbal.corpus import Corpus
from tymbal.encoders.pictures import PictureConfig
from tymbal.errors import DataError, UsageError
from tymbal.features import FeatureStore
from tymbal.pretraining.sources import Crop, Source, SourceConfig, Span, heard

LAYER = "picture"


@dataclass
class StoredSource(Source):
    """A store's units long enough for a frame, and their events where it is labelled."""

    config: SourceConfig
    store: FeatureStore
    first: NDArray[np.int64]
    rows: NDArray[np.int64]
    hops_s: NDArray[np.float64]
    starts_s: NDArray[np.float64]
    keys: list[tuple[str, int | None]]
    events: dict[str, list[Span]] = field(default_factory=dict)
    anchors: list[tuple[int, float]] = field(default_factory=list)  # (unit, seconds on the recording's clock)

    def __post_init__(self) -> None:
        self.place = self.store.path
        self._shares = np.cumsum(self.rows)

    @property
    def digest(self) -> str:
        """See `Source`; the rest here likewise."""
        return self.store.digest

    @property
    def hours(self) -> float:
        return float((self.rows * self.hops_s).sum() / 3600)

    @property
    def bands(self) -> int:
        return self.store.layer(LAYER).width

    @property
    def labels(self) -> frozenset[str]:
        return frozenset(event.label for events in self.events.values() for event in events)

    def look(self, picture: PictureConfig) -> None:
        there = from_plain(PictureConfig, self.store.manifest.encoder_config, where=self.place)
        if there != picture:
            raise UsageError(
                f"its pictures are {there}, the encoder looks at {picture}",
                where=self.place,
                parameter="sources",
                mend="Embed them with the encoder's own settings of the picture, or set encoder_config.picture.",
            )

    def crops(self, drawn: NDArray[np.float64], frames: int, *, labelled: bool) -> list[Crop]:
        """A crop begins anywhere in a unit drawn by its length, or around an event."""
        found = []
        for which, where in drawn.tolist():
            unit, start = self._place(which, where, frames, labelled)
            stop = min(start + frames, int(self.rows[unit]))
            first = int(self.first[unit])
            picture = self.store.read_range(LAYER, first + start, first + stop).astype(np.float32)
            found.append(Crop(picture, self.heard(unit, start, stop) if labelled else ()))
        return found

    def _place(self, which: float, where: float, frames: int, labelled: bool) -> tuple[int, int]:
        """A unit, and the frame of it where a crop begins."""
        if labelled:
            unit, middle_s = self.anchors[int(which * len(self.anchors))]
            middle = int((middle_s - self.starts_s[unit]) / self.hops_s[unit])
            start = middle - int(where * frames)
        else:
            unit = int(np.searchsorted(self._shares, which * self._shares[-1], side="right"))
            start = int(where * (self.rows[unit] - frames + 1))
        return unit, min(max(start, 0), max(0, int(self.rows[unit]) - frames))

    def heard(self, unit: int, start: int, stop: int) -> tuple[str, ...]:
        """Labels of the events that frames `start` to `stop` of a unit hold enough of."""
        hop_s, (recording, channel) = self.hops_s[unit], self.keys[unit]
        from_s, to_s = (float(self.starts_s[unit] + (at - 0.5) * hop_s) for at in (start, stop))
        return heard((each for each in self.events.get(recording, ()) if each.concerns(channel)), from_s, to_s)


def open_stored(config: SourceConfig, base: Path, *, labelled: bool = True) -> StoredSource:
    """See `open_source`.

    Raises DataError for a store without pictures, and for one that holds nothing of what is asked for.
    """
    store = FeatureStore.open(base / config.store)
    if LAYER not in store.layers:
        raise DataError(
            f"it holds {', '.join(store.layers)}, no pictures",
            where=store.path,
            mend="Make it with: tymbal embed CORPUS --encoder picture -o STORE",
        )
    units = store.units.filter(pl.col(f"{LAYER}.rows") > 0)
    corpus = Corpus.open(base / config.corpus) if config.corpus else None
    if config.where:
        if corpus is None:
            raise DataError("`where` needs the corpus", where=store.path, mend="Name it: corpus = ...")
        units = units.join(_chosen(corpus, config.where), on="recording", how="semi")
    if units.height == 0:
        raise DataError("nothing is left to train on", where=store.path, mend="Check `where`.")
    grids = store.layer(LAYER).grids
    hops_s = np.array([grids[rate].hop_s for rate in units["sample_rate_hz"]])
    source = StoredSource(
        config,
        store,
        units[f"{LAYER}.first_row"].to_numpy(),
        units[f"{LAYER}.rows"].to_numpy(),
        hops_s,
        units[f"{LAYER}.first_center_s"].to_numpy(),
        list(units.select("recording", "channel").iter_rows()),
    )
    if corpus is not None and labelled:
        _label(source, corpus)
    return source


def _chosen(corpus: Corpus, where: str) -> pl.DataFrame:
    column, _, value = where.partition("=")
    table = corpus.recordings
    if column not in table.columns:
        raise DataError(f"no column {column!r}", where=corpus.path, allowed=", ".join(table.columns))
    return table.filter(pl.col(column).cast(pl.String) == value)


def _label(source: StoredSource, corpus: Corpus) -> None:
    """Labels of the recordings, by the column named when indexing, and where on which unit each has its middle."""
    table = corpus.examples(corpus.default_label or "label")
    columns = ("recording", "channel", "onset_s", "offset_s", "label")
    table = table.filter(
        pl.col("recording").is_in({recording for recording, _ in source.keys})
    )  # `where` holds here too
    for recording, channel, onset_s, offset_s, label in table.select(columns).iter_rows():
        onset_s, offset_s = (-np.inf, np.inf) if onset_s is None else (onset_s, offset_s)
        source.events.setdefault(recording, []).append(Span(onset_s, offset_s, label, channel))
    ends_s = source.starts_s + source.rows * source.hops_s
    for unit, (recording, channel) in enumerate(source.keys):
        for event in source.events.get(recording, ()):
            start_s, end_s = float(source.starts_s[unit]), float(ends_s[unit])
            middle_s = (max(event.onset_s, start_s) + min(event.offset_s, end_s)) / 2
            overlaps = event.onset_s < end_s and event.offset_s > start_s and event.concerns(channel)
            if start_s <= middle_s < end_s and overlaps:
                source.anchors.append((unit, middle_s))
    if not source.anchors:
        raise DataError("none of its events lies in what was embedded", where=corpus.path, mend="Embed this corpus.")
