"""A detector over recordings of any number and length: one pass in bounded memory, one table part per recording.

Sound goes through the encoder in the segments that the detector was fitted on, its frames through the network in
pieces with context. Nothing is decided at a seam: candidates of the whole recording are thinned, joined and scored
together, so that an event across a seam is found once. A part is written when its recording is done; a run that was
killed goes on with the others, and ends with the same tables.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl
import torch

from tymbal.annotations import make_events, table_of_recording, write_events
from tymbal.audio import AudioReader, find_recordings
from tymbal.config import digest
from tymbal.corpus.corpus import read_table, write_table
from tymbal.detection.boxes import Boxes
from tymbal.detection.detector import Detector, within
from tymbal.detection.frames import Array, Unit, beside, blocks, even_grid, own_first
from tymbal.detection.inference import Finder, streamed
from tymbal.encoders.contract import Encoder
from tymbal.encoders.source import bind_rate
from tymbal.encoders.windows import stream
from tymbal.errors import DataError, Fault, InputPathError, NothingDoneError, SettingsError, UsageError
from tymbal.jobs import (
    Executor,
    Progress,
    Shard,
    ShardOutcomes,
    Worked,
    make_executor,
    only_writer,
    plan_groups,
    remove_temporaries,
    run_job,
    write_json,
    write_through,
)

Channels = Literal["mix", "each"]
SETTINGS, PARTS, RAVEN, TABLE = "detect.json", "parts", "raven", "detections"


@dataclass(frozen=True)
class Item:
    """A recording to run over: its name in tables, where it lies, and what tells whether it has changed."""

    name: str
    path: str
    size_bytes: int
    mtime_ns: int

    @classmethod
    def of(cls, name: str, path: Path) -> Item:
        """The item of a file that is there."""
        found = path.stat()
        return cls(name, str(path), found.st_size, found.st_mtime_ns)

    def address(self) -> list[Any]:
        """What decides its events; where it lies does not."""
        return [self.name, self.size_bytes, self.mtime_ns]


@dataclass(frozen=True)
class Sounded:
    """What was found in one recording: an Events table, and half the rate it was recorded at."""

    events: pl.DataFrame
    nyquist_hz: float


@dataclass(frozen=True)
class RunResult:
    """What a run found: an Events table, the recordings that failed (item, error, message), what was odd about others
    that were worked all the same (item, code, message), and how many were done."""

    events: pl.DataFrame
    failures: pl.DataFrame
    faults: pl.DataFrame
    recordings: int
    resumed: int
    audio_s: float


def detect_sound(
    detector: Detector, encoder: Encoder, path: Path, *, channel: int | None = None, threshold: float | None = None
) -> tuple[Boxes, float]:
    """Boxes in one channel of a recording (None: the mix), and its seconds; memory does not grow with its length."""
    if detector.config.stereo:
        found, duration_s = detect_channels(detector, encoder, path, threshold=threshold)
        return found[channel or 1], duration_s
    (boxes,), duration_s = _detect(detector, encoder, path, [channel], threshold)
    return boxes, duration_s


def detect_channels(
    detector: Detector,
    encoder: Encoder,
    path: Path,
    *,
    channels: Channels = "each",
    threshold: float | None = None,
    all: bool = False,
    faults: list[Fault] | None = None,
) -> tuple[dict[int | None, Boxes], float]:
    """Boxes in every channel of a recording by its number (None: the mix), and its seconds.

    `all` : also the candidates below the threshold. `faults` gets what was odd about the file, once it is read.
    A detector that was trained in stereo hears all channels at once, whatever `channels` says. Raises DataError where
    it is given a recording of another number of channels.
    """
    with AudioReader(path) as reader:
        count = reader.info.channels
    every = list(range(1, count + 1))
    if detector.config.stereo:
        if count != detector.channels_:
            raise DataError(
                f"{count} {'channel' if count == 1 else 'channels'}",
                where=path,
                allowed=f"{detector.channels_}, as in the recordings that this stereo detector was trained on",
                mend="Give such recordings, or a detector trained without stereo.",
            )
        boxes, duration_s = _detect(detector, encoder, path, every, threshold, faults, all)
        return dict(zip(every, boxes, strict=True)), duration_s
    chosen: list[int | None] = [None] if channels == "mix" and count > 1 else [*every]
    found, duration_s = {}, 0.0
    for channel in chosen:
        (found[channel],), duration_s = _detect(detector, encoder, path, [channel], threshold, faults, all)
    return found, duration_s


def _detect(
    detector: Detector,
    encoder: Encoder,
    path: Path,
    seen: Sequence[int | None],
    threshold: float | None,
    faults: list[Fault] | None = None,
    all: bool = False,
) -> tuple[list[Boxes], float]:
    """Boxes in each of the channels `seen`, judged with all of them side by side."""
    made, calibration, network = detector.provenance_, detector.calibration_, detector.network()
    widths = [width for _, width in detector.layers_]
    rate_hz = encoder.sample_rate or made.get("sample_rate_hz")
    with ExitStack() as stack:
        readers = [stack.enter_context(AudioReader(path, channel=each, sample_rate_hz=rate_hz)) for each in seen]
        rate_hz = readers[0].sample_rate_hz
        bound = bind_rate(encoder, None, rate_hz)
        specs = {spec.name: spec.grid for spec in bound.layers}
        grid = even_grid({name: specs[name] for name, _ in detector.layers_})
        levels = () if calibration.level is None else (calibration.level,)
        finders = [Finder(network, detector.config, grid, rate_hz / 2, levels, detector.pauses()) for _ in seen]
        own = [blocks(_units(detector, bound, reader), grid) for reader in readers]
        rows = (np.concatenate(parts, axis=1) for parts in zip(*own, strict=True))
        for piece in streamed(rows, Finder.context(detector.config)):
            parts = np.split(piece.values, len(seen), axis=1)
            for number, finder in enumerate(finders):
                order = own_first(len(seen), number)
                finder.take(replace(piece, values=beside([parts[each] for each in order], widths)))
        duration_s = readers[0].samples / rate_hz
        if faults is not None:  # some come to light in reading
            faults.extend(each for reader in readers for each in reader.faults if each not in faults)
    least = calibration.threshold if threshold is None else threshold
    found = [within(finder.detections(calibration, least), duration_s) for finder in finders]
    return found if all else [boxes.take(boxes.score >= least) for boxes in found], duration_s


def _units(detector: Detector, encoder: Encoder, reader: AudioReader) -> Iterator[Unit]:
    """The frames of one channel in the segments that the detector was fitted on."""
    made, duration_s = detector.provenance_, reader.samples / reader.sample_rate_hz
    segment_s = float(made["segment_s"])
    segments = stream(
        encoder,
        reader.read,
        reader.samples,
        segment_s=segment_s,
        margin_s=made["margin_s"],
        layers=made["layers"],
    )
    for number, found in enumerate(segments):
        own = [(_stored(found[name].values, made), found[name]) for name, _ in detector.layers_]
        layers = [(values, each.grid.centers_s(len(values))) for values, each in own]
        yield Unit(number * segment_s, min((number + 1) * segment_s, duration_s), layers)


def _stored(values: torch.Tensor, made: dict[str, Any]) -> Array:
    """Frames as a store would have kept them: what the detector was fitted on."""
    rows = values.reshape(len(values), -1).float().numpy()
    if made["precision"] == "float16":
        with np.errstate(over="ignore"):
            rows = rows.astype("<f2").astype(np.float32)
    if not np.isfinite(rows).all():
        raise DataError(f"frames are not finite as {made['precision']}", where="encoder")
    return np.asarray(rows, dtype=np.float32)


class DetectWork:
    """Detects in whole recordings; picklable, so that every worker process holds its own."""

    def __init__(self, detector: Detector, encoder: Encoder, channels: Channels, threshold: float | None) -> None:
        self._detector, self._encoder, self._channels, self._threshold = detector, encoder, channels, threshold

    def prepare(self) -> None:
        """One thread for torch: sums in several threads depend on how many there are."""
        torch.set_num_threads(1)

    def __call__(self, item: Item) -> Worked[Sounded]:
        """The events of one recording, channel by channel."""
        path = Path(item.path)
        with AudioReader(path) as reader:
            nyquist_hz = reader.info.sample_rate_hz / 2
            if not reader.samples:
                raise DataError("holds no sample", where=item.name, mend="Record it again.")
        faults: list[Fault] = []
        sides, seconds = detect_channels(
            self._detector, self._encoder, path, channels=self._channels, threshold=self._threshold, faults=faults
        )
        parts = [self._detector.events(boxes, item.name, channel) for channel, boxes in sides.items()]
        return Worked(Sounded(pl.concat(parts), nyquist_hz), seconds * len(sides), tuple(faults))


def run_detector(
    detector: Detector,
    encoder: Encoder,
    recordings: str | Path,
    out: str | Path,
    *,
    channels: Channels = "mix",
    threshold: float | None = None,
    workers: int | None = 1,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> RunResult:
    """Detect in every recording of a folder (or in one file), and write the tables into the folder `out`.

    `out` gets detections.parquet, detections.csv, failures.csv (recordings that could not be worked), faults.csv (what
    was odd about others), and for every recording raven/RECORDING.selections.txt, empty where nothing was found. Run it
    again after a stop: recordings that are done are not decoded again, failed ones are tried again.

    Parameters
    ----------
    encoder : the one that the detector was fitted to.
    channels : "mix" detects in the mean of all channels, "each" in each by itself (a microphone per animal). Detectors
        trained in stereo always tell their events by channel.
    threshold : other than the one in the detector's file.
    workers : processes (1: in this process; None: one per core).

    Raises InputPathError for recordings that are not there, NothingDoneError where there is none or none could be
    worked, DataError for another encoder, SettingsError where `out` holds a run with other settings.
    """
    if encoder.checksum != detector.encoder_checksum_:
        raise DataError(
            f"the detector was fitted to encoder {detector.encoder_checksum_}, this one is {encoder.checksum}",
            where=encoder.name,
            mend="Give the encoder that it was trained with: --encoder.",
        )
    if threshold is not None and not 0 <= threshold <= 1:
        raise UsageError(f"threshold is {threshold}", parameter="threshold", allowed="0 to 1")
    items, folder = _items(Path(recordings)), Path(out)
    settings = {"detector": _identity(detector), "channels": channels, "threshold": threshold}
    executor = executor or make_executor(workers)
    with only_writer(folder):
        _check_settings(folder, settings)
        write_json(folder / SETTINGS, settings)
        remove_temporaries(folder)
        return _run(items, settings, folder, DetectWork(detector, encoder, channels, threshold), executor, progress)


def _run(
    items: list[Item],
    settings: dict[str, Any],
    folder: Path,
    work: DetectWork,
    executor: Executor,
    progress: Progress | None,
) -> RunResult:
    plan = plan_groups("detect", [[each] for each in items], settings, address=Item.address)
    failures: list[tuple[str, str, str]] = []

    def save(shard: Shard[Any], outcomes: ShardOutcomes[Sounded]) -> None:
        failures.extend((each.item, each.error, each.message) for each in outcomes.failures)
        for outcome in outcomes.outcomes:
            if outcome.worked is not None:
                found = outcome.worked.value
                _write_raven(_raven(folder, shard), found)
                faults = [[outcome.item, fault.code, fault.message] for fault in outcome.worked.faults]
                write_json(_part(folder, shard).with_suffix(".json"), faults)
                write_table(_part(folder, shard), found.events)  # last: it says that the recording is done

    threads = torch.get_num_threads()
    try:
        report = run_job(
            plan,
            work,
            save,
            is_done=lambda shard: _is_done(folder, shard),
            executor=executor,
            progress=progress,
        )
    finally:
        torch.set_num_threads(threads)
    schema = {"item": pl.String, "error": pl.String, "message": pl.String}
    failed = pl.DataFrame(failures, schema=schema, orient="row").sort("item")
    if failed.height == len(items):
        raise NothingDoneError(f"no recording could be worked: {failed['message'][0]}", where=folder)
    events, faults = _tables(folder, [shard for shard in plan.shards if _part(folder, shard).is_file()], failed)
    return RunResult(events, failed, faults, len(items) - failed.height, report.resumed, report.audio_s)


def _items(recordings: Path) -> list[Item]:
    if recordings.is_file():
        return [Item.of(recordings.name, recordings)]
    if not recordings.is_dir():
        raise InputPathError("no such folder or recording", where=recordings, mend="Check the path.")
    names, _ = find_recordings(recordings)
    if not names:
        raise NothingDoneError("no recording in this folder", where=recordings, mend="Give a folder with sound in it.")
    return [Item.of(name, recordings / name) for name in names]


def _identity(detector: Detector) -> str:
    """What decides a detector's boxes, as one digest."""
    tensors = {name: tensor.flatten().tolist() for name, tensor in sorted(detector.fitted_.tensors.items())}
    return digest(
        [
            tensors,
            detector.config,
            detector.calibration_,
            detector.labels_,
            detector.encoder_checksum_,
            detector.fitted_.gate,
        ]
    )


