"""Audacity label tracks: onset, offset, label, and a line of frequencies below where a spectral selection was made.

BirdNET writes a fourth cell, the confidence, which becomes the score. Point labels (onset = offset) are read as they
stand; cleaning leaves them out with a fault. An undefined frequency is written -1 by Audacity and null here.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from tymbal.annotations.formats.base import Format, cells_of, require_one_recording, require_times
from tymbal.annotations.source import Reading, Source


def sniff(source: Source) -> float:
    """0.9 where every first line is two numbers and a label, or a frequency line."""
    lines = source.first_lines
    if not lines or lines[0].startswith("\\"):
        return 0.0
    return 0.9 if all(_is_label(line) or _is_frequencies(line) for line in lines) else 0.0


def _is_frequencies(line: str) -> bool:
    return line.startswith("\\\t")


def _is_label(line: str) -> bool:
    cells = line.split("\t")
    return 2 <= len(cells) <= 4 and all(_number(cell) is not None for cell in cells[:2])


def _number(cell: str) -> float | None:
    try:
        return float(cell.strip().replace(",", "."))
    except ValueError:
        return None


def read(source: Source) -> Reading:
    """Read a label track; an empty file is an empty track. Lines that are no label are faults."""
    rows: list[int] = []
    table: list[list[float | None]] = []  # onset, offset, low, high, score
    labels: list[str] = []
    odd: list[int] = []
    commas: list[int] = []
    for number, line in enumerate(source.text.split("\n"), 1):
        if not line or line.isspace():
            continue
        cells = line.split("\t")
        if cells[0] == "\\" and table and len(cells) > 2:
            table[-1][2:4] = [_frequency(cell) for cell in cells[1:3]]
        elif len(cells) > 1 and _is_label(line):
            rows.append(number)
            table.append(
                [*(_number(cell) for cell in cells[:2]), None, None, _number(cells[3]) if len(cells) > 3 else None]
            )
            labels.append(cells[2] if len(cells) > 2 else "")
            if "," in cells[0] or "," in cells[1]:
                commas.append(number)
        else:
            odd.append(number)
    if odd and not rows:
        raise source.error(
            "no line holds an onset, an offset and a label",
            mend="Export the labels from Audacity again (File, Export).",
        )
    if odd:
        source.fault("not_a_label", "neither a label nor a line of frequencies; left out", odd)
    if commas:
        source.fault("decimal_comma", "decimal comma, read as a point", commas)
    names = ("onset_s", "offset_s", "low_hz", "high_hz", "score")
    columns = {name: pl.Series(name, [row[at] for row in table], dtype=pl.Float64) for at, name in enumerate(names)}
    return Reading({**columns, "label": pl.Series("label", labels, dtype=pl.String)}, rows=rows)


def _frequency(cell: str) -> float | None:
    value = _number(cell)
    return None if value is None or value < 0 else value


def write(events: pl.DataFrame, path: Path, coverage: pl.DataFrame | None) -> None:
    """Write a label track; frequencies as spectral selections. Recording, channel and score have no place in it."""
    from tymbal.jobs.atomic import write_text

    require_times(events, path, "audacity")
    require_one_recording(events, path, "audacity")
    lines = []
    labels = (label.translate(_FLAT) for label in events["label"].fill_null("").to_list())
    columns = (cells_of(events[name]) for name in ("onset_s", "offset_s", "low_hz", "high_hz"))
    for label, onset, offset, low, high in zip(labels, *columns, strict=True):
        lines.append(f"{onset}\t{offset}\t{label}\n")
        if low or high:
            lines.append(f"\\\t{low or -1.0}\t{high or -1.0}\n")
    write_text(path, "".join(lines))


_FLAT = str.maketrans("\t\r\n", "   ")

FORMAT = Format("audacity", (".txt",), sniff, read, "Audacity label track, with spectral selections", write)
