"""A detector's Events against a corpus' Events and Coverage: every score, table and curve in one result."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from tymbal import __version__
from tymbal.corpus import Corpus
from tymbal.corpus.corpus import read_table, write_table
from tymbal.corpus.groups import group_keys
from tymbal.errors import CorpusError, DataError
from tymbal.evaluation.detection.alarms import false_alarms
from tymbal.evaluation.detection.curves import confusions, detection_reliability, threshold_curve
from tymbal.evaluation.detection.metrics import DETECTION, estimate_detection
from tymbal.evaluation.detection.outcomes import judge
from tymbal.evaluation.detection.problem import DetectionProblem, DetectionSettings, make_detection_problem
from tymbal.evaluation.detection.snr import measure_snr
from tymbal.evaluation.detection.tables import (
    CURVES,
    at_iou,
    class_table,
    event_table,
    notes_of,
    place_table,
    strata_table,
)
from tymbal.evaluation.intervals import Estimate
from tymbal.jobs import write_text

HEAD = "scores.json"
_TABLES = ("classes", "recordings", "units", "curves", "strata", "confusions", "events")
_OPTIONAL = ("reliability", "false_alarms")


@dataclass(frozen=True)
class DetectionScores:
    """What `score_detections` found.

    estimates : {metric name: Estimate, or None where it is undefined}; `reasons` says why for each None.
    oracle : the same metrics of the truth pushed through the detector's own targets and decoder: the ceiling that no
        network can pass; empty where it was not given.
    classes : minimum_iou, label, references, predictions, true, false, missed, unjudged, precision, recall, f1, ap and
        f1_low, f1_high with units (those that hold the class).
    recordings, units : minimum_iou, recording / unit, references, true, false, missed, precision, recall, f1, hours.
    curves : minimum_iou and the columns of `threshold_curve`. reliability : of `reliability`, or None.
    strata : minimum_iou and the columns of `recall_by`, by overlap and, where references have `snr_db`, by SNR.
    false_alarms : of `false_alarms`, or None without coverage. confusions : of `confusions`.
    events : every reference and prediction: side, recording, channel, onset_s, offset_s, low_hz, high_hz, label, score,
        outcome, iou, partner (row of the other side in `events`), at the first minimum IoU.
    notes : what a reader must know. provenance : what was scored against what, in words: corpus, detector, version.
    """

    estimates: Mapping[str, Estimate | None]
    oracle: Mapping[str, Estimate | None]
    reasons: Mapping[str, str]
    settings: DetectionSettings
    labels: tuple[str, ...]
    unit_name: str
    classes: pl.DataFrame = field(repr=False)
    recordings: pl.DataFrame = field(repr=False)
    units: pl.DataFrame = field(repr=False)
    curves: pl.DataFrame = field(repr=False)
    strata: pl.DataFrame = field(repr=False)
    confusions: pl.DataFrame = field(repr=False)
    events: pl.DataFrame = field(repr=False)
    reliability: pl.DataFrame | None = field(default=None, repr=False)
    false_alarms: pl.DataFrame | None = field(default=None, repr=False)
    notes: tuple[str, ...] = ()
    provenance: Mapping[str, str] = field(default_factory=dict)

    def save(self, path: str | Path) -> None:
        """Write scores.json and a Parquet file per table into the folder `path`; scores.json, written last, counts."""
        folder = Path(path)
        folder.mkdir(parents=True, exist_ok=True)
        for name in (*_TABLES, *_OPTIONAL):
            table = getattr(self, name)
            if table is None:
                (folder / f"{name}.parquet").unlink(missing_ok=True)
            else:
                write_table(folder / f"{name}.parquet", table)
        head = {
            "estimates": {name: None if each is None else asdict(each) for name, each in self.estimates.items()},
            "oracle": {name: None if each is None else asdict(each) for name, each in self.oracle.items()},
            "reasons": dict(self.reasons),
            "settings": asdict(self.settings),
            "labels": list(self.labels),
            "unit_name": self.unit_name,
            "notes": list(self.notes),
            "provenance": dict(self.provenance),
        }
        write_text(folder / HEAD, json.dumps(head, indent=1) + "\n")

    @classmethod
    def load(cls, path: str | Path) -> DetectionScores:
        """Read what `save` wrote. Raises CorpusError where it is not there or not whole."""
        folder = Path(path)
        try:
            head = json.loads((folder / HEAD).read_text(encoding="utf-8"))
            values: dict[str, Any] = {
                side: {name: None if each is None else Estimate(**each) for name, each in head[side].items()}
                for side in ("estimates", "oracle")
            }
            chosen: dict[str, Any] = {
                name: tuple(value) if isinstance(value, list) else value for name, value in head["settings"].items()
            }
            values["settings"] = DetectionSettings(**chosen)
            values["labels"], values["notes"] = tuple(head["labels"]), tuple(head["notes"])
            values["reasons"], values["unit_name"] = head["reasons"], head["unit_name"]
            values["provenance"] = head["provenance"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CorpusError(
                f"no scores of detections that can be read: {error}",
                where=folder,
                mend="Score the detections again; nothing here is needed for it.",
            ) from error
        tables: dict[str, Any] = {name: read_table(folder / f"{name}.parquet") for name in _TABLES}
        for name in _OPTIONAL:
            file = folder / f"{name}.parquet"
            tables[name] = read_table(file) if file.is_file() else None
        return cls(**values, **tables)


def default_metrics(settings: DetectionSettings) -> tuple[str, ...]:
    """Every metric of the registry, those at an IoU at each of the settings' own."""
    names = []
    for name, metric in DETECTION.items():
        names += [f"{name}@{iou:g}" for iou in settings.minimum_iou] if metric.at_iou else [name]
    return tuple(names)


