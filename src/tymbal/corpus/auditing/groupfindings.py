"""Which groupings a random split would violate, and what a given split violates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from tymbal.corpus.auditing.association import codes
from tymbal.corpus.auditing.columns import Grouping, groupings, texts
from tymbal.corpus.auditing.findings import Finding, count, listed
from tymbal.corpus.auditing.leaks import Leak, leak
from tymbal.corpus.auditing.view import View
from tymbal.corpus.corpus import Corpus
from tymbal.corpus.groups import TOGETHER, straddling
from tymbal.corpus.tables import told_columns
from tymbal.errors import DataError

FOLDS = 5
MOST_FOLDS = 20  # beyond it a split leaves groups out one by one, and folds lack labels by design
ALPHA = 0.05
LEAST_DROP = 0.03  # of accuracy, below which a significant leak is not worth a finding


def candidate_groups(view: View, given: Sequence[str] | None) -> list[Grouping]:
    """The groupings to look at: the ones asked for, else those that the metadata suggest.

    Raises DataError for a column that is not there.
    """
    if given is None:
        return groupings(view.table, view.name)
    found = []
    for name in given:
        unknown = [part for part in name.split(TOGETHER) if part not in view.table.columns]
        if unknown:
            allowed = ", ".join(["recording", *told_columns(view.table.columns)])
            raise DataError(f"no column {unknown[0]!r} of recordings", parameter="groups", allowed=allowed)
        parts = [texts(view.table, part) for part in name.split(TOGETHER)]
        keys = tuple(None if None in row else " + ".join(map(str, row)) for row in zip(*parts, strict=True))
        found.append(Grouping(name, keys, named=True))
    return found


def leaks_of(view: View, candidates: Sequence[Grouping]) -> list[tuple[Grouping, Leak | None]]:
    """Each grouping with its test by sound; None where labels or sound do not allow one."""
    features = view.features()
    heard: list[bool] = np.isfinite(features.sum(axis=1)).tolist()
    labels = codes([label if ok else None for label, ok in zip(view.label, heard, strict=True)])
    if not view.single or sum(heard) < 8:
        return [(grouping, None) for grouping in candidates]
    return [(grouping, leak(np.nan_to_num(features), labels, grouping.keys)) for grouping in candidates]


def group_findings(
    view: View, tested: Sequence[tuple[Grouping, Leak | None]], *, scheme: str | None = None, torn: Sequence[str] = ()
) -> list[Finding]:
    """One finding for each grouping that a random split tears and that sound shows, or its name says, to matter.

    Groupings that the split `scheme` keeps whole (all but those named in `torn`) are only noted.
    """
    findings = []
    worth = meaningful(tested)
    tests = max(1, sum(found is not None for _, found in tested))
    for grouping, found in tested:
        shown = _leaks(found, tests)
        if grouping not in worth:
            continue
        expected, several, total = expected_torn(view, grouping)
        if not several:
            continue
        kept = scheme is not None and grouping.name not in torn
        text = f"{grouping.name}: a random split into {FOLDS} folds puts about {expected:.0f} of {total} groups on both"
        text += " sides"
        details = {
            "column": grouping.name,
            "groups": total,
            "with_several": several,
            "expected_torn": round(expected, 1),
        }
        if found is not None:
            values = {"random": found.random, "grouped": found.grouped, "expected": found.expected, "p": found.p}
            details |= {name: round(value, 4) for name, value in values.items()}
        if shown and found is not None:
            text += (
                f". Recordings of one group sound alike beyond their label: told by the nearest recording, {view.title}"
            )
            text += (
                f" is right {found.random:.2f} of the time, {found.grouped:.2f} when that may not be of the same group"
            )
            text += f" ({found.expected:.2f} expected of such groups drawn at random, p = {found.p:.3f})"
        text += f". Split {scheme!r} keeps them whole" if kept else f". Split by {grouping.name}"
        findings.append(Finding("random_split_leaks", "warning" if shown and not kept else "note", text, details))
    return findings


def meaningful(tested: Sequence[tuple[Grouping, Leak | None]]) -> list[Grouping]:
    """The groupings that sound shows, or their names say, to matter."""
    tests = max(1, sum(found is not None for _, found in tested))
    return [grouping for grouping, found in tested if _leaks(found, tests) or (grouping.named and not grouping.crossed)]


def _leaks(found: Leak | None, tests: int) -> bool:
    return found is not None and found.p * tests <= ALPHA and found.expected - found.grouped >= LEAST_DROP


def expected_torn(view: View, grouping: Grouping) -> tuple[float, int, int]:
    """Expected number of groups torn by a random split of labelled recordings; groups with several; all groups."""
    labelled = set(view.examples["recording"])
    sizes: dict[str, int] = {}
    for recording, key in zip(view.recordings, grouping.keys, strict=True):
        if key is not None and recording in labelled:
            sizes[key] = sizes.get(key, 0) + 1
    several = [size for size in sizes.values() if size > 1]
    return sum(1 - FOLDS ** (1.0 - size) for size in several), len(several), len(sizes)


def split_findings(
    corpus: Corpus, view: View, scheme: str, tested: Sequence[tuple[Grouping, Leak | None]]
) -> list[Finding]:
    """What the split `scheme` tears apart, and which labels its folds lack."""
    examples = corpus.examples(view.name, scheme=scheme).drop_nulls("fold")
    folds = list(examples["fold"])
    findings = []
    torn = straddling(list(examples["recording"]), folds)
    if torn:
        text = f"split {scheme!r} puts {len(torn)} of {examples['recording'].n_unique()} recordings on both sides"
        text += f" ({listed(torn, 3)}): make it again by recording or a wider group"
        findings.append(Finding("split_tears_recordings", "error", text, {"scheme": scheme, "recordings": torn}))
    worth = meaningful(tested)
    tests = max(1, sum(found is not None for _, found in tested))
    for grouping, found in tested:
        shown = _leaks(found, tests)
        if grouping not in worth:
            continue
        of = dict(zip(view.recordings, grouping.keys, strict=True))
        groups = [of[recording] for recording in examples["recording"]]
        broken = straddling(groups, folds)
        if broken:
            total = len({group for group in groups if group is not None})
            text = (
                f"split {scheme!r} is leaky: it puts {len(broken)} of {total} groups of {grouping.name} on both sides"
            )
            text += "" if shown else "; by sound they are not alike beyond their label, so this may not matter"
            details = {"scheme": scheme, "column": grouping.name, "torn": broken}
            findings.append(Finding("split_tears_groups", "error" if shown else "note", text, details))
    findings += _lacking(scheme, examples)
    return findings


def _lacking(scheme: str, examples: pl.DataFrame) -> list[Finding]:
    """Labels that folds lack; leave-one-out splits, where that is the rule, say nothing."""
    classes = set(examples["label"])
    lacking = {str(fold): sorted(classes - set(part["label"])) for (fold,), part in examples.group_by("fold")}
    lacking = {fold: labels for fold, labels in sorted(lacking.items()) if labels}
    if not lacking or examples["fold"].n_unique() > MOST_FOLDS:
        return []
    shown = "; ".join(f"{fold} has no {listed(labels)}" for fold, labels in list(lacking.items())[:3])
    more = f"; and {count(len(lacking) - 3, 'more fold')}" if len(lacking) > 3 else ""
    text = f"folds of split {scheme!r} lack some of the {len(classes)} labels: {shown}{more}"
    return [Finding("fold_lacks_labels", "warning", text, {"scheme": scheme, "folds": lacking})]
