"""A set of boxes from its folder to scores: corpus, frames, detectors trained and calibrated, the test part read once.

A detector is trained on the set's training part; its stopping, calibration and threshold come from the validation
part, and so does the choice among methods, which is written before the test part is read. Every reading is logged.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
import torch

import tymbal
from tymbal.annotations import make_events
from tymbal.benchmarks.boxes.corpora import BoxCorpus, to_box_corpus
from tymbal.benchmarks.boxes.layout import UNKNOWN, BoxContents, BoxSet
from tymbal.benchmarks.boxes.scoring import score_test
from tymbal.benchmarks.dataset import TEST, TRAIN, VALIDATION
from tymbal.benchmarks.verify import Verification
from tymbal.config import digest, to_plain
from tymbal.corpus.corpus import read_table, write_table
from tymbal.detection import METHODS, Detector, DetectorConfig, ceiling
from tymbal.detection.detector import labelled_events, to_boxes, within
from tymbal.detection.frames import read_track
from tymbal.encoders import Encoder
from tymbal.errors import DataError, TymbalError, UsageError
from tymbal.features import FeatureStore, embed
from tymbal.jobs import Progress, write_json, write_text

RESULT, CHOICE, READINGS = "result.json", "choice.json", "test_reads.jsonl"


@dataclass(frozen=True)
class BoxesConfig:
    """What is trained on every set.

    Parameters
    ----------
    methods : ways to make boxes that compete on validation; see `tymbal.detection.METHODS`.
    detector : everything else about the detectors.
    slowed : run the sets that Voxaboxen slows on the slowed clock too; needed where an encoder hears up to 8 kHz only.
    """

    methods: tuple[str, ...] = ("both",)
    detector: DetectorConfig = field(default_factory=DetectorConfig)
    slowed: bool = False

    def check(self) -> None:
        """Raise UsageError naming the first field outside its range."""
        unknown = [name for name in self.methods if name not in METHODS]
        if unknown or not self.methods:
            what = f"unknown method {unknown[0]!r}" if unknown else "no method"
            raise UsageError(what, parameter="methods", allowed=", ".join(METHODS))
        self.detector.check()


def run_boxes(
    ready: Sequence[Verification],
    encoder: Encoder,
    out: Path,
    *,
    config: BoxesConfig | None = None,
    workers: int | None = 1,
    progress: Progress | None = None,
) -> tuple[dict[str, dict[str, Any]], tuple[tuple[str, str], ...]]:
    """Run sets of boxes that are ready: ({set: its result}, ((set, why it failed), ...)).

    Everything is kept per set in OUT/SET; the same call goes on where it stopped. A set that fails leaves its reason.
    Raises TymbalError by the name of the setting for one that no set can take.
    """
    config = config or BoxesConfig()
    results: dict[str, dict[str, Any]] = {}
    failures = []
    for found in ready:
        try:
            results[found.described.name] = _run_set(
                found, encoder, out / found.described.name, config, workers, progress
            )
        except (TymbalError, OSError) as error:  # a set that cannot be written is one bad set
            if isinstance(error, TymbalError) and error.parameter is not None:
                raise  # a setting that no set can take
            failures.append((found.described.name, str(error)))
    return results, tuple(failures)


def _boxes(found: Verification) -> tuple[BoxSet, BoxContents]:
    """The set and what lies there. Raises DataError for what is no set of boxes, or not ready."""
    described, contents = found.described, found.contents
    if not isinstance(described, BoxSet) or not isinstance(contents, BoxContents):
        what = "not ready" if isinstance(described, BoxSet) else "no set of boxes"
        raise DataError(
            f"{described.name} is {what}",
            where=found.folder,
            allowed="what `verify` found of a set of the benchmark boxes, its `ready` being true",
        )
    return described, contents


def _run_set(
    found: Verification,
    encoder: Encoder,
    out: Path,
    config: BoxesConfig,
    workers: int | None,
    progress: Progress | None,
) -> dict[str, Any]:
    described, contents = _boxes(found)
    prepared = to_box_corpus(described, contents, out, slowed=config.slowed, workers=workers, progress=progress)
    layers = "all" if config.detector.layers == "finest" else config.detector.layers
    store = embed(prepared, encoder, out / "store", layers=layers, workers=workers, progress=progress)
    parts, lost = _embedded(prepared, store)
    fits = _Fits(out, prepared, store, parts, config, progress)
    detectors = {method: fits.detector(method) for method in config.methods}
    judged = {method: float(detector.notes_["validation_f1"]) for method, detector in detectors.items()}
    picked = max(judged, key=lambda method: judged[method])
    write_json(out / CHOICE, {"picked": picked, "metric": "mean of f1@0.5 and f1@0.8", "validation": judged})
    tests = {
        method: score_test(prepared.corpus, contents.labels, detector, *fits.test(method, detector), parts[TEST])
        for method, detector in detectors.items()
    }
    tests[picked].scores.save(out / "scores")
    row = {
        "set": described.name,
        "metrics": list(described.metrics),
        "unit_name": described.unit_name,
        "counts": found.counts,
        "recordings": {fold: len(names) for fold, names in parts.items()},
        "official": found.official and not lost,
        "departures": [to_plain(each) for each in found.departures],
        "not_embedded": lost,
        "clock": prepared.clock,
        "unknown": int((contents.events["label"] == UNKNOWN).sum()),
        "labels": list(contents.labels),
        "certain": described.certain,
        "remark": described.remark,
        "tymbal_version": tymbal.__version__,
        "encoder": store.manifest.parameters.get("encoder"),
        "encoder_checksum": store.manifest.encoder_checksum,
        "detector": to_plain(config.detector),
        "picked": picked,
        "validation": judged,
        "thresholds": {method: each.calibration_.threshold for method, each in detectors.items()},
        "probes": {method: each.estimates for method, each in tests.items()},
        "ceilings": {method: each.ceilings for method, each in tests.items()},
        "notes": list(tests[picked].scores.notes),
        "readings": _readings(out),
        "embedding": {},
    }
    write_json(out / RESULT, row)
    return row


def _embedded(prepared: BoxCorpus, store: FeatureStore) -> tuple[dict[str, list[str]], list[str]]:
    """Recordings of each fold that have frames, and those that have none. DataError where a fold is left empty."""
    there = {recording for recording, _ in store.runs()}
    parts = {fold: [name for name in names if name in there] for fold, names in prepared.folds.items()}
    for fold in (TRAIN, VALIDATION, TEST):
        if not parts.get(fold):
            raise DataError(
                f"no {fold} recording could be embedded", where=store.path, mend="See failures.parquet there."
            )
    return parts, sorted(name for names in prepared.folds.values() for name in names if name not in there)


@dataclass(frozen=True)
class _Fits:
    """Detectors and what they find in the test part, each kept in one file by what it was made from."""

    out: Path
    prepared: BoxCorpus
    store: FeatureStore
    parts: Mapping[str, Sequence[str]]
    config: BoxesConfig
    progress: Progress | None

    def _key(self, method: str) -> str:
        made = [to_plain(self.config.detector), method, tymbal.__version__]
        seen = [
            self.prepared.corpus.digest,
            self.store.manifest.store_digest,
            {k: list(v) for k, v in self.parts.items()},
        ]
        return digest([made, seen])

    def detector(self, method: str) -> Detector:
        """The detector of a method, fitted where it is not there yet."""
        path = self.out / "fits" / f"{self._key(method)}.detector"
        if path.is_file():
            return Detector.load(path)
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # one thread sums in one order everywhere
        try:
            detector = Detector(self.config.detector, method=method).fit(
                self.store,
                self.prepared.corpus,
                recordings=[*self.parts[TRAIN], *self.parts[VALIDATION]],
                validation=self.parts[VALIDATION],
                directory=path.with_suffix(".training"),
                progress=self.progress,
            )
        finally:
            torch.set_num_threads(threads)
        detector.save(path)
        return Detector.load(path)

    def test(self, method: str, detector: Detector) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Everything found in the test part with scores, and the ceiling; read from the test part once, and logged."""
        key = self._key(method)
        kept = [self.out / "fits" / f"{key}.{name}.parquet" for name in ("ceiling", "test")]
        if not all(path.is_file() for path in kept):
            _log_reading(self.out / READINGS, {"method": method, "fit": key, "recordings": len(self.parts[TEST])})
            best, found = _ceiling(self.prepared, self.store, detector, self.parts[TEST]), self._found(detector)
            for path, table in zip(kept, (best, found), strict=True):
                write_table(path, table)
        best, found = (make_events(read_table(path)) for path in kept)
        return found, best

    def _found(self, detector: Detector) -> pl.DataFrame:
        return detector.predict(self.store, recordings=self.parts[TEST], all=True)


