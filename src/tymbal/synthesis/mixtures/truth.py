"""What is known of mixtures: every event of every source at its new place, and where all of it came from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from tymbal.annotations import make_events
from tymbal.synthesis.mixtures.choosing import Draw
from tymbal.synthesis.mixtures.mixing import Mixture
from tymbal.synthesis.truth import count_overlaps


def mixture_events(draw: Draw, mixture: Mixture, events: Mapping[str, pl.DataFrame], by: str) -> pl.DataFrame:
    """The Events table of one mixture in order of onset.

    Columns beside the usual ones: the individual (named `by`), source_recording, source_event, gain_db, overlaps (how
    many others sound at some time while the event does); further columns of the sources ride along.
    """
    parts = []
    for source, start_s, gain_db in zip(draw.sources, mixture.starts_s, mixture.gains_db, strict=True):
        own = events[source.recording].with_columns(
            (pl.col("onset_s") + start_s).clip(0.0, mixture.duration_s),
            (pl.col("offset_s") + start_s).clip(0.0, mixture.duration_s),
            pl.col("recording").alias("source_recording"),
            pl.col("event_id").alias("source_event"),
            pl.lit(mixture.name).alias("recording"),
            pl.lit(None, dtype=pl.Int32).alias("channel"),
            pl.lit(source.individual).alias(by),
            pl.lit(round(gain_db, 3)).alias("gain_db"),
        )
        parts.append(own.drop("event_id", "source", strict=False))
    table = pl.concat(parts, how="diagonal_relaxed").sort(
        "onset_s", "offset_s", "source_recording", maintain_order=True
    )
    ids = [f"{mixture.name.removesuffix('.flac')}-{row:04d}" for row in range(table.height)]
    spans = np.rint(table.select("onset_s", "offset_s").to_numpy() * mixture.sample_rate_hz).astype(np.int64)
    overlaps = count_overlaps(spans[:, 0], spans[:, 1])
    return make_events(table.with_columns(pl.Series("event_id", ids), pl.Series("overlaps", overlaps)))


def mixture_row(
    draw: Draw, mixture: Mixture, together: str, rights: Mapping[str, Mapping[str, str | None]]
) -> dict[str, Any]:
    """Metadata of one mixture: how it was made, of what, and under which licence it may be handed on."""
    names = [source.recording for source in draw.sources]
    return {
        "recording": mixture.name,
        "fold": draw.fold,
        "mixed_together": together,
        "individuals": "+".join(sorted({source.individual for source in draw.sources})),
        "louder": draw.louder,
        "overlap_asked": f"{mixture.overlap:g}",
        "overlap_reached": f"{mixture.reached:.4f}",
        "snr_db": f"{mixture.snr_db:g}",
        "draw": f"{draw.fold or 'all'}-{draw.number:03d}",
        "sources": ";".join(names),
        "starts_s": ";".join(f"{start:.6f}" for start in mixture.starts_s),
        "licence": joint_licence([rights[name]["licence"] for name in names]),
        "author": _joined([rights[name]["author"] for name in names]),
        "source_url": _joined([rights[name]["source"] for name in names]),
    }


def joint_licence(licences: Sequence[str | None]) -> str | None:
    """What a mixture is under: all its sources' licences at once; None where one has none or forbids derivatives."""
    if any(each is None or "-ND" in each.upper() for each in licences):
        return None
    return " AND ".join(sorted({str(each) for each in licences}))


def _joined(values: Sequence[str | None]) -> str | None:
    return "; ".join(sorted({value for value in values if value})) or None
