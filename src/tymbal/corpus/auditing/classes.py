"""Classes with too few independent units, and classes that cannot be told from where they were recorded."""

from __future__ import annotations

from collections import Counter

from tymbal.corpus.auditing.columns import PUBLISHED, UNITS, determines, metadata_columns, texts, units_per_label, words
from tymbal.corpus.auditing.findings import Finding, listed
from tymbal.corpus.auditing.view import View

FEWEST_UNITS = 8  # below it no interval is given (docs/design.md, what always holds)
FOLDS = 5


def class_findings(view: View) -> list[Finding]:
    """Findings about how many recordings and other units each class has."""
    pairs = view.examples.select("label", "recording")
    per_label = units_per_label(list(pairs["label"]), list(pairs["recording"]))
    if len(per_label) < 2:
        only = next(iter(per_label), None)
        text = f"only one label occurs: {only!r}; there is nothing to tell apart but its presence"
        return [Finding("one_class", "note", text), *_shared(view)]
    counts = Counter(pairs["label"])
    found = [*_recordings(view, per_label, counts), *_shared(view)]
    # Where every label has one recording only, it has one of everything: nothing more to say.
    return found if max(map(len, per_label.values())) == 1 else [*found, *_units(view)]


def _recordings(view: View, per_label: dict[str, set[str]], counts: Counter[str]) -> list[Finding]:
    alone = sorted(label for label, found in per_label.items() if len(found) == 1)
    details = {"labels": alone, "recordings": {label: len(found) for label, found in sorted(per_label.items())}}
    if len(alone) == len(per_label):
        text = f"each of the {len(alone)} labels{view.of} occurs in one recording only: label and recording cannot"
        text += " be told apart, whatever the split"
        return [Finding("one_recording_per_label", "error", text, details)]
    findings = []
    if alone:
        text = f"only one recording for {len(alone)} of {len(per_label)} labels{view.of} ({listed(alone)}): "
        text += "with recordings kept whole they are never both trained on and tested"
        findings.append(Finding("label_in_one_recording", "warning", text, details))
    few = sorted(label for label, found in per_label.items() if 1 < len(found) < FOLDS)
    if few:
        numbers = [f"{label} {len(per_label[label])}" for label in few]
        text = f"fewer than {FOLDS} recordings for {len(few)} of {len(per_label)} labels{view.of}: "
        text += f"{listed(numbers)}; they cannot be in every one of {FOLDS} folds"
        extra = {"labels": few, "examples": {label: counts[label] for label in few}}
        findings.append(Finding("few_recordings", "note", text, {**details, **extra}))
    return findings


def _shared(view: View) -> list[Finding]:
    """Examples of one recording fall on both sides of a split that draws examples."""
    sizes = Counter(view.examples["recording"])
    several = [name for name, size in sizes.items() if size > 1]
    if not several:
        return []
    torn = sum(1 - FOLDS ** (1.0 - sizes[name]) for name in several)
    text = f"several examples in {len(several)} of {len(sizes)} recordings: a random split of examples "
    text += f"into {FOLDS} folds puts about {torn:.0f} of them on both sides. Split by recording or a wider group"
    details = {"recordings": len(sizes), "with_several": len(several), "expected_torn": round(torn, 1)}
    return [Finding("examples_share_recordings", "warning", text, details)]


def _units(view: View) -> list[Finding]:
    """Columns such as site or session in which labels occur in one place only."""
    findings = []
    covered: set[frozenset[str]] = set()
    for name in _unit_columns(view):
        where = units_per_label(view.label, texts(view.table, name))
        alone = frozenset(label for label, units in where.items() if len(units) == 1)
        unit_count = len(set().union(*where.values())) if where else 0
        if len(where) < 2 or not alone or unit_count < 2 or _renames(view, name):
            continue
        details = {"column": name, "labels": sorted(alone), "units": unit_count}
        if len(alone) == len(where):
            text = f"each of the {len(where)} labels{view.of} occurs in one {name} only (of {unit_count}): the "
            text += f"label cannot be told from the {name}, and no split by {name} can train and test the same label"
            findings.append(Finding("one_unit_per_label", "warning", text, details))
        elif len(alone) * 2 >= len(where) or frozenset((*alone, name)) not in covered:
            text = f"only one {name} for {len(alone)} of {len(where)} labels{view.of}: "
            text += listed(sorted(alone))
            findings.append(Finding("label_in_one_unit", "note", text, details))
        covered.add(frozenset((*alone, name)))
    return findings


def _unit_columns(view: View) -> list[str]:
    kept = [name for name in ("site", "recorder") if view.table[name].n_unique() > 1]
    return [
        *kept,
        *(name for name in metadata_columns(view.table, view.name) if words(name) & UNITS and name not in kept),
    ]


def _renames(view: View, name: str) -> bool:
    """Whether a column of identities is the label under another name, so that it says nothing of circumstances."""
    values = texts(view.table, name)
    same = determines(view.label, values) and determines(values, view.label)
    return (same and bool(words(name) & words(view.name))) or bool(words(name) & PUBLISHED)
