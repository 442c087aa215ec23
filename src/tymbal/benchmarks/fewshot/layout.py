"""What lies in the folder of a few-shot benchmark: recordings with a table beside each, as tasks of one target each.

FASD13: FOLDER/KD/name.wav and name.csv (Starttime, Endtime, Q of POS or UNK). DCASE task 5: the same with the column
Audiofilename below Development_Set/Validation_Set/HB, and one column per class of POS, NEG, UNK below
Training_Set/BV. Folders may lie deeper: a set is the nearest folder above the recording that bears a set's name.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from tymbal.audio import AUDIO_EXTENSIONS
from tymbal.benchmarks.fewshot.sets import FewshotBenchmark
from tymbal.benchmarks.tables import read_table, seconds
from tymbal.errors import AnnotationError, Fault

TIMES = ("Starttime", "Endtime")
NAMED = (*TIMES, "Audiofilename")
POS, NEG, UNK = "POS", "NEG", "UNK"
Spans = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Truth:
    """One target of one recording, events (onset s, offset s) in order of onset.

    name : set/recording, and the class where the table has several. path : absolute.
    """

    name: str
    set: str
    path: str
    target: str
    positive: Spans
    unknown: Spans


@dataclass(frozen=True)
class Layout:
    """What is there: tasks in the order of their names, and what was odd or could not be read."""

    truths: tuple[Truth, ...]
    faults: tuple[Fault, ...]

    def sets(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(truth.set for truth in self.truths))


def read_layout(data: Path, benchmark: FewshotBenchmark, sets: Sequence[str] = ()) -> Layout:
    """Read every table beside a recording of the wanted `sets` (all if none is named).

    A table that cannot be read, or whose recording is not there, is a fault; the others go on.
    """
    truths: list[Truth] = []
    faults: list[Fault] = []
    known = {each.name for each in benchmark.sets}
    for table in sorted(data.rglob("*.csv")):
        name = set_of(table.relative_to(data), known)
        if name is None or (sets and name not in sets):
            continue
        recording = beside(table)
        if recording is None:
            faults.append(Fault("missing", f"{table}: no recording of this name lies beside it; left out"))
            continue
        try:
            truths += read_truths(table, recording, name, data)
        except AnnotationError as error:
            faults.append(Fault("unreadable", str(error)))
    return Layout(tuple(sorted(truths, key=lambda truth: truth.name)), tuple(faults))


def set_of(table: Path, known: set[str]) -> str | None:
    """The nearest folder above that bears a set's name."""
    return next((part for part in reversed(table.parts[:-1]) if part in known), None)


def beside(table: Path) -> Path | None:
    """The recording whose table this is, whatever its ending."""
    found = [table.with_suffix(ending) for ending in (".wav", ".WAV", ".flac")]
    found += sorted(table.parent.glob(f"{_escaped(table.stem)}.*"))
    return next((path for path in found if path.is_file() and path.suffix.lower() in AUDIO_EXTENSIONS), None)


def _escaped(stem: str) -> str:
    return "".join(f"[{sign}]" if sign in "[]*?" else sign for sign in stem)


def read_truths(table: Path, recording: Path, name: str, data: Path) -> Iterator[Truth]:
    """The targets of one table; rows may come in any order. Raises AnnotationError naming row and fault."""
    read = read_table(table, TIMES)
    classes = [column for column in read.columns if column not in NAMED]
    if not classes:
        raise AnnotationError("no column of POS, NEG and UNK", where=table, allowed="Q, or one column per class")
    spans = _spans(read, table)
    told = recording.relative_to(data).as_posix()
    for column in classes:
        words = [(word or "").strip().upper() for word in read[column].to_list()]
        odd = next((word for word in words if word not in (POS, NEG, UNK)), None)
        if odd is not None:
            if len(classes) > 1 and not {POS, UNK} & set(words):
                continue  # a column that is about something else
            raise AnnotationError(f"{odd!r} in column {column!r}", where=table, allowed="POS, NEG, UNK")
        positive, unknown = (
            tuple(sorted(span for span, word in zip(spans, words, strict=True) if word == wanted))
            for wanted in (POS, UNK)
        )
        if positive:
            target = column if len(classes) > 1 else name
            suffix = f"#{column}" if len(classes) > 1 else ""
            yield Truth(f"{told}{suffix}", name, str(recording), target, positive, unknown)


def _spans(read: pl.DataFrame, table: Path) -> list[tuple[float, float]]:
    spans = []
    for row, (onset, offset) in enumerate(read.select(TIMES).iter_rows(), 2):
        span = seconds(onset, table), seconds(offset, table)
        if not all(math.isfinite(time) for time in span) or span[1] < span[0]:
            raise AnnotationError(
                f"row {row} begins at {onset} s and ends at {offset} s", where=table, mend="Mend or remove the row."
            )
        spans.append(span)
    return spans
