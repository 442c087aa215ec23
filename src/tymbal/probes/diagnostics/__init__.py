"""Diagnostics of probes: where their error comes from, what leaks, what they would do on other labels."""

from tymbal.probes.diagnostics.base import Context, Diagnostic
from tymbal.probes.diagnostics.config import DiagnoseConfig
from tymbal.probes.diagnostics.registry import DIAGNOSTICS, get_diagnostic
from tymbal.probes.diagnostics.run import diagnose
from tymbal.probes.diagnostics.source import Source, is_run, read_run

__all__ = [
    "DIAGNOSTICS",
    "Context",
    "DiagnoseConfig",
    "Diagnostic",
    "Source",
    "diagnose",
    "get_diagnostic",
    "is_run",
    "read_run",
]
