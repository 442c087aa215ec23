"""How many annotated events overlap by nature in every real set. Run: docs/studies/natural_overlap.py DATA"""

from __future__ import annotations

import sys
from pathlib import Path

import polars as pl

from tymbal.annotations import read_events
from tymbal.corpus.packing.facts import overlapping_pairs


def main() -> None:
    """One row per set with a table of events that have times."""
    print("| set | events | overlapping pairs | pairs per event | of one label |\n|---|---|---|---|---|")
    for path in sorted(Path(sys.argv[1]).glob("*/annotations.csv")):
        if path.parent.name == "broken":
            continue
        events = read_events(path).events.drop_nulls(["onset_s", "offset_s"])
        events = events.filter(pl.col("offset_s") > pl.col("onset_s"))
        same = events.with_columns(pl.concat_str("recording", pl.col("label").fill_null("")).alias("recording"))
        pairs, own = overlapping_pairs(events), overlapping_pairs(same)
        print(f"| {path.parent.name} | {events.height:,} | {pairs} | {pairs / max(events.height, 1):.3f} | {own} |")


if __name__ == "__main__":
    main()
