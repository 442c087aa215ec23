"""The page of a sweep: heads by encoders, curves over layers, gains, layer weights, every probe."""

from tymbal.report.sweeps.page import body, title
from tymbal.report.sweeps.read import Sweep, is_sweep, open_sweep

__all__ = ["Sweep", "body", "is_sweep", "open_sweep", "title"]
