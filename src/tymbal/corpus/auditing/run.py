"""The audit: everything that can be said about a corpus before anyone believes a score on it."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from tymbal.corpus.auditing.classes import class_findings
from tymbal.corpus.auditing.confounds import confound_findings
from tymbal.corpus.auditing.copies import duplicate_findings
from tymbal.corpus.auditing.duplicates import find_duplicates
from tymbal.corpus.auditing.findings import Finding, listed, ordered
from tymbal.corpus.auditing.groupfindings import candidate_groups, group_findings, leaks_of, meaningful, split_findings
from tymbal.corpus.auditing.listen import measures
from tymbal.corpus.auditing.view import make_view
from tymbal.corpus.corpus import Corpus
from tymbal.jobs import Progress


def audit(
    corpus: Corpus,
    *,
    label: str | None = None,
    split: str | None = None,
    groups: Sequence[str] | None = None,
    workers: int | None = 1,
    progress: Progress | None = None,
) -> list[Finding]:
    """Look for what would make a score on this corpus mean something else; errors first.

    Parameters
    ----------
    label : a column of events or recordings (`Corpus.examples`); without, only duplicates are looked for.
    split : the name of a split to check for torn groups, duplicates on both sides and folds that lack labels.
    groups : columns (or "column+column") that recordings share when they were made together; without, they are
        found among the metadata.
    workers : processes for listening (None: one per core); each recording is decoded once and what was
        heard is kept in the corpus.

    Checked: groupings that a random split would violate, whether the sound shows it (`auditing.leaks`); labels that
    occur in one recording, site, session only; association of the label, and of presence of its events, with
    codec, rate, recorder, level, noise, hour (`auditing.association`); the same sound in several recordings
    (`auditing.duplicates`). Raises DataError for unknown labels, CorpusError for unknown splits.
    """
    if split is not None:  # what cannot be is said before an hour of listening
        corpus.folds(split)
    if label is not None:
        corpus.examples(label)
    measured, failures = measures(corpus, workers=workers, progress=progress)
    durations = dict(zip(corpus.recordings["recording"], corpus.recordings["duration_s"], strict=True))
    duplicates, unread = find_duplicates(measured, durations, corpus.root, workers=workers, progress=progress)
    findings: list[Finding] = []
    if failures:
        names = [failure.item for failure in failures]
        text = f"{len(names)} recordings could not be listened to ({listed(names)}); nothing is said of their sound"
        findings.append(Finding("not_heard", "note", text, {"recordings": names}))
    if unread:
        pairs = [failure.item for failure in unread]
        text = f"likely copies could not be compared ({listed(pairs)}): {unread[0].message}"
        findings.append(Finding("not_compared", "note", text, {"pairs": pairs}))
    if label is None:
        return ordered([*findings, *duplicate_findings(duplicates, None, _folds(corpus, split), split)])
    view = make_view(corpus, label, measured)
    candidates = candidate_groups(view, groups)
    tested = leaks_of(view, candidates)
    findings += class_findings(view)
    broken = split_findings(corpus, view, split, tested) if split is not None else []
    torn = [str(found.details["column"]) for found in broken if found.code == "split_tears_groups"]
    findings += [*broken, *group_findings(view, tested, scheme=split, torn=torn)]
    findings += confound_findings(view, meaningful(tested))
    findings += duplicate_findings(duplicates, view, _folds(corpus, split), split)
    return ordered(findings)


def _folds(corpus: Corpus, split: str | None) -> dict[str, str] | None:
    if split is None:
        return None
    rows = corpus.folds(split).filter(pl.col("event_id").is_null())
    return dict(zip(rows["recording"], rows["fold"], strict=True))
