"""The detector: fit on recordings with events, predict boxes in others. In scikit-learn's manners."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tymbal.annotations import CoverageIndex, make_events
from tymbal.config import with_fields
from tymbal.corpus import Corpus
from tymbal.corpus.tables import as_text
from tymbal.detection.boxes import UNKNOWN, Boxes
from tymbal.detection.config import DetectorConfig
from tymbal.detection.energy import tune_on_part
from tymbal.detection.fitting import Fitted, fit
from tymbal.detection.frames import Track, choose_layers, read_beside, read_track, tracks_of
from tymbal.detection.inference import Pauses, find_in_track
from tymbal.detection.members import fit_together, open_network
from tymbal.detection.network import DetectionNetwork
from tymbal.detection.pauses import power_part
from tymbal.detection.windows import Example
from tymbal.errors import DataError, UsageError
from tymbal.features import FeatureStore
from tymbal.jobs import Progress
from tymbal.probes.grouping import validation_rows

ONE_CLASS = "event"  # the label of events where none is told apart


class Detector:
    """Onset boxes out of any encoder's frames.

    The constructor only stores the configuration; `fit` checks it and sets attributes that end in "_":

    labels_ : names of the classes, sorted.
    layers_ : (name, values per frame) of the layers it sees; channels_ : of how many channels side by side.
    encoder_checksum_, provenance_ : which features it was fitted to, and how they were made.
    calibration_ : what scores are worth, and the threshold; both from recordings held out of training.
    notes_ : epochs, F1 on those recordings and the like.
    """

    labels_: tuple[str, ...]
    layers_: tuple[tuple[str, int], ...]
    channels_: int = 1
    encoder_checksum_: str
    provenance_: dict[str, Any]

    def __init__(self, config: DetectorConfig | None = None, **fields: Any) -> None:
        self.config = with_fields(config or DetectorConfig(), fields)

    def __repr__(self) -> str:
        state = f"{len(self.labels_)} labels" if hasattr(self, "fitted_") else "not fitted"
        return f"Detector({self.config.method}, {state})"

    @property
    def calibration_(self) -> Any:
        return self._fit().calibration

    @property
    def notes_(self) -> dict[str, Any]:
        return self._fit().notes

    def fit(
        self,
        store: FeatureStore,
        corpus: Corpus,
        *,
        label: str | None = None,
        recordings: Sequence[str] | None = None,
        groups: Mapping[str, str] | None = None,
        validation: Sequence[str] | None = None,
        directory: Path | None = None,
        progress: Progress | None = None,
    ) -> Detector:
        """Train on the events of a corpus and return self.

        Parameters
        ----------
        store : frames of the corpus.
        corpus : its events and its coverage; recordings nobody listened to exhaustively are left out.
        label : event column that holds the class; None: `label`. Without any label there is one class.
        recordings : train on these only; None: on all.
        groups : of a recording, what it depends on others through (individual, site). Whole groups are held out for
            stopping, calibration and threshold; one group alone has the last part of each recording held out. With
            `members` every group is held out by one of them, where there are two groups or more.
        validation : those of `recordings` that are held out for this, in place of groups: a published split.
        directory : keeps a checkpoint there; the same call resumes it.

        Raises DataError: no coverage, no events; UsageError: settings out of range.
        """
        self.config.check()
        names = choose_layers(store, self.config.layers)
        self.layers_ = tuple((name, store.layer(name).width) for name in names)
        examples, self.labels_ = read_examples(store, corpus, names, self.config, label=label, recordings=recordings)
        self.channels_ = _same_channels(examples, sum(width for _, width in self.layers_))
        seen, classes, groups = self.seen_layers(), len(self.labels_), groups or {}
        gate = tune_on_part(examples, self._own_power()) if self.config.pauses else None
        several = len({groups.get(each.track.recording, each.track.recording) for each in examples}) > 1
        if self.config.members > 1 and validation is None and several:
            self.fitted_ = fit_together(
                examples, groups, seen, classes, self.config, directory=directory, progress=progress
            )
        else:
            trained, held = _held_by_name(examples, validation) or hold_out(examples, groups, self.config)
            self.fitted_ = fit(trained, held, seen, classes, self.config, directory=directory, progress=progress)
        self.fitted_ = replace(self.fitted_, gate=gate)
        manifest = store.manifest
        self.encoder_checksum_ = manifest.encoder_checksum
        self.provenance_ = {**manifest.parameters, "encoder_config": manifest.encoder_config}
        return self

    def predict(
        self, store: FeatureStore, *, recordings: Sequence[str] | None = None, all: bool = False
    ) -> pl.DataFrame:
        """Detections in the recordings of a store as an Events table, in order of recording, channel and time.

        all : also candidates below the threshold, with their scores, for curves and rankings.

        Raises UsageError before `fit`, DataError for features of another encoder.
        """
        self._fits(store.manifest.encoder_checksum, store.layers)
        network, parts = self.network(), []
        for recording, channel in tracks_of(store, recordings):
            track = _seen_track(store, recording, channel, [name for name, _ in self.layers_], self.config)
            _same_channels([track], sum(width for _, width in self.layers_), self.channels_)
            parts.append(self.events(self.boxes(track, network, all=all), recording, channel))
        return pl.concat(parts) if parts else self.events(Boxes.none(), "", None)

    def network(self) -> DetectionNetwork:
        """The fitted network, in evaluation mode."""
        return open_network(self.seen_layers(), self.config, len(self.labels_), self._fit().tensors)

    def seen_layers(self) -> tuple[tuple[str, int], ...]:
        """(name, values per frame) as the network sees them: of all channels side by side."""
        return tuple((name, width * self.channels_) for name, width in self.layers_)

    def pauses(self) -> Pauses | None:
        """What hears pauses, where the detector does."""
        gate = self._fit().gate
        return None if gate is None else Pauses(gate, self._own_power())

    def _own_power(self) -> slice:
        """Powers of the channel that is judged: of several, its own stand first in every layer."""
        start = power_part(self.seen_layers()).start
        return slice(start, start + power_part(self.layers_).stop - power_part(self.layers_).start)

    def boxes(self, track: Track, network: DetectionNetwork | None = None, *, all: bool = False) -> Boxes:
        """Boxes in frames that are there as a whole."""
        calibration = self._fit().calibration
        levels = () if calibration.level is None else (calibration.level,)
        finder = find_in_track(network or self.network(), self.config, track, levels, self.pauses())
        boxes = within(finder.detections(calibration, calibration.threshold), track.duration_s)
        return boxes if all else boxes.take(boxes.score >= calibration.threshold)

    def events(self, boxes: Boxes, recording: str, channel: int | None) -> pl.DataFrame:
        """Boxes of one channel of a recording as an Events table."""
        return to_events(boxes, self.labels_, recording, channel)

    def save(self, path: str | Path) -> Path:
        """Write the fitted detector as one safetensors file, atomically. Returns the path."""
        from tymbal.detection.files import save_detector

        self._fit()
        return save_detector(self, Path(path))

    @classmethod
    def load(cls, path: str | Path) -> Detector:
        """Read a detector that `save` wrote. Raises DataError for a file that is none."""
        from tymbal.detection.files import load_detector

        return load_detector(Path(path))

    def _fit(self) -> Fitted:
        if not hasattr(self, "fitted_"):
            raise UsageError(
                "this detector is not fitted yet", where="Detector", mend="Call fit(store, corpus) or load(path) first."
            )
        return self.fitted_

    def _fits(self, checksum: str, layers: Sequence[str]) -> None:
        self._fit()
        missing = [name for name, _ in self.layers_ if name not in layers]
        if checksum != self.encoder_checksum_ or missing:
            what = f"without layer {missing[0]!r}" if missing else f"of encoder {checksum or 'unknown'}"
            raise DataError(
                f"these features are {what}, the detector was fitted to {self.encoder_checksum_ or 'unknown'}",
                where="Detector.predict",
                mend="Embed with the encoder and the layers of the detector, or fit a new one.",
            )


def _held_by_name(
    examples: Sequence[Example], validation: Sequence[str] | None
) -> tuple[list[Example], list[Example]] | None:
    """Examples to train on and those held out by name; None where none is named."""
    if validation is None:
        return None
    names = set(validation)
    held = [each for each in examples if each.track.recording in names]
    return [each for each in examples if each.track.recording not in names], held


def within(boxes: Boxes, duration_s: float) -> Boxes:
    """Boxes cut to the recording; those that lie outside are gone."""
    onset, offset = np.maximum(boxes.onset_s, 0.0), np.minimum(boxes.offset_s, duration_s)
    cut = Boxes(onset, offset, boxes.score, boxes.label, boxes.low_hz, boxes.high_hz)
    return cut.take(offset > onset)


def to_events(boxes: Boxes, labels: Sequence[str], recording: str, channel: int | None) -> pl.DataFrame:
    """An Events table of boxes; ids count within the recording and channel."""
    count = len(boxes)
    named = recording if channel in (None, 1) else f"{recording}:{channel}"
    return make_events(
        pl.DataFrame(
            {
                "event_id": [f"{named}#{number}" for number in range(1, count + 1)],
                "recording": [recording] * count,
                "channel": pl.Series([channel] * count, dtype=pl.Int32),
                "onset_s": boxes.onset_s,
                "offset_s": boxes.offset_s,
                "low_hz": boxes.low_hz,
                "high_hz": boxes.high_hz,
                "label": [labels[number] if number >= 0 else None for number in boxes.label.tolist()],
                "score": boxes.score,
            },
            schema_overrides={"event_id": pl.String, "recording": pl.String, "label": pl.String},
        )
    )


def read_examples(
    store: FeatureStore,
    corpus: Corpus,
    layers: Sequence[str],
    config: DetectorConfig,
    *,
    label: str | None = None,
    labels: Sequence[str] | None = None,
    recordings: Sequence[str] | None = None,
) -> tuple[list[Example], tuple[str, ...]]:
    """Tracks with their events and coverage, and the names of the classes (`labels`, or those of the events).

    Raises DataError where nothing was listened to exhaustively, or no event has times.
    """
    if corpus.coverage.is_empty():
        raise DataError(
            "no coverage: where nobody listened, silence cannot be taught",
            where=corpus.path,
            mend="Say what was listened to when indexing: --complete, or --coverage TABLE.",
        )
    table = labelled_events(corpus, label, config)
    keys = tracks_of(store, recordings)
    there = set(keys)
    timed = table.drop_nulls(["onset_s", "offset_s"])
    timed = timed if recordings is None else timed.filter(pl.col("recording").is_in(list(recordings)))
    if labels is None:
        told = timed.filter(~pl.col("class").is_in(config.unknown))["class"].drop_nulls()
        labels = sorted(told.unique().to_list()) or [ONE_CLASS]
    number = {name: row for row, name in enumerate(labels)}
    heard_for = labels if config.classes and tuple(labels) != (ONE_CLASS,) else _told(table["label"], config)
    rows: dict[tuple[str, int | None], list[int]] = {}
    for row, (recording, channel) in enumerate(timed.select("recording", "channel").iter_rows()):
        key = next((each for each in ((recording, channel), (recording, None), (recording, 1)) if each in there), None)
        if key is not None and (channel is None or key[1] == channel):
            rows.setdefault(key, []).append(row)
    if config.stereo and timed["channel"].null_count():
        raise DataError(
            f"{timed['channel'].null_count()} of {timed.height} events say no channel: whose they are cannot be taught",
            where=corpus.path,
            parameter="stereo",
            mend="Give tables with a channel (Raven's Channel), or train without stereo.",
        )
    index, found = CoverageIndex(corpus.coverage), []
    for recording, channel in keys:
        spans = index.intervals_of_all(recording, heard_for, channel)
        if len(spans):
            track = _seen_track(store, recording, channel, layers, config)
            events = to_boxes(timed[rows.get((recording, channel), [])], number)
            found.append(Example(track, events, _covered(track, spans)))
    return found, tuple(labels)


def _seen_track(
    store: FeatureStore, recording: str, channel: int | None, layers: Sequence[str], config: DetectorConfig
) -> Track:
    read = read_beside if config.stereo else read_track
    return read(store, recording, channel, layers)


def _same_channels(found: Sequence[Example | Track], width: int, wanted: int | None = None) -> int:
    """How many channels of `width` values lie side by side in all that was read; DataError where that differs."""
    for each in found:
        track = each if isinstance(each, Track) else each.track
        count = track.values.shape[1] // width
        wanted = wanted or count
        if count != wanted:
            raise DataError(
                f"{track.recording} has {count} channels, others {wanted}",
                where="Detector",
                parameter="stereo",
                allowed="recordings of equally many channels",
            )
    return wanted or 1


def labelled_events(corpus: Corpus, label: str | None, config: DetectorConfig) -> pl.DataFrame:
    """The events with their class in a column `class`, null where it is not known; one class where none is told apart.

    Raises DataError where the events have no such column.
    """
    table, name = corpus.events, label or corpus.default_label or "label"
    if not config.classes:
        return table.with_columns(pl.lit(ONE_CLASS).alias("class"))
    if name not in table.columns:
        raise DataError(f"no event column {name!r}", where=corpus.path, parameter="label", allowed="a column of events")
    named = table.with_columns(as_text(name).alias("class"))
    whole = named["class"].null_count() == named.height
    return named.with_columns(pl.lit(ONE_CLASS).alias("class")) if whole else named


def to_boxes(events: pl.DataFrame, number: Mapping[str, int]) -> Boxes:
    """Events with a column `class` as boxes; `number` of each class, those of no class in it are `UNKNOWN`."""
    return Boxes.make(
        events["onset_s"].to_numpy(),
        events["offset_s"].to_numpy(),
        label=[number.get(name, UNKNOWN) for name in events["class"].to_list()],
        low_hz=events["low_hz"].to_numpy(),
        high_hz=events["high_hz"].to_numpy(),
    ).sorted()


def _told(labels: pl.Series, config: DetectorConfig) -> list[str]:
    """The known labels among those given: what events of one class have to be listened to for."""
    return sorted(set(labels.drop_nulls().to_list()) - set(config.unknown))


def _covered(track: Track, spans: NDArray[np.float64]) -> NDArray[np.bool_]:
    covered = np.zeros(track.frames, dtype=np.bool_)
    for start, end in spans:
        covered[track.grid.inside(float(start), min(float(end), track.duration_s + 1.0), track.frames)] = True
    return covered


def hold_out(
    examples: Sequence[Example], groups: Mapping[str, str], config: DetectorConfig
) -> tuple[list[Example], list[Example]]:
    """Examples to train on and examples held out: whole groups where there are two or more, else the last part of each.

    Without `groups` every recording is its own. Classes are spread as well as groups allow.
    """
    names = [groups.get(each.track.recording, each.track.recording) for each in examples]
    classes = max((int(each.events.label.max(initial=0)) for each in examples), default=0) + 1
    rows = [(row, label) for row, each in enumerate(examples) for label in each.events.label.clip(0).tolist()]
    if rows and len(set(names)) > 1:
        targets = np.eye(classes, dtype=np.float32)[[label for _, label in rows]]
        held = validation_rows(
            [names[row] for row, _ in rows], targets, config.validation_fraction, seed=config.training.seed
        )
        chosen = {names[row] for (row, _), out in zip(rows, held, strict=True) if out}
        if chosen:
            parts = [(each, name in chosen) for each, name in zip(examples, names, strict=True)]
            return [each for each, out in parts if not out], [each for each, out in parts if out]
    cuts = [round(each.track.frames * (1 - config.validation_fraction)) for each in examples]
    pairs = [_torn(each, cut) for each, cut in zip(examples, cuts, strict=True)]
    return [first for first, _ in pairs], [second for _, second in pairs]


def _torn(example: Example, cut: int) -> tuple[Example, Example]:
    """An example before and from frame `cut` on; an event over the cut goes to neither, nor do its frames count."""
    track, events = example.track, example.events
    at_s = track.grid.center_s(cut) - track.grid.hop_s / 2
    over = (events.onset_s < at_s) & (events.offset_s > at_s)
    first_s = min(events.onset_s[over].min(initial=np.inf), at_s)
    last_s = max(events.offset_s[over].max(initial=-np.inf), at_s)
    centers = track.grid.centers_s(track.frames)
    covered = example.covered & ~((centers >= first_s) & (centers < last_s))
    grid = replace(track.grid, first_center_s=track.grid.center_s(cut))
    before = replace(track, values=track.values[:cut])
    after = replace(track, values=track.values[cut:], grid=grid)
    return (
        Example(before, events.take(events.offset_s <= first_s), covered[:cut]),
        Example(after, events.take(events.onset_s >= last_s), covered[cut:]),
    )
