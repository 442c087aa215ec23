"""What a detector found in the test part against its references: our measures, the ceiling, and their own rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from tymbal.benchmarks.boxes.layout import UNKNOWN
from tymbal.config import to_plain
from tymbal.corpus import Corpus
from tymbal.detection import Detector
from tymbal.evaluation import Estimate
from tymbal.evaluation.detection import DetectionScores, DetectionSettings, score_against_corpus

IOU = (0.5, 0.8)
AGNOSTIC = "class_agnostic_"
FRAME_S, FRAMES = 0.02, "frame_f1"  # their frame-wise measure counts at 50 Hz
_AT_IOU = ("f1", "macro_f1", "precision", "recall", "map", "voxaboxen_macro_f1", "voxaboxen_micro_f1")
METRICS = (*(f"{name}@{iou}" for iou in IOU for name in _AT_IOU), "false_alarms_per_hour@0.5", "segment_f1")
METRICS_AGNOSTIC = tuple(f"{name}@{iou}" for iou in IOU for name in ("f1", "precision", "recall", "map"))


@dataclass(frozen=True)
class TestScores:
    """Scores of the test part: all of them, and {metric: estimate as plain values} of it and of its ceiling.

    Class-agnostic ones are called class_agnostic_f1@0.5 and so on; frame_f1 is F1 of frames of 20 ms.
    """

    __test__ = False  # no test of pytest's

    scores: DetectionScores
    estimates: dict[str, Any]
    ceilings: dict[str, Any]


def score_test(
    corpus: Corpus,
    labels: tuple[str, ...],
    detector: Detector,
    found: pl.DataFrame,
    best: pl.DataFrame,
    recordings: Sequence[str],
) -> TestScores:
    """Judge what was found in the test recordings at the detector's threshold, rank all of it, beside the ceiling.

    labels : the classes of the set, those too that were never trained on. What finds an event of unknown class is
    neither right nor wrong; class-agnostically such events count like any.
    """
    settings = DetectionSettings(
        minimum_iou=IOU,
        threshold=detector.calibration_.threshold,
        unknown=(UNKNOWN,),
        labels=labels,
        by_channel=False,
        segment_s=FRAME_S,
    )
    given: dict[str, Any] = {"recordings": recordings, "oracle": best}
    told = {"detector": f"{detector.config.method} on {', '.join(name for name, _ in detector.layers_)}"}
    aware = score_against_corpus(corpus, found, settings=settings, metrics=METRICS, provenance=told, **given)
    blind = score_against_corpus(
        corpus,
        found,
        settings=replace(settings, class_agnostic=True, labels=None),
        metrics=METRICS_AGNOSTIC,
        **given,
    )
    sides = []
    for own, other in ((aware.estimates, blind.estimates), (aware.oracle, blind.oracle)):
        sides.append(_plain(own) | {f"{AGNOSTIC}{name}": row for name, row in _plain(other).items()})
    return TestScores(aware, *sides)


def _plain(estimates: Mapping[str, Estimate | None]) -> dict[str, Any]:
    """Those that are defined."""
    named = {FRAMES if name == "segment_f1" else name: each for name, each in estimates.items()}
    return {name: to_plain(each) for name, each in named.items() if each is not None}
