"""Crops of stored pictures as training examples: drawn anew each time, from several corpora by weight."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import Tensor

from tymbal.corpus import Corpus
from tymbal.errors import DataError
from tymbal.features import FeatureStore
from tymbal.pretraining.objectives.contract import PictureBatch

LAYER = "picture"
SHARE = 0.2  # of the shorter of crop and event that must overlap for the label to count, as BEANS has it


@dataclass(frozen=True)
class SourceConfig:
    """Pictures to train on.

    Parameters
    ----------
    store : a feature store of the encoder "picture".
    weight : how much of each epoch comes from here, relative to the other sources.
    corpus : the corpus whose labels (events, or whole recordings) the objective is to learn; "" for none. Where it
        learns labels, crops are drawn around events.
    where : "COLUMN=VALUE": only recordings with this value (a training fold, say); "" for all.
    """

    store: str
    weight: float = 1.0
    corpus: str = ""
    where: str = ""


class Span(NamedTuple):
    """One labelled stretch of a recording; all of it where it is infinite. Channel None: whatever the channel."""

    onset_s: float
    offset_s: float
    label: str
    channel: int | None

    def concerns(self, channel: int | None) -> bool:
        """Whether it can be heard in a channel; None is the mix of all."""
        return self.channel is None or channel is None or self.channel == channel


@dataclass
class Source:
    """One opened source: its units long enough for a frame, and its events where it is labelled."""

    config: SourceConfig
    store: FeatureStore
    first: NDArray[np.int64]
    rows: NDArray[np.int64]
    hops_s: NDArray[np.float64]
    starts_s: NDArray[np.float64]
    keys: list[tuple[str, int | None]]
    events: dict[str, list[Span]] = field(default_factory=dict)
    anchors: list[tuple[int, float]] = field(default_factory=list)  # (unit, seconds on the recording's clock)

    @property
    def hours(self) -> float:
        """Of sound."""
        return float((self.rows * self.hops_s).sum() / 3600)


def open_source(config: SourceConfig, base: Path, *, labelled: bool = True) -> Source:
    """Open one source; paths are relative to `base`. Without `labelled` a corpus only tells recordings for `where`.

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
    source = Source(
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


def _label(source: Source, corpus: Corpus) -> None:
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


class Crops:
    """`Batches` for `tymbal.training.train`: example i is a new random crop each time it is asked for.

    A share of the examples proportional to its weight belongs to each source. A crop begins anywhere in a unit drawn
    by its length, or around an event drawn at random where the source is labelled; units shorter than a crop are
    filled up, masked. Randomness comes from torch's default generator, so that a resumed run sees the same crops.

    Parameters
    ----------
    sources : opened; all labelled where `labels` is given.
    frames : of a crop.
    examples : in an epoch.
    labels : in the order of the columns of the batches' labels; () for none.
    """

    def __init__(
        self, sources: Sequence[Source], *, frames: int, examples: int, labels: Sequence[str] = (), device: str = "cpu"
    ) -> None:
        weights = np.array([source.config.weight for source in sources], dtype=np.float64)
        if len(sources) == 0 or not np.isfinite(weights).all() or weights.min() <= 0:
            raise DataError(
                f"weights {weights.tolist()}", where="sources", allowed="one source or more, weights above 0"
            )
        if frames < 1 or examples < 1:
            raise DataError(f"{examples} crops of {frames} frames", where="Crops", allowed="1 or more of both")
        self.sources, self.frames, self.labels, self.device = tuple(sources), frames, tuple(labels), device
        self.ends = np.ceil(np.cumsum(weights) / weights.sum() * examples - 1e-9).astype(int)
        self._columns = {label: column for column, label in enumerate(self.labels)}
        self._shares = [np.cumsum(source.rows) for source in self.sources]
        self.bands = self.sources[0].store.layer(LAYER).width
        if any(source.store.layer(LAYER).width != self.bands for source in self.sources):
            raise DataError("pictures of different numbers of bands", where="sources", mend="Embed them alike.")

    def __len__(self) -> int:
        return int(self.ends[-1])

    def batch(self, indices: Tensor) -> PictureBatch:
        """Pictures (n, frames, bands), masks and labels for n example numbers."""
        count = len(indices)
        pictures = np.zeros((count, self.frames, self.bands), dtype=np.float32)
        real = np.zeros((count, self.frames), dtype=bool)
        labels = np.zeros((count, len(self.labels)), dtype=np.float32)
        drawn = torch.rand(count, 2, dtype=torch.float64).numpy()
        for row, index in enumerate(indices.tolist()):
            source = self.sources[int(np.searchsorted(self.ends, index, side="right"))]
            unit, start = self._place(source, *drawn[row])
            stop = min(start + self.frames, int(source.rows[unit]))
            first = int(source.first[unit])
            pictures[row, : stop - start] = source.store.read_range(LAYER, first + start, first + stop)
            real[row, : stop - start] = True
            for label in self._heard(source, unit, start, stop):
                labels[row, self._columns[label]] = 1.0
        there = [torch.from_numpy(each).to(self.device) for each in (pictures, real, labels)]
        return PictureBatch(there[0], there[1], there[2] if self.labels else None)

    def _place(self, source: Source, which: float, where: float) -> tuple[int, int]:
        """A unit, and the frame of it where a crop begins."""
        if self.labels:
            unit, middle_s = source.anchors[int(which * len(source.anchors))]
            middle = int((middle_s - source.starts_s[unit]) / source.hops_s[unit])
            start = middle - int(where * self.frames)
        else:
            shares = self._shares[self.sources.index(source)]
            unit = int(np.searchsorted(shares, which * shares[-1], side="right"))
            start = int(where * (source.rows[unit] - self.frames + 1))
        return unit, min(max(start, 0), max(0, int(source.rows[unit]) - self.frames))

    def _heard(self, source: Source, unit: int, start: int, stop: int) -> list[str]:
        """Labels of the events that a crop holds enough of."""
        if not self.labels:
            return []
        hop_s = source.hops_s[unit]
        from_s, to_s = (float(source.starts_s[unit] + (at - 0.5) * hop_s) for at in (start, stop))
        found = []
        recording, channel = source.keys[unit]
        for event in source.events.get(recording, ()):
            overlap_s = min(to_s, event.offset_s) - max(from_s, event.onset_s)
            enough = overlap_s > SHARE * min(to_s - from_s, event.offset_s - event.onset_s)
            if enough and event.label in self._columns and event.concerns(channel):
                found.append(event.label)
        return found


def labels_of(sources: Sequence[Source]) -> tuple[str, ...]:
    """All labels of the sources' events, sorted. Raises DataError where a source has no corpus."""
    for source in sources:
        if not source.events:
            raise DataError("this source has no labels", where=source.store.path, mend="Name its corpus = ...")
    return tuple(sorted({event.label for source in sources for events in source.events.values() for event in events}))