def _check_settings(folder: Path, settings: dict[str, Any]) -> None:
    try:
        there = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return
    told = [f"{name}: there {there.get(name)!r}, asked for {settings[name]!r}" for name in settings]
    told = [line for line, name in zip(told, settings, strict=True) if there.get(name) != settings[name]]
    if told:
        raise SettingsError(
            f"this folder holds detections made with other settings: {'; '.join(told)}",
            where=folder,
            mend="Detect into a new folder, or delete this one.",
        )


def _part(folder: Path, shard: Shard[Any]) -> Path:
    return folder / PARTS / f"{shard.key}.parquet"


def _is_done(folder: Path, shard: Shard[Any]) -> bool:
    part = _part(folder, shard)
    return part.is_file() and part.with_suffix(".json").is_file() and _raven(folder, shard).is_file()


def _raven(folder: Path, shard: Shard[Any]) -> Path:
    return folder / RAVEN / table_of_recording(shard.items[0].name)


def _write_raven(path: Path, found: Sounded) -> None:
    """A recording's own selection table, with bounds in frequency where boxes have none: Raven draws no box without."""
    bounds = [pl.col("low_hz").fill_null(0.0), pl.col("high_hz").fill_null(found.nyquist_hz)]
    write_events(found.events.with_columns(bounds), path, format="raven")


def _tables(folder: Path, shards: list[Shard[Any]], failed: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The tables of all recordings, out of the parts: events, and what was odd."""
    events = make_events(pl.concat([read_table(_part(folder, shard)) for shard in shards]))
    write_table(folder / f"{TABLE}.parquet", events)
    write_through(folder / f"{TABLE}.csv", lambda file: events.write_csv(file))
    write_through(folder / "failures.csv", lambda file: failed.write_csv(file))
    told = [row for shard in shards for row in json.loads(_part(folder, shard).with_suffix(".json").read_text("utf-8"))]
    faults = pl.DataFrame(told, schema={"item": pl.String, "code": pl.String, "message": pl.String}, orient="row")
    write_through(folder / "faults.csv", lambda file: faults.write_csv(file))
    return events, faults
