"""What an audit found, in a form that prints, sorts and goes into JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
SHOWN = 5  # names listed in a message; all of them are in the details


@dataclass(frozen=True)
class Finding:
    """One thing to know before a score on this corpus is believed.

    `severity`: "error" a score would not mean what it says; "warning" it may mislead unless the advice is taken;
    "note" to be reported beside it. `code` is stable; `details` holds the numbers, plain values only.
    """

    code: str
    severity: Severity
    message: str
    details: dict[str, Any] = field(default_factory=dict)


def ordered(findings: Iterable[Finding]) -> list[Finding]:
    """Errors first, then warnings, then notes; by code within."""
    return sorted(findings, key=lambda finding: (SEVERITIES.index(finding.severity), finding.code, finding.message))


def count(number: int, noun: str, *, of: int | None = None) -> str:
    """ "1 pair", "3 pairs", "1 of 22 labels"."""
    total = number if of is None else of
    return f"{number}{'' if of is None else f' of {of}'} {noun}{'' if total == 1 else 's'}"


def listed(names: Sequence[object], limit: int = SHOWN) -> str:
    """ "a, b and c", or the first few and how many more."""
    texts = [str(name) for name in names]
    if len(texts) > limit:
        texts = [*texts[:limit], f"{len(texts) - limit} more"]
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}" if texts else ""
