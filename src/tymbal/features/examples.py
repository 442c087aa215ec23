"""From events to examples: the frames of every layer that lie in each event."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tymbal.errors import DataError
from tymbal.features.pooling import pool_event
from tymbal.features.store import FeatureStore
from tymbal.units import FrameGrid

FAILURES = pl.Schema(
    {
        "row": pl.Int64(),
        "event_id": pl.String(),
        "recording": pl.String(),
        "code": pl.String(),
        "message": pl.String(),
        "kept": pl.Boolean(),
    }
)


@dataclass(frozen=True)
class Examples:
    """Features of n events, padded to the longest, with their masks.

    Parameters
    ----------
    features : layer -> float32 (n, frames, bands*dim).
    masks : layer -> bool (n, frames), True where a frame is real; every example has at least one.
    table : the n events, row i is example i, every column as it came.
    grids : layer -> FrameGrid of a unit that begins at 0 s, before any pooling into bins of an event.
    store_digest, encoder_checksum : where the features came from; "" for arrays made by hand.
    failures : events that have no example (kept is False) or a partial one (kept is True): row, event_id, recording,
        code, message, kept; `row` counts in the events that were given.
    provenance : the store's parameters and encoder configuration, for the record.
    """

    features: dict[str, NDArray[np.float32]]
    masks: dict[str, NDArray[np.bool_]]
    table: pl.DataFrame
    grids: dict[str, FrameGrid] = field(default_factory=dict)
    store_digest: str = ""
    encoder_checksum: str = ""
    failures: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=FAILURES))
    provenance: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.features or set(self.features) != set(self.masks):
            raise DataError(
                f"layers of features are {sorted(self.features)}, of masks {sorted(self.masks)}",
                where="Examples",
                allowed="at least one layer, with a mask for each",
            )
        for layer, values in self.features.items():
            mask = self.masks[layer]
            if values.ndim != 3 or mask.shape != values.shape[:2] or len(values) != self.table.height:
                raise DataError(
                    f"layer {layer!r}: features {values.shape}, mask {mask.shape}, {self.table.height} events",
                    where="Examples",
                    allowed="(n, frames, dim), (n, frames) and n events",
                )

    def __len__(self) -> int:
        return self.table.height

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers, in the order of the encoder."""
        return tuple(self.features)

    def take(self, rows: Sequence[int] | NDArray[np.integer[Any]]) -> Examples:
        """The examples at `rows`, in that order; failures stay as they are."""
        wanted = np.asarray(rows, dtype=np.int64)
        return Examples(
            {layer: values[wanted] for layer, values in self.features.items()},
            {layer: mask[wanted] for layer, mask in self.masks.items()},
            self.table[wanted],
            self.grids,
            self.store_digest,
            self.encoder_checksum,
            self.failures,
            self.provenance,
        )


@dataclass(frozen=True)
class _Place:
    """Where an event lies: its bounds in seconds, and per layer its rows [start, stop) and their centres."""

    onset_s: float
    offset_s: float
    ranges: dict[str, list[tuple[int, int]]]
    centers_s: dict[str, NDArray[np.float64]]


