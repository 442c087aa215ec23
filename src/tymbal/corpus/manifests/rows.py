"""Rows of the files that archives hand out: CSV, tab-separated text, JSON; packed by gzip or not."""

from __future__ import annotations

import csv
import gzip
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Literal

from tymbal.corpus.manifests.base import Head, Notes
from tymbal.errors import AnnotationError

Row = dict[str, Any]
LARGE_CELL = 1 << 24  # characters: descriptions may be long, but a lost quote must not swallow the file in silence


@contextmanager
def open_text(path: Path) -> Iterator[IO[str]]:
    """A text file, a gzip of one included. Raises AnnotationError where it is not there, or is no UTF-8."""
    try:
        if path.suffix.lower() == ".gz":
            with gzip.open(path, "rt", encoding="utf-8-sig", newline="") as packed:
                yield packed
        else:
            with open(path, encoding="utf-8-sig", newline="") as stream:
                yield stream
    except UnicodeDecodeError as error:
        raise AnnotationError(f"cannot be read as text: {error}", where=path, mend="Save it as UTF-8.") from error
    except (OSError, EOFError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        raise AnnotationError(f"cannot be read: {reason}", where=path, mend="Check the path.") from error


def is_json(path: Path) -> bool:
    """By its name."""
    return path.name.lower().removesuffix(".gz").endswith((".json", ".jsonl"))


def head_of(path: Path) -> Head:
    """How a manifest begins. Raises AnnotationError for a file that is empty or cannot be read."""
    if path.is_dir():
        return Head(path, frozenset(), "")
    if is_json(path):
        first = next(iter(json_rows(path, Notes())), {})
        return Head(path, frozenset(first), "")
    with open_text(path) as stream:
        line = stream.readline().rstrip("\r\n")
    if not line.strip():
        raise AnnotationError("the file is empty", where=path, mend="Download it again.")
    return Head(path, frozenset(name.strip().strip('"') for name in line.split(_delimiter(line))), line)


def _delimiter(line: str) -> str:
    return "\t" if "\t" in line else ";" if line.count(";") > line.count(",") else ","


def table_rows(path: Path, notes: Notes | None = None) -> Iterator[Row]:
    """Rows of a table with a header line, by column.

    Cells between tabs are taken as they stand, quotes included, as GBIF and iNaturalist write them; others follow the
    usual quoting. A row of more cells than the header is left out and noted; without `notes` it is an AnnotationError.
    So is one whose quotes cannot be followed.
    """
    csv.field_size_limit(min(LARGE_CELL, sys.maxsize))
    with open_text(path) as stream:
        line = stream.readline()
        tabs = "\t" in line
        quoting: Literal[0, 3] = csv.QUOTE_NONE if tabs else csv.QUOTE_MINIMAL
        header = [name.strip() for name in next(csv.reader([line], delimiter=_delimiter(line), quoting=quoting), [])]
        reader = csv.reader(stream, delimiter=_delimiter(line), quoting=quoting)
        try:
            for cells in reader:
                if not any(cells):
                    continue
                if len(cells) > len(header) and notes is not None:
                    text = "more cells than the header; left out: check quotes and delimiters there"
                    notes.note("long_row", f"row {reader.line_num + 1}", text)
                    continue
                if len(cells) > len(header):
                    raise AnnotationError(
                        f"row {reader.line_num + 1} has {len(cells)} cells where the header has {len(header)}",
                        where=path,
                        mend="Check quotes and delimiters in that row.",
                    )
                yield dict(zip(header, cells, strict=False))
        except csv.Error as error:
            raise AnnotationError(
                f"row {reader.line_num + 1}: {error}", where=path, mend="Check its quotes, and those above it."
            ) from error


def json_rows(path: Path, notes: Notes | None = None) -> Iterator[Row]:
    """Recordings of a JSON file: an answer of an API with its list under `recordings` or `results`, several such in a
    list, a plain list, or one object a line. What is no recording (null) is left out and noted; without `notes` it is
    an AnnotationError."""
    with open_text(path) as stream:
        text = stream.read()
    try:
        if path.name.lower().removesuffix(".gz").endswith(".jsonl"):
            yield from _flat([json.loads(line) for line in text.splitlines() if line.strip()], path, notes)
        else:
            yield from _flat(json.loads(text), path, notes)
    except (ValueError, RecursionError) as error:  # numbers of thousands of digits, lists in lists in lists …
        raise AnnotationError(f"not valid JSON: {error}", where=path, mend="Download it again.") from error


def _flat(data: Any, path: Path, notes: Notes | None) -> Iterator[Row]:
    if isinstance(data, list):
        for each in data:
            yield from _flat(each, path, notes)
        return
    if not isinstance(data, dict) and notes is not None:
        notes.note("no_entry", json.dumps(data)[:40], "stands where a recording should be; left out")
        return
    if not isinstance(data, dict):
        raise AnnotationError(
            f"holds {json.dumps(data)[:40]} where a recording should be", where=path, mend="Take it out of the list."
        )
    inner = next((data[name] for name in ("recordings", "results") if isinstance(data.get(name), list)), None)
    if inner is None:
        yield data
    else:
        yield from _flat(inner, path, notes)


def rows_of(path: Path, notes: Notes | None = None) -> Iterator[Row]:
    """Rows of a table or of JSON, by the file's name; what is none is left out and noted, without `notes` an error."""
    return json_rows(path, notes) if is_json(path) else table_rows(path, notes)


def beside(path: Path, *names: str) -> Path | None:
    """The first of `names`, or of these with .gz, that stands beside a manifest; None where none does."""
    folder = path if path.is_dir() else path.parent
    return next((folder / each for name in names for each in (name, f"{name}.gz") if (folder / each).is_file()), None)