def score_detections(
    predictions: pl.DataFrame,
    references: pl.DataFrame,
    coverage: pl.DataFrame | None,
    *,
    units: Mapping[str, str],
    unit_name: str,
    durations: Mapping[str, float],
    settings: DetectionSettings | None = None,
    metrics: Sequence[str] | None = None,
    oracle: pl.DataFrame | None = None,
    provenance: Mapping[str, str] | None = None,
    seed: int = 0,
) -> DetectionScores:
    """Score detections; arguments as `make_detection_problem`.

    metrics : names as `estimate_detection` takes; None = all. A metric that is undefined here is None with its reason.
    oracle : Events that the references give when pushed through the detector's targets and decoder, scored beside.
    provenance : words to keep with the scores, say {"detector": its name}.
    Raises DataError for tables that cannot be judged.
    """
    chosen = settings or DetectionSettings()
    given = {"units": units, "unit_name": unit_name, "durations": durations, "settings": chosen}
    problem = make_detection_problem(predictions, references, coverage, **given)  # type: ignore[arg-type]
    names = default_metrics(chosen) if metrics is None else tuple(metrics)
    estimates, reasons = _estimates(problem, names, seed)
    ceiling: dict[str, Estimate | None] = {}
    if oracle is not None:
        truth = make_detection_problem(oracle, references, coverage, **given)  # type: ignore[arg-type]
        ceiling, _ = _estimates(truth, names, seed)
    scored = not np.isnan(problem.predictions.score).any()
    judged = {iou: judge(problem, iou) for iou in chosen.minimum_iou}
    first = chosen.minimum_iou[0]
    curves = [at_iou(iou, threshold_curve(problem, iou)) for iou in chosen.minimum_iou] if scored else []
    strata = [at_iou(iou, strata_table(problem, outcomes, references, seed)) for iou, outcomes in judged.items()]
    return DetectionScores(
        estimates=estimates,
        oracle=ceiling,
        reasons=reasons,
        settings=chosen,
        labels=problem.labels,
        unit_name=unit_name,
        classes=pl.concat([at_iou(iou, class_table(problem, each, iou, scored, seed)) for iou, each in judged.items()]),
        recordings=pl.concat([at_iou(iou, place_table(problem, each, "recording")) for iou, each in judged.items()]),
        units=pl.concat([at_iou(iou, place_table(problem, each, "unit")) for iou, each in judged.items()]),
        curves=pl.concat(curves) if curves else pl.DataFrame(schema=CURVES),
        strata=pl.concat(strata),
        confusions=confusions(problem, first),
        events=event_table(problem, judged[first], references, predictions),
        reliability=detection_reliability(problem, first) if scored else None,
        false_alarms=false_alarms(problem, first),
        notes=notes_of(problem),
        provenance={"tymbal_version": __version__, **(provenance or {})},
    )


