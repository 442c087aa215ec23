"""Reading label files: 1,000 small Raven tables and one of 10,000 rows, beside bare cell reading with polars.

Run: .venv/bin/python perf/annotations.py
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import polars as pl

from machine import probe_line
from tymbal.annotations import read_events, write_events

HEADER = "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)\tSpecies\n"


def table(rows: int) -> str:
    """A selection table of `rows` events."""
    lines = (f"{k}\tSpectrogram 1\t1\t{k * 0.5}\t{k * 0.5 + 0.25}\t1000.5\t3000.0\tEATO\n" for k in range(1, rows + 1))
    return HEADER + "".join(lines)


def bare(path: Path) -> object:
    """The least any reader does: cut the file into typed cells."""
    return pl.read_csv(path, separator="\t")


def best(work: Callable[[Path], object], paths: Sequence[Path]) -> float:
    """CPU seconds of the fastest of three passes over `paths`."""
    seconds = []
    for _ in range(3):
        begin = time.process_time()
        for path in paths:
            work(path)
        seconds.append(time.process_time() - begin)
    return min(seconds)


def main() -> None:
    print(probe_line())
    with tempfile.TemporaryDirectory() as folder:
        small = [Path(folder) / f"rec_{at}.Table.1.selections.txt" for at in range(1000)]
        for path in small:
            path.write_text(table(8), encoding="utf-8")
        large = Path(folder) / "large.txt"
        large.write_text(table(10_000), encoding="utf-8")
        for name, paths in (("1,000 tables of 8 rows", small), ("one table of 10,000 rows", [large])):
            ours, theirs = best(read_events, paths), best(bare, paths)
            print(f"read {name}: {ours:.3f} s CPU; bare polars.read_csv {theirs:.3f} s; ratio {ours / theirs:.1f}")
        events = read_events(large).events
        seconds = best(lambda path: write_events(events, path, format="raven"), [Path(folder) / "out.txt"])
        same = (Path(folder) / "out.txt").read_bytes() == large.read_bytes()
        print(f"write 10,000 rows as Raven: {seconds:.3f} s CPU; the same bytes as read: {same}")


if __name__ == "__main__":
    main()
