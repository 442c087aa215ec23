"""Annotations: the Events and Coverage tables, and one reader and writer per label format."""

from tymbal.annotations.clean import clean_events
from tymbal.annotations.coverage import (
    CoverageIndex,
    covered_seconds,
    intersect_coverage,
    is_covered,
    merge_intervals,
    whole_coverage,
    within_coverage,
)
from tymbal.annotations.formats.base import Format
from tymbal.annotations.matching import RecordingIndex, match_recordings, recording_of_table, table_of_recording
from tymbal.annotations.reading import Annotations, combine, read_events, write_events
from tymbal.annotations.registry import FORMATS
from tymbal.annotations.tables import COVERAGE, EVENTS, make_coverage, make_events

__all__ = [
    "COVERAGE",
    "EVENTS",
    "FORMATS",
    "Annotations",
    "CoverageIndex",
    "Format",
    "RecordingIndex",
    "clean_events",
    "combine",
    "covered_seconds",
    "intersect_coverage",
    "is_covered",
    "make_coverage",
    "make_events",
    "match_recordings",
    "merge_intervals",
    "read_events",
    "recording_of_table",
    "table_of_recording",
    "whole_coverage",
    "within_coverage",
    "write_events",
]
