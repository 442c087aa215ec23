"""Events against Events as arrays: which boxes count, in which recording, of which label, and what was listened to.

Coverage decides what a prediction without a reference means. Where its midpoint lies inside what was listened to for
its label it is false; elsewhere nobody knows. References outside it, and those of an unknown label, are neither found
nor missed: they absorb what lies on them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from tymbal.annotations import CoverageIndex
from tymbal.annotations.coverage import Intervals
from tymbal.errors import DataError, UsageError
from tymbal.evaluation.detection.boxes import Booleans, Floats, Integers, as_boxes
from tymbal.evaluation.problem import number_units

UNKNOWN = -1  # number of the labels that say nothing about a class
AGNOSTIC = "event"  # the one label of a class-agnostic evaluation
_CHANNELS = 1 << 16  # more than a recording has channels


@dataclass(frozen=True)
class DetectionSettings:
    """How detections are judged.

    minimum_iou : a prediction finds a reference at IoU above it; every one given is reported.
    threshold : metrics of decisions take predictions scored at least this; None = all. Ranking takes all.
    class_agnostic : labels count for nothing: every event is one of a single class.
    frequency : boxes are of time x frequency (both tables need low_hz and high_hz), not of time alone.
    unknown : labels of references that are of no known class; a missing label is one of them, and so are labels that
        `labels` leaves out. References of certainty "unknown" count as such too, class-agnostically they alone.
    labels : the classes to report, in this order; None = every label of the references and predictions, sorted.
    by_channel : whether events of different channels are apart; None = where every event of both tables names its own.
    collar_s, collar_share : onsets may be off by collar_s, offsets by max(collar_s, collar_share * reference duration).
    segment_s : length of the segments of segment-based measures.
    """

    minimum_iou: tuple[float, ...] = (0.5, 0.8)
    threshold: float | None = None
    class_agnostic: bool = False
    frequency: bool = False
    unknown: tuple[str, ...] = ("Unknown", "unknown", "UNK")
    labels: tuple[str, ...] | None = None
    by_channel: bool | None = None
    collar_s: float = 0.2
    collar_share: float = 0.5
    segment_s: float = 1.0

    def __post_init__(self) -> None:
        if not self.minimum_iou or any(not 0 <= value < 1 for value in self.minimum_iou):
            raise UsageError(f"minimum IoU {self.minimum_iou}", parameter="minimum_iou", allowed="0 to below 1 each")
        if self.collar_s < 0 or self.collar_share < 0 or self.segment_s <= 0:
            raise UsageError(
                f"a collar of {self.collar_s} s and {self.collar_share}, segments of {self.segment_s} s",
                where="DetectionSettings",
                allowed="collars of 0 or more, segments above 0",
            )


@dataclass(frozen=True)
class Boxes:
    """One side: events with times, of the recordings judged, in the order of the table.

    boxes (n, 2 | 4) s and Hz; label (n,) class number or UNKNOWN; place (n,) number of (recording, channel); row (n,)
    in the table; score (n,) or NaN; covered (n,) whether its midpoint was listened to for its label.
    """

    boxes: Floats
    label: Integers
    place: Integers
    row: Integers
    score: Floats
    covered: Booleans

    def __len__(self) -> int:
        return len(self.boxes)

    def take(self, rows: Integers | Booleans) -> Boxes:
        """The events of those numbers, or where a mask is true."""
        return Boxes(
            self.boxes[rows],
            self.label[rows],
            self.place[rows],
            self.row[rows],
            self.score[rows],
            self.covered[rows],
        )


@dataclass(frozen=True)
class DetectionProblem:
    """Detections of one test, checked; see `make_detection_problem`.

    recording (places,) number of the recording of each place; unit (recordings,) number of its independent unit.
    covered_s (recordings, labels) seconds listened to; None where the corpus has no coverage at all.
    listened, keys : what was listened to, and how it names the places; for whom asks of other times.
    left_out : how many events were not judged, by reason. cache : what was judged once.
    """

    references: Boxes
    predictions: Boxes
    labels: tuple[str, ...]
    recordings: tuple[str, ...]
    recording: Integers
    unit: Integers
    names: tuple[str, ...]
    unit_name: str
    covered_s: Floats | None
    settings: DetectionSettings
    listened: Listened | None = field(default=None, repr=False)
    keys: Integers = field(default_factory=lambda: np.zeros(0, dtype=np.int64), repr=False)
    left_out: Mapping[str, int] = field(default_factory=dict)
    cache: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def units(self) -> int:
        return len(self.names)

    def unit_of(self, side: Boxes) -> Integers:
        """Number of the unit of each event."""
        return self.unit[self.recording[side.place]]

    def decided(self) -> Boxes:
        """The predictions at or above the threshold."""
        threshold = self.settings.threshold
        if threshold is None:
            return self.predictions
        scores = self.predictions.score
        return self.predictions.take(np.isnan(scores) | (scores >= threshold))


def make_detection_problem(
    predictions: pl.DataFrame,
    references: pl.DataFrame,
    coverage: pl.DataFrame | None,
    *,
    units: Mapping[str, str],
    unit_name: str,
    durations: Mapping[str, float],
    settings: DetectionSettings | None = None,
) -> DetectionProblem:
    """Check the tables and number what has names.

    predictions, references : Events. coverage : Coverage; None or empty = nobody said what was listened to.
    units : {recording: its highest independent unit} of every recording that the detector was run on, found or not;
        events of other recordings are left out and counted.
    durations : {recording: seconds}, to close coverage that runs to the end.
    Raises DataError: no recording, boxes that end before they begin, missing frequency bounds, no label to judge by.
    """
    chosen = settings or DetectionSettings()
    if not units:
        raise DataError("no recording to judge", where="units", mend="Name the recordings the detector was run on.")
    recordings = tuple(sorted(units))
    left_out: dict[str, int] = {}
    truth = _kept(references, recordings, "references", left_out)
    said = _kept(predictions, recordings, "predictions", left_out)
    apart = chosen.by_channel
    if apart is None:
        apart = not (truth["channel"].null_count() or said["channel"].null_count())
    labels, known = _labels(truth, said, chosen)
    said_numbers = _label_numbers(said, labels, chosen)
    if (said_numbers == UNKNOWN).any():
        left_out["predictions of no label judged"] = int((said_numbers == UNKNOWN).sum())
        said, said_numbers = said.filter(pl.Series(said_numbers != UNKNOWN)), said_numbers[said_numbers != UNKNOWN]
    keys = [_keys(table, recordings, apart) for table in (truth, said)]
    held, place = np.unique(np.concatenate(keys), return_inverse=True)
    listened = None if coverage is None or coverage.is_empty() else Listened(coverage, chosen, labels, known, apart)
    sides = [
        _side(name, table, numbers, at.astype(np.int64), listened, held, recordings, chosen)
        for name, table, numbers, at in (
            ("references", truth, _label_numbers(truth, labels, chosen), place[: truth.height]),
            ("predictions", said, said_numbers, place[truth.height :]),
        )
    ]
    unit, names = number_units([units[name] for name in recordings], len(recordings))
    return DetectionProblem(
        references=sides[0],
        predictions=sides[1],
        labels=labels,
        recordings=recordings,
        recording=held // _CHANNELS,
        unit=unit,
        names=names,
        unit_name=unit_name,
        covered_s=None if listened is None else listened.seconds(recordings, durations),
        settings=chosen,
        listened=listened,
        keys=held,
        left_out=left_out,
    )


def _kept(table: pl.DataFrame, recordings: Sequence[str], name: str, left_out: dict[str, int]) -> pl.DataFrame:
    """Events of the recordings judged that have times, with their row in the table as `_row`."""
    numbered = table.with_row_index("_row")
    ours = numbered.filter(pl.col("recording").is_in(list(recordings)))
    timed = ours.drop_nulls(["onset_s", "offset_s"])
    for reason, count in (
        (f"{name} of other recordings", numbered.height - ours.height),
        (f"{name} without times", ours.height - timed.height),
    ):
        if count:
            left_out[reason] = count
    return timed


def _labels(truth: pl.DataFrame, said: pl.DataFrame, settings: DetectionSettings) -> tuple[tuple[str, ...], list[str]]:
    """The classes judged, and all known labels of the references."""
    known = sorted(set(truth["label"].drop_nulls().to_list()) - set(settings.unknown))
    if settings.class_agnostic:
        return (AGNOSTIC,), known
    if settings.labels is not None:
        if not settings.labels or len(set(settings.labels)) < len(settings.labels):
            raise UsageError("no labels, or one of them twice", parameter="labels")
        return settings.labels, known
    found = sorted(set(known) | (set(said["label"].drop_nulls().to_list()) - set(settings.unknown)))
    if not found:
        raise DataError(
            "neither references nor predictions have a label of a known class",
            where="evaluation of detections",
            mend="Judge them class-agnostically (class_agnostic=True).",
        )
    return tuple(found), known


def _label_numbers(table: pl.DataFrame, labels: tuple[str, ...], settings: DetectionSettings) -> Integers:
    """Class number of each event; UNKNOWN where its label is none of the classes or its certainty is "unknown"."""
    numbers = np.zeros(table.height, dtype=np.int64)
    if not settings.class_agnostic:
        mapped = table["label"].replace_strict(
            list(labels), list(range(len(labels))), default=UNKNOWN, return_dtype=pl.Int64
        )
        numbers = mapped.fill_null(UNKNOWN).to_numpy().astype(np.int64)
    doubted = (table["certainty"] == "unknown").fill_null(False).to_numpy()
    return np.where(doubted, UNKNOWN, numbers)


def _keys(table: pl.DataFrame, recordings: Sequence[str], apart: bool) -> Integers:
    """One integer for each event's (recording, channel), recordings in their order; the mix is channel 0."""
    number = table["recording"].replace_strict(
        list(recordings), list(range(len(recordings))), default=None, return_dtype=pl.Int64
    )
    channel = table["channel"].fill_null(0).to_numpy().astype(np.int64) if apart else 0
    return np.asarray(number.to_numpy().astype(np.int64) * _CHANNELS + channel)


