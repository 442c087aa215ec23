"""What of a corpus was listened to exhaustively: told by the user, or by the formats that say so."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from tymbal.annotations import make_coverage, match_recordings, read_events, whole_coverage
from tymbal.errors import AnnotationError, Fault

COMPLETE = "complete"


def read_coverage(path: Path) -> tuple[pl.DataFrame, tuple[Fault, ...]]:
    """Coverage out of a table of it (recording, start_s, end_s, labels, channel, annotator) or of a format that has it.

    Blank cells mean the beginning, the end, every label, every channel. Raises AnnotationError where a file holds none.
    """
    if not path.is_file():
        raise AnnotationError("no such coverage table", where=path, allowed=f"a file, or {COMPLETE!r}")
    read = read_events(path)
    if read.coverage.is_empty():
        raise AnnotationError(
            "this file holds no coverage",
            where=path,
            allowed="a table of recording, start_s, end_s and, if you like, labels, channel, annotator",
            mend="Events go to --annotations; give --complete if everything in their recordings was labelled.",
        )
    return read.coverage.drop("source", strict=False), read.faults


def gather_coverage(
    given: str | Path | None, told: pl.DataFrame, events: pl.DataFrame, recordings: pl.DataFrame
) -> tuple[pl.DataFrame, list[tuple[str, Fault]]]:
    """Coverage of the formats (`told`) and of the user (`given`: a table, "complete" or None), and faults by source."""
    if given is None:
        return told, []
    if str(given) == COMPLETE:
        return close_coverage(pl.concat([told, complete_coverage(events, recordings)]), recordings), []
    path = Path(given)
    spans, odd = read_coverage(path)
    matched, lost = match_recordings(spans, recordings["recording"].to_list())
    faults = [(path.name, fault) for fault in (*odd, *lost)]
    return close_coverage(pl.concat([told, matched.select(told.columns)]), recordings), faults


def close_coverage(coverage: pl.DataFrame, recordings: pl.DataFrame) -> pl.DataFrame:
    """Coverage with every open start and end filled from the recordings' durations, sorted, each row once."""
    ends = recordings.select("recording", pl.col("duration_s").alias("_end"))
    joined = coverage.join(ends, on="recording", how="left", maintain_order="left")
    closed = joined.with_columns(
        pl.col("start_s").fill_null(0.0),
        pl.min_horizontal(pl.col("end_s").fill_null(pl.col("_end")), "_end").alias("end_s"),
    ).drop("_end")
    return make_coverage(closed.unique(maintain_order=True).sort("recording", "start_s", "end_s", maintain_order=True))


def complete_coverage(events: pl.DataFrame, recordings: pl.DataFrame) -> pl.DataFrame:
    """Coverage that takes the user's word: every recording with an event was labelled from end to end."""
    annotated = events["recording"].unique().sort().to_list()
    return close_coverage(whole_coverage(annotated), recordings)