def _ceiling(prepared: BoxCorpus, store: FeatureStore, detector: Detector, recordings: Sequence[str]) -> pl.DataFrame:
    """The references of the test part through the detector's own targets and decoder."""
    events = labelled_events(prepared.corpus, None, detector.config).drop_nulls(["onset_s", "offset_s"])
    number = {name: row for row, name in enumerate(detector.labels_)}
    layers, parts = [name for name, _ in detector.layers_], []
    for recording, channel in store.runs():
        if recording in set(recordings):
            track = read_track(store, recording, channel, layers)
            truth = to_boxes(events.filter(pl.col("recording") == recording), number)
            best = ceiling(detector, truth, track.grid, track.duration_s, track.nyquist_hz)
            parts.append(detector.events(within(best, track.duration_s), recording, channel))
    return pl.concat(parts)


def _log_reading(path: Path, row: Mapping[str, object]) -> None:
    """Note that the test part is read; what was read before for the same fit is not noted twice."""
    rows = _lines(path)
    if row not in rows:
        write_text(path, "".join(f"{json.dumps(each, sort_keys=True)}\n" for each in [*rows, dict(row)]))


def _readings(out: Path) -> int:
    return len(_lines(out / READINGS))


def _lines(path: Path) -> list[dict[str, Any]]:
    try:
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except FileNotFoundError:
        return []
    except ValueError as error:
        raise DataError(
            f"a line is no note of a reading: {error}", where=path, mend="Mend or delete that line."
        ) from error
