"""What the format tests share: a table on disk, and events that any format can be asked to hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
from hypothesis import strategies as st

from tymbal.annotations import Annotations, make_events, read_events, write_events

WORD = st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=6)
SECONDS = st.integers(0, 10**7).map(lambda step: step / 997)
HERTZ = st.one_of(st.none(), st.integers(0, 10**6).map(lambda step: step / 3))
EVENT = st.fixed_dictionaries(
    {"onset_s": SECONDS, "length": SECONDS.filter(bool), "low": HERTZ, "high": HERTZ, "label": WORD}
)


def put(folder: Path, text: str, name: str = "t.csv") -> Path:
    """Write `text` as a file and return its path."""
    path = folder / name
    path.write_text(text, encoding="utf-8", newline="")
    return path


def table(rows: list[dict[str, Any]], **columns: Any) -> pl.DataFrame:
    """Events out of drawn rows, all of one recording unless `columns` say otherwise."""
    low = [min(row["low"], row["high"]) if None not in (row["low"], row["high"]) else row["low"] for row in rows]
    high = [max(row["low"], row["high"]) if None not in (row["low"], row["high"]) else row["high"] for row in rows]
    frame = {
        "recording": ["a/rec.wav"] * len(rows),
        "onset_s": [row["onset_s"] for row in rows],
        "offset_s": [row["onset_s"] + row["length"] for row in rows],
        "low_hz": low,
        "high_hz": high,
        "label": [row["label"] for row in rows],
    }
    schema = {name: pl.String() if name in ("recording", "label") else pl.Float64() for name in frame}
    return make_events(pl.DataFrame(frame, schema=schema)).with_columns(**columns)


def there_and_back(events: pl.DataFrame, path: Path, format: str) -> Annotations:
    """Write and read again in the named format."""
    write_events(events, path, format=format)
    return read_events(path, format=format)
