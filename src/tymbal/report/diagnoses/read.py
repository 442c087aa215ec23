"""A diagnosis, read and checked: diagnostics.json."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tymbal.errors import DataError
from tymbal.report.numbers import pointer

FILE = "diagnostics.json"
MEND = "Run tymbal diagnose again."


@dataclass(frozen=True)
class Diagnosis:
    """What `tymbal diagnose` kept."""

    path: Path
    results: Mapping[str, Any]

    @property
    def task(self) -> Mapping[str, Any]:
        return self.results["task"]  # type: ignore[no-any-return]

    @property
    def unit_name(self) -> str:
        """What was resampled, singular."""
        return str(self.task["unit_name"])

    @property
    def names(self) -> list[str]:
        """The diagnostics that were made, in the order in which they were asked for."""
        return [name for name in self.results["config"]["diagnostics"] if name in self.results["diagnostics"]]

    def found(self, name: str) -> Mapping[str, Any]:
        """What one diagnostic concluded."""
        return self.results["diagnostics"][name]  # type: ignore[no-any-return]


def source(*parts: object) -> str:
    """Where a number stands: a JSON pointer into diagnostics.json."""
    return f"{FILE}#{pointer('diagnostics', *parts)}"


def find_diagnosis(folder: Path | str) -> Diagnosis | None:
    """The diagnosis in a folder, None where there is none. Raises DataError where it is damaged."""
    path = Path(folder) / FILE
    if not path.is_file():
        return None
    try:
        results = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"not valid JSON: {error}", where=path, mend=MEND) from error
    needed = ("task", "config", "diagnostics", "provenance")
    lacking = [name for name in needed if not isinstance(results, dict) or not results.get(name)]
    if lacking:
        raise DataError(f"it lacks {lacking[0]!r}", where=path, mend=MEND)
    return Diagnosis(Path(folder), results)