def score_against_corpus(
    corpus: Corpus,
    predictions: pl.DataFrame,
    *,
    recordings: Sequence[str] | None = None,
    by: str = "recording",
    references: pl.DataFrame | None = None,
    settings: DetectionSettings | None = None,
    metrics: Sequence[str] | None = None,
    oracle: pl.DataFrame | None = None,
    by_snr: bool = False,
    provenance: Mapping[str, str] | None = None,
    seed: int = 0,
) -> DetectionScores:
    """`score_detections` against a corpus.

    recordings : those that the detector was run on; None = every recording of the corpus.
    by : the independent unit: a column of the corpus' recordings, or several joined as `corpus.groups` does.
    references : in place of the corpus' Events, say with another label column.
    by_snr : measure the SNR of references that have no `snr_db` on the recordings (`measure_snr`), for recall by it.
    """
    chosen = _of_corpus(corpus, recordings, by)
    truth = (corpus.events if references is None else references).filter(
        pl.col("recording").is_in(list(chosen["units"]))
    )
    if by_snr and "snr_db" not in truth.columns:
        truth = truth.with_columns(pl.Series("snr_db", measure_snr(corpus, truth)[0]).fill_nan(None))
    return score_detections(
        predictions,
        truth,
        corpus.coverage,
        **chosen,
        unit_name=by,
        settings=settings,
        metrics=metrics,
        oracle=oracle,
        provenance={"corpus": str(corpus.path), **(provenance or {})},
        seed=seed,
    )


def problem_against_corpus(
    corpus: Corpus,
    predictions: pl.DataFrame,
    *,
    recordings: Sequence[str] | None = None,
    by: str = "recording",
    references: pl.DataFrame | None = None,
    settings: DetectionSettings | None = None,
) -> DetectionProblem:
    """What `score_against_corpus` judges, for single metrics and for `paired_detection_difference` of two detectors."""
    return make_detection_problem(
        predictions,
        corpus.events if references is None else references,
        corpus.coverage,
        **_of_corpus(corpus, recordings, by),
        unit_name=by,
        settings=settings,
    )


def _of_corpus(corpus: Corpus, recordings: Sequence[str] | None, by: str) -> dict[str, Any]:
    """Units and durations (s) of some recordings of a corpus, or all."""
    table = corpus.recordings
    if recordings is not None:
        unknown = sorted(set(recordings) - set(table["recording"].to_list()))
        if unknown:
            raise DataError(
                f"{len(unknown)} recordings are not in the corpus, the first is {unknown[0]!r}",
                where=corpus.path,
                mend="Names are relative to the corpus' root.",
            )
        table = table.filter(pl.col("recording").is_in(list(recordings)))
    names = table["recording"].to_list()
    return {
        "units": dict(zip(names, group_keys(table, by), strict=True)),
        "durations": dict(zip(names, table["duration_s"].to_list(), strict=True)),
    }


def _estimates(
    problem: DetectionProblem, names: Sequence[str], seed: int
) -> tuple[dict[str, Estimate | None], dict[str, str]]:
    estimates: dict[str, Estimate | None] = {}
    reasons: dict[str, str] = {}
    for name in names:
        try:
            estimates[name] = estimate_detection(name, problem, seed=seed)
        except DataError as error:
            estimates[name], reasons[name] = None, error.what
    return estimates, reasons
