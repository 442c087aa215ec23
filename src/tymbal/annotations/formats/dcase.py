"""DCASE few-shot tables: Audiofilename, Starttime, Endtime and Q, or one column per class, of POS / NEG / UNK.

POS is an event: of class "POS" in a Q column (the table does not name its one target), else of the column's class.
UNK (the annotator could not tell) is no event but a hole in the coverage: these tables were listened to from end to
end for their classes, and a detection inside a hole is unknown, not false. NEG says nothing that coverage does not.
"""

from __future__ import annotations

import math
from collections import defaultdict
from pathlib import Path

import polars as pl

from tymbal.annotations.coverage import CoverageIndex, complement, merge_intervals
from tymbal.annotations.formats.base import Format, cells_of, require_times, write_delimited
from tymbal.annotations.formats.plain import blank_to_null
from tymbal.annotations.sheet import text_series, unique_names
from tymbal.annotations.source import Reading, Source
from tymbal.annotations.tables import make_coverage

_WORDS = {"POS", "NEG", "UNK"}
_ONE_TARGET = "POS"


def sniff(source: Source) -> float:
    """0.95 with the three columns that every DCASE few-shot table has."""
    return 0.95 if {"audiofilename", "starttime", "endtime"} <= source.keys else 0.0


def read(source: Source) -> Reading:
    """Read the table; cells other than POS, NEG, UNK are faults. AnnotationError without a class column."""
    sheet = source.sheet
    places = [sheet.find(name) for name in ("audiofilename", "starttime", "endtime")]
    onset, offset = source.numbers(places[1], "onset_s"), source.numbers(places[2], "offset_s")
    if onset is None or offset is None or places[0] is None:
        raise source.error("a column is missing", allowed="Audiofilename, Starttime, Endtime", mend="Add it.")
    names = blank_to_null(text_series("recording", sheet.cells[places[0]])).fill_null(source.default_recording)
    words: dict[int, list[str]] = {}
    for index, cells in enumerate(sheet.cells):
        if index not in places and {(cell or "").strip().upper() for cell in cells} & _WORDS:
            words[index] = [(cell or "").strip().upper() for cell in cells]
    if not words and not sheet.height:
        words = {index: [] for index in range(len(sheet.cells)) if index not in places}
    if not words:
        raise source.error("no column holds POS, NEG or UNK", mend="Add a column Q, or one per class, of these words.")
    labels = {index: _ONE_TARGET if sheet.header[index] == "Q" else sheet.header[index] for index in words}
    picked: list[int] = []
    classes: list[str] = []
    for row in range(sheet.height):
        for index, column in words.items():
            if column[row] == "POS":
                picked.append(row)
                classes.append(labels[index])
    odd = [number for at, number in enumerate(sheet.rows) if any(column[at] not in _WORDS for column in words.values())]
    if odd:
        source.fault("unknown_word", "neither POS, NEG nor UNK; read as NEG", odd)
    extras = {
        name: text_series(name, [cells[row] for row in picked])
        for index, (name, cells) in enumerate(zip(unique_names(sheet.header), sheet.cells, strict=True))
        if index not in places and index not in words
    }
    columns = {"recording": names[picked], "onset_s": onset[picked], "offset_s": offset[picked]}
    holes = _holes(names.to_list(), onset.to_list(), offset.to_list(), {labels[i]: w for i, w in words.items()})
    rows = [sheet.rows[row] for row in picked]
    everywhere = list(dict.fromkeys(names.to_list())) or [source.default_recording]
    coverage = _coverage(everywhere, holes, list(labels.values()))
    return Reading({**columns, "label": pl.Series("label", classes, dtype=pl.String)}, extras, rows, coverage)


_Holes = dict[tuple[str, str], list[tuple[float, float]]]  # (recording, class) -> UNK intervals


