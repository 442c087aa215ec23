"""Recordings + events + coverage + splits, and an audit of what they can carry: what every task takes."""

from tymbal.corpus.auditing import Finding, audit
from tymbal.corpus.corpus import Changes, Corpus
from tymbal.corpus.indexing import index
from tymbal.corpus.reencoding import Reencoded, reencode
from tymbal.corpus.splits import SplitReport, make_split, parse_folds
from tymbal.corpus.summary import summary
from tymbal.corpus.tables import FAILURES, FAULTS, RECORDINGS, SPLITS
from tymbal.corpus.windows import label_windows, window_labels

__all__ = [
    "FAILURES",
    "FAULTS",
    "RECORDINGS",
    "SPLITS",
    "Changes",
    "Corpus",
    "Finding",
    "Reencoded",
    "SplitReport",
    "audit",
    "index",
    "label_windows",
    "make_split",
    "parse_folds",
    "reencode",
    "summary",
    "window_labels",
]
