"""Diagnostics by name. To add one: a file with a `Diagnostic`, and its line in `DIAGNOSTICS`."""

from __future__ import annotations

from tymbal.errors import UsageError
from tymbal.probes.diagnostics.base import Diagnostic
from tymbal.probes.diagnostics.calibration import CALIBRATION
from tymbal.probes.diagnostics.code_length import CODE_LENGTH
from tymbal.probes.diagnostics.leakage import LEAKAGE
from tymbal.probes.diagnostics.risk import RISK
from tymbal.probes.diagnostics.selectivity import SELECTIVITY

DIAGNOSTICS: dict[str, Diagnostic] = {
    each.name: each for each in (RISK, LEAKAGE, SELECTIVITY, CODE_LENGTH, CALIBRATION)
}


def get_diagnostic(name: str) -> Diagnostic:
    """The diagnostic called `name`. Raises UsageError with the names there are."""
    if name not in DIAGNOSTICS:
        raise UsageError(f"unknown diagnostic {name!r}", parameter="diagnostics", allowed=", ".join(DIAGNOSTICS))
    return DIAGNOSTICS[name]
