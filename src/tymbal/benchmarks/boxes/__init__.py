"""Voxaboxen's eight sets of boxes (Hoffman et al. 2025, arXiv 2503.02389): read, checked, run with the detector."""

from tymbal.benchmarks.boxes.run import BoxesConfig, run_boxes
from tymbal.benchmarks.boxes.sets import SETS

__all__ = ["SETS", "BoxesConfig", "run_boxes"]
