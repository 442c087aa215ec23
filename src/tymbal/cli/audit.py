"""`tymbal audit`: look for leaks, duplicates and confounds in a corpus."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tymbal.cli.common import EXIT_OK, Json, Quiet, Workers, say, say_json

if TYPE_CHECKING:
    from tymbal.corpus import Finding


def audit(
    corpus: Path,
    *,
    label: str | None = None,
    split: str | None = None,
    group: list[str] | None = None,
    root: Path | None = None,
    workers: Workers = None,
    quiet: Quiet = False,
    json: Json = False,
) -> int:
    """Look for what would make a score on a corpus mean something else: leaks, duplicates, confounds.

    Parameters
    ----------
    corpus
        A corpus made by `tymbal index`.
    label
        The column of events or metadata that holds the label; by default the one given when indexing.
    split
        A split to check for torn groups and duplicates on both sides.
    group
        Column, or COLUMN+COLUMN, that recordings made together share; by default found among the metadata.
    root
        Where the recordings are now, if they have moved.
    """
    from tymbal.corpus import Corpus
    from tymbal.corpus import audit as look
    from tymbal.jobs import make_progress

    opened = Corpus.open(corpus, root=root)
    known = label if label is not None else opened.default_label
    progress = make_progress(quiet=quiet)
    findings = look(opened, label=known, split=split, groups=group, workers=workers, progress=progress)
    if json:
        say_json({"corpus": str(corpus), "label": known, "split": split, "audit": findings})
    else:
        say_findings(findings, known)
    return EXIT_OK


def say_findings(findings: Sequence[Finding], label: str | None) -> None:
    """Findings for people, worst first."""
    about = f"audit of {label!r}" if label is not None else "audit of the recordings (no label known)"
    if not findings:
        say(f"{about}: nothing found")
        return
    say(f"{about}: {', '.join(_numbers(findings))}")
    for finding in findings:
        say(f"  {finding.severity:7s} {finding.message}")


def _numbers(findings: Sequence[Finding]) -> list[str]:
    counts = [(kind, sum(each.severity == kind for each in findings)) for kind in ("error", "warning", "note")]
    return [f"{number} {kind}{'s' if number > 1 else ''}" for kind, number in counts if number]
