"""Scores of detections as a page: what was missed and what was invented first, then curves and tables."""

from tymbal.report.detections.page import body, title
from tymbal.report.detections.read import is_scored, open_scored

__all__ = ["body", "is_scored", "open_scored", "title"]
