"""Sweeps: encoders × layers × fusions × heads × learning rates × seeds, from one plan."""

from tymbal.probes.sweep.config import ProbeGrid, SweepEncoder, SweepPlan, SweepTask, load_plan
from tymbal.probes.sweep.outline import StudyOutline, SweepOutline, outline_sweep
from tymbal.probes.sweep.run import run_sweep

__all__ = [
    "ProbeGrid",
    "StudyOutline",
    "SweepEncoder",
    "SweepOutline",
    "SweepPlan",
    "SweepTask",
    "load_plan",
    "outline_sweep",
    "run_sweep",
]
