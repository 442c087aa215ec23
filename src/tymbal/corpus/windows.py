"""Windows over what was listened to, each with the labels of the events in it: examples of several labels or none."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tymbal.annotations import CoverageIndex
from tymbal.corpus.corpus import Corpus
from tymbal.errors import DataError, UsageError

OVERLAP = 0.2  # a window takes a label where more than this share of the shorter of the two is shared
_ROUNDING = 1e-9  # of a hop: a stretch of 6 s holds three windows of 2 s whatever 6 / 2 comes to


def window_labels(
    onsets_s: NDArray[np.float64],
    offsets_s: NDArray[np.float64],
    labels: NDArray[np.int64],
    *,
    starts_s: NDArray[np.float64],
    window_s: float,
    classes: int,
) -> NDArray[np.bool_]:
    """Which labels each window takes, (windows, classes): the rule of BEANS (arXiv 2210.12300).

    An event gives its label where it covers the window, or where one of its edges lies in the window (bounds included)
    and overlap / min(window, event) > 0.2; events without length give none. Arrays of events (m,), times on one clock
    with `starts_s` (windows,); double precision in this very order, because 20 % exactly is decided by rounding.
    """
    starts = np.asarray(starts_s, dtype=np.float64)[:, None]
    ends = starts + window_s
    first, last = onsets_s[None], offsets_s[None]
    edge = ((starts <= first) & (first <= ends)) | ((starts <= last) & (last <= ends))
    shorter = np.minimum(ends - starts, last - first)
    shared = np.minimum(ends, last) - np.maximum(starts, first)
    share = np.divide(shared, shorter, out=np.zeros_like(shared), where=shorter != 0)
    taken = (edge & (shorter != 0) & (share > OVERLAP)) | ((first <= starts) & (ends <= last))
    member = labels[:, None] == np.arange(classes)
    found: NDArray[np.bool_] = (taken.astype(np.int64) @ member.astype(np.int64)) > 0
    return found


def label_windows(corpus: Corpus, label: str, scheme: str, *, window_s: float, hop_s: float) -> pl.DataFrame:
    """Windows of `window_s` every `hop_s` over the covered stretches of every recording, with their label sets.

    Only stretches that were listened to for every label count, because an empty window there is a finding; the last
    window of a stretch ends within it. All channels are one mix. Labels by `window_labels`, from the event column
    `label`; group and fold are those of the window's recording in the split `scheme`.

    Returns event_id, recording, channel (null), onset_s, offset_s, labels, group, fold, and the columns of the
    recordings. Raises UsageError for a window or hop that is not above 0; DataError where the corpus has no coverage,
    no timed events, or no window fits.
    """
    for name, value in (("window_s", window_s), ("hop_s", hop_s)):
        if not 0 < value < float("inf"):
            raise UsageError(f"{name} is {value:g}", where="windows", allowed="seconds above 0")
    if corpus.coverage.is_empty():
        raise DataError(
            "no coverage: a window without an event might be one that nobody listened to",
            where=corpus.path,
            mend="Say what was listened to when indexing: --complete, or --coverage TABLE.",
        )
    events = corpus.examples(label).drop_nulls(["onset_s", "offset_s"])
    if events.is_empty():
        raise DataError(f"no event with times carries {label!r}", where=corpus.path, mend="Leave --window out.")
    names = sorted(events["label"].unique().to_list())
    number = {name: index for index, name in enumerate(names)}
    of_recording = {str(key[0]): rows for key, rows in events.group_by("recording")}
    covered = CoverageIndex(corpus.coverage)
    parts = []
    for recording in corpus.recordings["recording"]:
        starts = _starts(covered.intervals(recording), window_s, hop_s)
        own = of_recording.get(recording, events.clear())
        member = window_labels(
            own["onset_s"].to_numpy(),
            own["offset_s"].to_numpy(),
            np.array([number[name] for name in own["label"]], dtype=np.int64),
            starts_s=starts,
            window_s=window_s,
            classes=len(names),
        )
        sets = [[names[index] for index in np.flatnonzero(row)] for row in member]
        parts.append(
            pl.DataFrame(
                {
                    "event_id": [f"{recording}@{start:.3f}" for start in starts],
                    "recording": [recording] * len(starts),
                    "channel": pl.Series([None] * len(starts), dtype=pl.Int32),
                    "onset_s": starts,
                    "offset_s": starts + window_s,
                    "labels": pl.Series(sets, dtype=pl.List(pl.String)),
                }
            )
        )
    table = pl.concat(parts)
    if table.is_empty():
        raise DataError(f"no covered stretch is as long as a window of {window_s:g} s", where=corpus.path)
    folds = corpus.folds(scheme).filter(pl.col("event_id").is_null()).select("recording", "group", "fold")
    taken = {*table.columns, "group", "fold", "faults"}
    riders = corpus.recordings.select("recording", *[c for c in corpus.recordings.columns if c not in taken])
    table = table.join(folds, on="recording", how="left", maintain_order="left")
    return table.join(riders, on="recording", how="left", maintain_order="left")


def _starts(stretches: NDArray[np.float64], window_s: float, hop_s: float) -> NDArray[np.float64]:
    """Where the windows of covered stretches (n, 2) begin."""
    found = []
    for start, end in stretches:
        count = int((end - start - window_s) / hop_s + _ROUNDING) + 1 if end - start >= window_s else 0
        found.append(start + np.arange(count) * hop_s)
    return np.concatenate([np.zeros(0), *found])