def _side(
    name: str,
    table: pl.DataFrame,
    numbers: Integers,
    place: Integers,
    listened: Listened | None,
    keys: Integers,
    recordings: Sequence[str],
    settings: DetectionSettings,
) -> Boxes:
    boxes = as_boxes(_columns(table, name, settings), name)
    covered = np.zeros(len(boxes), dtype=bool)
    if listened is not None:
        covered = listened.holds(boxes[:, :2].mean(axis=1), place, numbers, keys, recordings)
    score = table["score"].to_numpy().astype(np.float64)
    return Boxes(boxes, numbers, place, table["_row"].to_numpy().astype(np.int64), score, covered)


def _columns(table: pl.DataFrame, name: str, settings: DetectionSettings) -> Floats:
    wanted = ["onset_s", "offset_s"]
    if settings.frequency:
        wanted += ["low_hz", "high_hz"]
        missing = table.filter(pl.any_horizontal(pl.col("low_hz", "high_hz").is_null())).height
        if missing:
            raise DataError(
                f"{missing} of {table.height} events have no frequency bounds",
                where=name,
                mend="Judge boxes in time alone (frequency=False), or give low_hz and high_hz to all.",
            )
    return table.select(wanted).to_numpy().astype(np.float64)


class Listened:
    """What was listened to for each class, as merged intervals; class-agnostically for every label there is."""

    def __init__(
        self, coverage: pl.DataFrame, settings: DetectionSettings, labels: Sequence[str], known: list[str], apart: bool
    ) -> None:
        anywhere = coverage.with_columns(channel=pl.lit(None, dtype=pl.Int32))
        self._anywhere = CoverageIndex(anywhere)
        self._index = CoverageIndex(coverage) if apart else self._anywhere
        self._labels, self._known, self._agnostic = labels, known, settings.class_agnostic

    def _spans(self, index: CoverageIndex, recording: str, label: int, channel: int | None) -> Intervals:
        """Where the recording was listened to for a class number, (n, 2) s."""
        names = self._known if self._agnostic else [self._labels[label]]
        return index.intervals_of_all(recording, names, channel)

    def holds(
        self, times_s: Floats, place: Integers, label: Integers, keys: Integers, recordings: Sequence[str]
    ) -> Booleans:
        """Whether each time (n,) was listened to for its label; never for UNKNOWN."""
        found = np.zeros(len(times_s), dtype=bool)
        order = np.lexsort((label, place))
        cuts = np.flatnonzero((np.diff(place[order]) != 0) | (np.diff(label[order]) != 0)) + 1
        for rows in np.split(order, cuts):
            if not len(rows) or label[rows[0]] == UNKNOWN:
                continue
            key = int(keys[place[rows[0]]])
            channel, name = key % _CHANNELS or None, recordings[key // _CHANNELS]
            spans = self._spans(self._index, name, int(label[rows[0]]), channel)
            at = np.searchsorted(spans[:, 0], times_s[rows], side="right") - 1
            found[rows] = (at >= 0) & (times_s[rows] < spans[np.maximum(at, 0), 1]) if len(spans) else False
        return found

    def seconds(self, recordings: Sequence[str], durations: Mapping[str, float]) -> Floats:
        """Seconds of each recording listened to for each class, on any channel, (recordings, labels)."""
        total = np.zeros((len(recordings), len(self._labels)))
        for row, name in enumerate(recordings):
            for column in range(len(self._labels)):
                spans = self._spans(self._anywhere, name, column, None)
                if np.isinf(spans).any() and name not in durations:
                    raise DataError(
                        "listened to until the end, but how long it is, is not known",
                        where=name,
                        mend="Give the duration of this recording in `durations`.",
                    )
                total[row, column] = np.diff(np.clip(spans, 0.0, durations.get(name, np.inf)), axis=1).sum()
        return total
