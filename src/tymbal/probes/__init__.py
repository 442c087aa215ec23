"""Probes: small heads on frozen layers, fitted, saved, and compared without peeking at the test folds."""

from tymbal.probes.config import ProbeConfig
from tymbal.probes.diagnostics import DIAGNOSTICS, DiagnoseConfig, diagnose
from tymbal.probes.heads import HEADS
from tymbal.probes.pooling import CachedExamples
from tymbal.probes.probe import Probe
from tymbal.probes.study import StudyConfig, run_study

__all__ = [
    "DIAGNOSTICS",
    "HEADS",
    "CachedExamples",
    "DiagnoseConfig",
    "Probe",
    "ProbeConfig",
    "StudyConfig",
    "diagnose",
    "run_study",
]