def examples(
    store: FeatureStore, events: pl.DataFrame, *, layers: Sequence[str] | None = None, frames: int | None = None
) -> Examples:
    """The frames of each event, from however many units it spans.

    A frame belongs to an event where its centre lies in [onset_s, offset_s); an event shorter than the hop takes the
    nearest frame. Null times mean the whole recording. An event whose channel is null is looked up in the mix, else in
    the recording's only channel, else in channel 1; an event with a channel in that channel alone.

    Parameters
    ----------
    events : an Events table; every column comes back in `.table`.
    layers : which layers; None: all that are stored.
    frames : pool every event into so many equal time bins (means); events of fewer frames keep them, masked behind.

    Returns
    -------
    Examples, in the order of the events, without those that lie outside what was embedded: they are in `.failures`,
    as are events of which only a part was embedded.

    Raises
    ------
    DataError where no event has an example; StoreError for a layer that is not stored.
    """
    names = tuple(layers) if layers is not None else store.layers
    widths = {layer: store.layer(layer).width for layer in names}
    if frames is not None and frames < 1:
        raise DataError(f"frames is {frames}", where="examples", allowed="1 or more, or None")
    finder = _Finder(store, names)
    places, kept = [], []
    for row, event in enumerate(events.select(*_NEEDED).iter_rows()):
        place = finder.place(row, *event)
        if place is not None:
            places.append(place)
            kept.append(row)
    failures = pl.DataFrame(finder.failures, schema=FAILURES, orient="row")
    if not places:
        reason = failures["message"][0] if failures.height else "there are no events"
        raise DataError(f"no event has features: {reason}", where=store.path, mend="Embed the corpus of these events.")
    features, masks = {}, {}
    for layer, width in widths.items():
        features[layer], masks[layer] = _gather(store, layer, width, places, frames)
    manifest = store.manifest
    rates = sorted(manifest.segment_samples)
    return Examples(
        features,
        masks,
        events[kept],
        {layer: store.layer(layer).grids[rates[0]] for layer in names},
        manifest.store_digest,
        manifest.encoder_checksum,
        failures,
        {**manifest.parameters, "encoder_config": manifest.encoder_config, "corpus_digest": manifest.corpus_digest},
    )


_NEEDED = ("event_id", "recording", "channel", "onset_s", "offset_s")


