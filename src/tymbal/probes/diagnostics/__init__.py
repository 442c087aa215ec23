"""Diagnostics of probes: where their error comes from, what leaks, what they would do on other labels."""

from tymbal.probes.diagnostics.base import Context, Diagnostic
from tymbal.probes.diagnostics.config import DiagnoseConfig
from tymbal.probes.diagnostics.registry import DIAGNOSTICS, get_diagnostic
from tymbal.probes.diagnostics.run import diagnose

__all__ = ["DIAGNOSTICS", "Context", "DiagnoseConfig", "Diagnostic", "diagnose", "get_diagnostic"]
