"""How good a detector is on a corpus, beside the ceiling of its own targets and decoder."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from tymbal.annotations import make_events
from tymbal.audio import AudioReader
from tymbal.corpus import Corpus
from tymbal.detection.boxes import Boxes
from tymbal.detection.decoding import EdgeMaps, decode_edges, suppress
from tymbal.detection.detector import ONE_CLASS, Detector, labelled_events, to_boxes, within
from tymbal.detection.frames import even_grid
from tymbal.detection.inference import find_runs
from tymbal.detection.methods import Found, get_method
from tymbal.detection.running import Channels, detect_channels
from tymbal.detection.sebb import find_steps
from tymbal.detection.targets import edge_targets
from tymbal.encoders.contract import Encoder
from tymbal.encoders.source import bind_rate
from tymbal.evaluation.detection import DetectionScores, DetectionSettings, score_against_corpus
from tymbal.units import FrameGrid


def evaluate(
    detector: Detector,
    encoder: Encoder,
    corpus: Corpus,
    *,
    label: str | None = None,
    recordings: Sequence[str] | None = None,
    by: str = "recording",
    threshold: float | None = None,
    channels: Channels = "mix",
    metrics: Sequence[str] | None = None,
    provenance: Mapping[str, str] | None = None,
    seed: int = 0,
) -> DetectionScores:
    """Detect in the recordings of a corpus and judge what was found; candidates below the threshold are ranked too.

    Parameters
    ----------
    encoder : the one that the detector was fitted to.
    label : event column of the class; None: the corpus' own. recordings : only these; None: all.
    by : column of the independent unit.
    threshold : other than the detector's.
    channels : recordings of several channels are detected in, and judged, as one "mix", or "each" channel by itself, as
        detectors trained in stereo always are; an event without a channel then counts in the first.
    provenance : what else the scores are to remember, as the name of the detector's file.

    Boxes with bounds in frequency are judged as areas where every event of the corpus has bounds, else in time.
    The `oracle` of the result is the truth through the detector's targets, decoder and fusion; pauses are left out.
    """
    table = corpus.recordings if recordings is None else corpus.recordings.filter(pl.col("recording").is_in(recordings))
    events = labelled_events(corpus, label, detector.config).drop_nulls(["onset_s", "offset_s"])
    apart = detector.config.stereo or channels == "each"
    if apart:
        events = events.with_columns(pl.col("channel").fill_null(1))
    found, ceilings = _searched(detector, encoder, corpus, table["recording"].to_list(), events, apart, threshold)
    told = events.filter(pl.col("recording").is_in(table["recording"].implode()))
    return score_against_corpus(
        corpus,
        found,
        recordings=table["recording"].to_list(),
        by=by,
        references=events.with_columns(pl.col("class").alias("label")).drop("class"),
        settings=_settings(detector, bounded(detector, told), apart, threshold),
        metrics=metrics,
        oracle=ceilings,
        provenance={"method": detector.config.method, "encoder": encoder.name, **(provenance or {})},
        seed=seed,
    )


def _searched(
    detector: Detector,
    encoder: Encoder,
    corpus: Corpus,
    recordings: Sequence[str],
    events: pl.DataFrame,
    apart: bool,
    threshold: float | None,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Events found in the recordings, candidates below the threshold among them, and what could be found at best."""
    number = {name: row for row, name in enumerate(detector.labels_)}
    found, ceilings = [], []
    for recording in recordings:
        path, own = corpus.file(recording), events.filter(pl.col("recording") == recording)
        sides, duration_s = detect_channels(
            detector, encoder, path, channels="each" if apart else "mix", threshold=threshold, all=True
        )
        grid, nyquist_hz = _grid(detector, encoder, path)
        for channel, boxes in sides.items():
            found.append(detector.events(boxes, recording, channel))
            truth = to_boxes(own.filter(pl.col("channel") == channel) if apart else own, number)
            best = within(ceiling(detector, truth, grid, duration_s, nyquist_hz), duration_s)
            ceilings.append(detector.events(best, recording, channel))
    return make_events(pl.concat(found)), make_events(pl.concat(ceilings))


def _settings(detector: Detector, frequency: bool, apart: bool, threshold: float | None) -> DetectionSettings:
    """How what was found is judged."""
    one = not detector.config.classes or detector.labels_ == (ONE_CLASS,)
    return DetectionSettings(
        threshold=detector.calibration_.threshold if threshold is None else threshold,
        class_agnostic=one,
        unknown=detector.config.unknown,
        labels=None if one else detector.labels_,
        frequency=frequency,
        by_channel=apart,
    )


def bounded(detector: Detector, events: pl.DataFrame) -> bool:
    """Whether both the detector's boxes and all events have a low and a high frequency."""
    edges = bool(get_method(detector.config.method).directions)
    whole = not events["low_hz"].null_count() and not events["high_hz"].null_count()
    return detector.config.bounds and edges and whole


def ceiling(
    detector: Detector, truth: Boxes, grid: FrameGrid, duration_s: float, nyquist_hz: float = math.nan
) -> Boxes:
    """The truth through a detector's targets and decoder, as if its network were never wrong; scores are 1."""
    config, method = detector.config, get_method(detector.config.method)
    frames, classes = max(1, math.ceil(duration_s / grid.hop_s)), len(detector.labels_)
    edges = {}
    for way in method.directions:
        targets = edge_targets(truth, grid, frames, way, config.targets, nyquist_hz=nyquist_hz)
        maps = EdgeMaps.of_targets(targets, classes)
        edges[way] = suppress(decode_edges(maps, grid, way, floor=0.5, nyquist_hz=nyquist_hz), config.decoding)
    active = np.zeros((classes, frames))
    for onset, offset, label in zip(truth.onset_s, truth.offset_s, truth.label, strict=True):
        active[max(int(label), 0), grid.inside(float(onset), float(offset), frames)] = 1.0
    runs = Boxes.none()
    if method.activity:
        steps = detector.calibration_.steps
        runs = find_runs(active, grid, 0.5) if steps is None else find_steps(active, grid, steps)
    joined = method.combine(Found(edges, runs), config.join_iou).boxes
    return suppress(joined.rescored(np.ones(len(joined))), config.decoding)


def _grid(detector: Detector, encoder: Encoder, path: Path) -> tuple[FrameGrid, float]:
    with AudioReader(path, sample_rate_hz=encoder.sample_rate or detector.provenance_.get("sample_rate_hz")) as reader:
        bound = bind_rate(encoder, None, reader.sample_rate_hz)
        specs: Mapping[str, FrameGrid] = {spec.name: spec.grid for spec in bound.layers}
        return even_grid({name: specs[name] for name, _ in detector.layers_}), reader.sample_rate_hz / 2
