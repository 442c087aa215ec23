"""Scores of detections, read, with the folder they lie in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tymbal.evaluation.detection import DetectionScores
from tymbal.evaluation.detection.scores import HEAD


@dataclass(frozen=True)
class Scored:
    """A folder that `DetectionScores.save` wrote."""

    path: Path
    scores: DetectionScores

    @property
    def first_iou(self) -> float:
        """The IoU that pictures and tables of events go by."""
        return self.scores.settings.minimum_iou[0]


def is_scored(path: Path | str) -> bool:
    """Whether a folder holds scores of detections."""
    return (Path(path) / HEAD).is_file()


def open_scored(path: Path | str) -> Scored:
    """The scores in a folder. Raises CorpusError where they are damaged."""
    return Scored(Path(path), DetectionScores.load(path))
