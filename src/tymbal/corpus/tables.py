"""Columns of the tables a corpus keeps beside Events and Coverage."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from tymbal.annotations.tables import EVENTS

RECORDINGS = pl.Schema(
    {
        "recording": pl.String(),  # path relative to the root, "/" between folders; with content_hash the identity
        "content_hash": pl.String(),  # BLAKE2b-128 of the bytes, hex
        "size_bytes": pl.Int64(),  # with mtime_ns only a quick check whether hashing can be skipped
        "mtime_ns": pl.Int64(),
        "container": pl.String(),  # as sniffed from the bytes: WAV, FLAC, OGG, MP3 ...
        "codec": pl.String(),  # subtype: PCM_16, VORBIS ...
        "sample_rate_hz": pl.Int64(),
        "channels": pl.Int32(),
        "samples": pl.Int64(),  # per channel
        "duration_s": pl.Float64(),
        "start_time": pl.String(),  # ISO 8601 with the UTC offset where known, without where unknown; null = no stamp
        "start_time_source": pl.String(),  # guano, audiomoth, wamd, bext, filename
        "recorder": pl.String(),
        "site": pl.String(),
        "faults": pl.List(pl.String()),  # "code: message" of what was odd
    }
)

SPLITS = pl.Schema(
    {
        "scheme": pl.String(),  # a corpus may hold several, e.g. "by_session"
        "event_id": pl.String(),  # null = the whole recording
        "recording": pl.String(),
        "group": pl.String(),  # what was kept together
        "fold": pl.String(),  # "train" / "validation" / "test", or "0" ... for cross-validation
    }
)

FAILURES = pl.Schema(
    {
        "item": pl.String(),  # a recording or a table of annotations or metadata
        "error": pl.String(),
        "message": pl.String(),
        "trace": pl.String(),  # empty but for our own defects
    }
)

FAULTS = pl.Schema(
    {
        "source": pl.String(),  # the file at fault: a recording or a table
        "code": pl.String(),  # stable and short
        "message": pl.String(),
    }
)

ABSENT = pl.Schema(
    {
        "manifest": pl.String(),
        "id": pl.String(),  # the archive's number
        "file": pl.String(),  # the first name under which it was looked for
        "species": pl.String(),
    }
)

TAXA = pl.Schema(
    {
        "label": pl.String(),
        "status": pl.String(),  # same, mapped; unmapped, ambiguous, split: these keep their label
        "canonical": pl.List(pl.String()),  # one name, or all that it may stand for
        "events": pl.Int64(),
    }
)


# Columns that Tymbal makes itself, apart from those that a user's table may fill.
OUR_OWN = (set(RECORDINGS) | set(EVENTS) | {"group", "fold", "source_row", "view_rows"}) - {"site", "recorder"}
TOLD = 20  # columns that a message lists


def told_columns(names: Iterable[str]) -> list[str]:
    """The columns that a message offers to choose from: those that users brought, and "label"; the first `TOLD`."""
    theirs = [name for name in dict.fromkeys(names) if name not in OUR_OWN or name == "label"]
    return [*theirs[:TOLD], f"and {len(theirs) - TOLD} more"] if len(theirs) > TOLD else theirs


def as_text(name: str) -> pl.Expr:
    """A column as text in which blank cells are null: extra columns of tables keep theirs as they were written."""
    text = pl.col(name).cast(pl.String)
    return pl.when(text.str.strip_chars() != "").then(text).alias(name)