def _holes(
    names: list[str], onsets: list[float | None], offsets: list[float | None], words: dict[str, list[str]]
) -> _Holes:
    holes: _Holes = defaultdict(list)
    for label, column in words.items():
        for name, onset, offset, word in zip(names, onsets, offsets, column, strict=True):
            if word == "UNK" and onset is not None and offset is not None and offset > onset:
                holes[name, label].append((onset, offset))
    return holes


def _coverage(recordings: list[str], holes: _Holes, labels: list[str]) -> pl.DataFrame:
    """The whole of each recording but its holes; classes with the same holes share their rows."""
    rows = []
    for recording in recordings:
        alike: dict[tuple[tuple[float, float], ...], list[str]] = defaultdict(list)
        for label in labels:
            alike[tuple(sorted(holes.get((recording, label), [])))].append(label)
        for unknown, classes in alike.items():
            for start, end in complement(merge_intervals(unknown)).tolist():
                closed = None if math.isinf(end) else end
                rows.append((recording, start if start > 0 or unknown else None, closed, classes))
    schema = {"recording": pl.String(), "start_s": pl.Float64(), "end_s": pl.Float64(), "labels": pl.List(pl.String())}
    return make_coverage(pl.DataFrame(rows, schema=schema, orient="row"))


def write(events: pl.DataFrame, path: Path, coverage: pl.DataFrame | None) -> None:
    """Write the Q form where no event has a class but POS, else one column per class.

    An event whose certainty is "unknown" is written UNK, as are the holes of `coverage` between covered stretches.
    """
    require_times(events, path, "dcase")
    labels = events["label"].fill_null(_ONE_TARGET).to_list()
    classes = list(dict.fromkeys([*labels, *_covered_classes(coverage)]))
    one = not classes or classes == [_ONE_TARGET]
    header = ["Q"] if one else classes
    classes = classes or [_ONE_TARGET]
    files, onsets, offsets = (cells_of(events[name]) for name in ("recording", "onset_s", "offset_s"))
    unknown = [certainty == "unknown" for certainty in events["certainty"].to_list()]
    rows = [
        (
            file,
            float(onset),
            onset,
            offset,
            [("UNK" if maybe else "POS") if name == label else "NEG" for name in classes],
        )
        for file, onset, offset, label, maybe in zip(files, onsets, offsets, labels, unknown, strict=True)
    ]
    rows += _unknown_rows(coverage, classes)
    order = {name: at for at, name in enumerate(dict.fromkeys(row[0] for row in rows))}
    if coverage is not None and coverage.height:
        rows.sort(key=lambda row: (order[row[0]], row[1]))
    columns = {
        "Audiofilename": [row[0] for row in rows],
        "Starttime": [row[2] for row in rows],
        "Endtime": [row[3] for row in rows],
        **{title: [row[4][at] for row in rows] for at, title in enumerate(header)},
    }
    write_delimited(path, columns)


def _covered_classes(coverage: pl.DataFrame | None) -> list[str]:
    if coverage is None:
        return []
    return coverage["labels"].explode().drop_nulls().unique(maintain_order=True).to_list()


def _unknown_rows(coverage: pl.DataFrame | None, classes: list[str]) -> list[tuple[str, float, str, str, list[str]]]:
    """One UNK row for each stretch inside a recording's coverage that is not covered for a class."""
    if coverage is None or not coverage.height:
        return []
    index = CoverageIndex(coverage)
    rows = []
    for recording in coverage["recording"].unique(maintain_order=True).to_list():
        holes: dict[tuple[float, float], list[str]] = defaultdict(list)
        for label in classes:
            spans = index.intervals(recording, label)
            if len(spans):
                for start, end in complement(spans, 0.0, float(spans[-1, 1])).tolist():
                    holes[start, end].append(label)
        for (start, end), unknown in holes.items():
            words = ["UNK" if name in unknown else "NEG" for name in classes]
            rows.append((recording, start, repr(start), repr(end), words))
    return rows


FORMAT = Format(
    "dcase",
    (".csv",),
    sniff,
    read,
    "DCASE few-shot table (POS / NEG / UNK); UNK becomes a hole in the coverage",
    write,
    many=True,
)
