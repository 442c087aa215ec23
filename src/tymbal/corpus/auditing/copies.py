"""Findings about the same sound in several recordings."""

from __future__ import annotations

from collections.abc import Sequence

from tymbal.corpus.auditing.duplicates import Duplicate
from tymbal.corpus.auditing.findings import Finding, count
from tymbal.corpus.auditing.view import View

KINDS = {
    "file": ("identical_files", "the same bytes"),
    "samples": ("identical_sound", "the same samples"),
    "sound": ("near_duplicates", "the same sound, re-encoded, changed in level or cut"),
}
MOST = 3  # pairs named in a message


def duplicate_findings(
    duplicates: Sequence[Duplicate], view: View | None, folds: dict[str, str] | None, scheme: str | None
) -> list[Finding]:
    """Duplicates by kind: those with different labels or on both sides of the split are errors, others warnings."""
    labels = dict(zip(view.recordings, view.label, strict=True)) if view is not None else {}
    findings = []
    for kind, (code, text) in KINDS.items():
        pairs = [each for each in duplicates if each.kind == kind]
        if not pairs:
            continue
        findings.append(_finding(code, "warning", f"{count(len(pairs), 'pair')} of recordings with {text}", pairs))
        named = [each for each in pairs if labels.get(each.first) is not None and labels.get(each.second) is not None]
        differ = [each for each in named if labels[each.first] != labels[each.second]]
        if differ:
            findings.append(
                _finding(
                    f"{code}_labels_differ",
                    "error",
                    f"{count(len(differ), 'pair')} with {text} but different labels",
                    differ,
                )
            )
        if folds is not None:
            across = [each for each in pairs if _across(each, folds)]
            if across:
                what = f"split {scheme!r} puts {count(len(across), 'pair')} with {text} on both sides"
                findings.append(_finding(f"{code}_across_folds", "error", what, across))
    return findings


def _across(each: Duplicate, folds: dict[str, str]) -> bool:
    one, other = folds.get(each.first), folds.get(each.second)
    return one is not None and other is not None and one != other


def _finding(code: str, severity: str, text: str, pairs: Sequence[Duplicate]) -> Finding:
    shown = "; ".join(_pair(each) for each in pairs[:MOST])
    more = f"; and {len(pairs) - MOST} more" if len(pairs) > MOST else ""
    details = {"pairs": [vars(each) for each in pairs]}
    return Finding(code, "error" if severity == "error" else "warning", f"{text}: {shown}{more}", details)


def _pair(each: Duplicate) -> str:
    if each.kind != "sound":
        return f"{each.first} = {each.second}"
    return f"{each.first} ~ {each.second} ({each.overlap_s:.1f} s, likeness {each.likeness:.2f})"
