"""A published study as one command: what is there of it, what it costs, and its results beside the published ones."""

from tymbal.benchmarks.reproduce.cost import Facts, Work
from tymbal.benchmarks.reproduce.models import FLOOR, MODELS, AtHand, Model
from tymbal.benchmarks.reproduce.plan import StudyPlan, places, plan_study, where_from
from tymbal.benchmarks.reproduce.preset import (
    CLAIMS,
    DEPARTURES,
    FINE_TUNING,
    HEADS,
    LAYERS,
    NO_FINE_TUNING,
    PAPER,
    PAPER_PROBE,
    PAPER_TRAINING,
    SIZES,
    SOURCE,
    TASKS,
    family_of,
    paper_config,
    study_sets,
)
from tymbal.benchmarks.reproduce.results import cells, study_rows
from tymbal.benchmarks.reproduce.run import StudyOutcome, run_study

__all__ = [
    "CLAIMS",
    "DEPARTURES",
    "FINE_TUNING",
    "FLOOR",
    "HEADS",
    "LAYERS",
    "MODELS",
    "NO_FINE_TUNING",
    "PAPER",
    "PAPER_PROBE",
    "PAPER_TRAINING",
    "SIZES",
    "SOURCE",
    "TASKS",
    "AtHand",
    "Facts",
    "Model",
    "StudyOutcome",
    "StudyPlan",
    "Work",
    "cells",
    "family_of",
    "paper_config",
    "places",
    "plan_study",
    "run_study",
    "study_rows",
    "study_sets",
    "where_from",
]
