"""The page of a diagnosis, or its sections in the page of the run that was diagnosed."""

from tymbal.report.diagnoses.page import NAMES, body, sections, title
from tymbal.report.diagnoses.read import FILE, Diagnosis, find_diagnosis

__all__ = ["FILE", "NAMES", "Diagnosis", "body", "find_diagnosis", "sections", "title"]
