"""What a corpus holds, in a few numbers."""

from __future__ import annotations

from typing import Any

import polars as pl

from tymbal.corpus.corpus import Corpus
from tymbal.corpus.tables import RECORDINGS


def summary(corpus: Corpus, label: str | None = None) -> dict[str, Any]:
    """Counts and hours of a corpus as plain values; label counts where `label` is a column with values.

    `coverage_hours` is null where nobody said what was listened to exhaustively.
    """
    recordings, events = corpus.recordings, corpus.events
    known = label is not None or events["label"].null_count() < events.height
    counts = corpus.examples(label or "label")["label"].value_counts() if known else None
    if counts is not None:
        counts = counts.sort("count", "label", descending=[True, False])
    timed = events.filter(pl.col("onset_s").is_not_null())
    return {
        "corpus": corpus.path.as_posix(),
        "root": corpus.root.as_posix(),
        "digest": corpus.digest,
        "recordings": recordings.height,
        "hours": round(float(recordings["duration_s"].sum()) / 3600, 4),
        "sample_rates_hz": _counts(recordings["sample_rate_hz"]),
        "channels": _counts(recordings["channels"]),
        "formats": _counts(recordings["container"] + " " + recordings["codec"].fill_null("?")),
        "metadata": [name for name in recordings.columns if name not in RECORDINGS],
        "events": events.height,
        "events_with_times": timed.height,
        "recordings_with_events": events["recording"].n_unique(),
        "labels": dict(counts.iter_rows()) if counts is not None else {},
        "coverage_hours": None if corpus.coverage.is_empty() else round(corpus.covered_seconds() / 3600, 4),
        "splits": corpus.schemes,
        "failures": corpus.failures.height,
        "faults": _counts(corpus.faults["code"]),
    }


def _counts(values: pl.Series) -> dict[str, int]:
    found = values.drop_nulls().cast(pl.String).value_counts(name="n").sort("n", values.name, descending=[True, False])
    return dict(found.iter_rows())