def _gather(
    store: FeatureStore, layer: str, width: int, places: list[_Place], frames: int | None
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    longest = max(len(place.centers_s[layer]) for place in places)
    length = longest if frames is None else min(frames, longest)
    values = np.zeros((len(places), length, width), dtype=np.float32)
    mask = np.zeros((len(places), length), dtype=np.bool_)
    for index, place in enumerate(places):
        parts = [store.read_range(layer, start, stop) for start, stop in place.ranges[layer]]
        found = np.concatenate(parts) if len(parts) > 1 else parts[0]
        if frames is not None:
            real, real_mask = pool_event(
                found.astype(np.float32), place.centers_s[layer], place.onset_s, place.offset_s, frames
            )
            values[index], mask[index] = real[:length], real_mask[:length]
        else:
            values[index, : len(found)], mask[index, : len(found)] = found, True
    return values, mask


class _Finder:
    """Finds the rows of events; notes why it could not."""

    def __init__(self, store: FeatureStore, layers: tuple[str, ...]) -> None:
        self._store, self._layers = store, layers
        self._starts = store.units["start_s"].to_numpy()
        self._ends = store.units["end_s"].to_numpy()
        self._recordings = {recording for recording, _ in store.runs()}
        lost = store.failures.drop_nulls("start_s").group_by("recording", "channel")
        bounds = lost.agg(pl.col("start_s").min(), pl.col("end_s").max())
        self._lost = {(row[0], row[1]): (row[2], row[3]) for row in bounds.iter_rows()}
        self._failed = dict(store.failures.select("recording", "message").unique("recording", keep="first").rows())
        self.failures: list[list[Any]] = []

    def place(
        self,
        row: int,
        event_id: str,
        recording: str,
        channel: int | None,
        onset_s: float | None,
        offset_s: float | None,
    ) -> _Place | None:
        """The rows of one event, or None after noting why there are none."""

        def note(code: str, message: str, kept: bool = False) -> None:
            self.failures.append([row, event_id, recording, code, message, kept])

        units = self._units(recording, channel, note)
        if units is None:
            return None
        starts, ends = self._starts[units.start : units.stop], self._ends[units.start : units.stop]
        lost = self._lost.get(self._store.units.select("recording", "channel").row(units.start), (np.inf, -np.inf))
        onset = min(float(starts[0]), lost[0]) if onset_s is None else onset_s
        offset = max(float(ends[-1]), lost[1]) if offset_s is None else offset_s
        first = int(np.searchsorted(ends, onset, side="right"))
        stop = max(int(np.searchsorted(starts, offset, side="left")), first + (offset == onset))
        stop = min(stop, len(starts))
        if offset < onset or first >= stop or starts[first] > offset:
            span = f"{float(starts[0]):g}–{float(ends[-1]):g} s"
            note("outside", f"{recording}: {onset:g}–{offset:g} s lies outside what was embedded ({span})")
            return None
        found = self._rows(units.start + first, units.start + stop, units, onset, offset)
        if found is None:
            note("no_frames", f"{recording}: too short for a frame of every layer")
            return None
        covered = float((np.minimum(ends[first:stop], offset) - np.maximum(starts[first:stop], onset)).sum())
        missing = offset - onset - covered
        if missing > 1e-3:
            note("partial", f"{recording}: {missing:.3f} s of {onset:g}–{offset:g} s are not embedded", kept=True)
        return _Place(onset, offset, *found)

    def _units(self, recording: str, channel: int | None, note: Any) -> range | None:
        runs = self._store.runs()
        choices: list[int | None] = [channel]
        if channel is None:
            choices = [None, 1]
        for choice in choices:
            if (recording, choice) in runs:
                return runs[(recording, choice)]
        if recording in self._recordings:
            there = ", ".join("the mix" if each is None else str(each) for name, each in runs if name == recording)
            told = "the mix" if channel is None else f"channel {channel}"
            note("no_channel", f"{recording}: {told} was not embedded ({there} was); embed with --channels each")
        elif recording in self._failed:
            note("failed", f"{recording}: could not be embedded: {self._failed[recording]}")
        else:
            note("no_recording", f"{recording}: not in this store; embed its corpus again")
        return None

    def _rows(
        self, first: int, stop: int, run: range, onset_s: float, offset_s: float
    ) -> tuple[dict[str, list[tuple[int, int]]], dict[str, NDArray[np.float64]]] | None:
        ranges: dict[str, list[tuple[int, int]]] = {}
        centers: dict[str, NDArray[np.float64]] = {}
        for layer in self._layers:
            spans: list[tuple[int, int]] = []
            times: list[NDArray[np.float64]] = []
            for unit in range(first, stop):
                rows, grid = self._store.unit_rows(layer, unit)
                inside = grid.inside(onset_s, offset_s, rows.stop - rows.start)
                last_of_run = unit == run.stop - 1 and offset_s >= self._ends[unit]
                inside = slice(inside.start, rows.stop - rows.start) if last_of_run else inside
                if inside.start < inside.stop:
                    _add(spans, rows.start + inside.start, rows.start + inside.stop)
                    times.append(grid.centers_s(rows.stop - rows.start)[inside])
            if not spans:
                nearest = self._nearest(
                    layer, range(max(first - 1, run.start), min(stop + 1, run.stop)), onset_s, offset_s
                )
                if nearest is None:
                    return None
                spans, times = [(nearest[0], nearest[0] + 1)], [np.array([nearest[1]])]
            ranges[layer], centers[layer] = spans, np.concatenate(times)
        return ranges, centers

    def _nearest(self, layer: str, units: range, onset_s: float, offset_s: float) -> tuple[int, float] | None:
        middle = (onset_s + offset_s) / 2
        best: tuple[int, float] | None = None
        for unit in units:
            rows, grid = self._store.unit_rows(layer, unit)
            if rows.start == rows.stop:
                continue
            frame = grid.span(middle, middle, rows.stop - rows.start).start
            center = grid.center_s(frame)
            if best is None or abs(center - middle) <= abs(best[1] - middle) + 1e-9:
                best = (rows.start + frame, center)
        return best


def _add(spans: list[tuple[int, int]], start: int, stop: int) -> None:
    if spans and spans[-1][1] == start:
        spans[-1] = (spans[-1][0], stop)
    else:
        spans.append((start, stop))
