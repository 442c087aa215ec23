"""AudioSet: tables of ten-second segments of videos, weak (…_segments.csv) or strong, with class names beside them.

https://research.google.com/audioset/download.html and download_strong.html. Names of the classes are read from
class_labels_indices.csv, ontology.json or mid_to_display_name.tsv beside the table.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

from tymbal.corpus.manifests.base import Entry, Head, Heard, Notes, Reader
from tymbal.corpus.manifests.rows import beside, open_text, table_rows
from tymbal.errors import AnnotationError

SEGMENT_S = 10.0
_STRONG = {"segment_id", "start_time_seconds", "end_time_seconds", "label"}


def _knows(head: Head) -> bool:
    weak = head.first_line.startswith("# Segments csv") or "YTID" in head.first_line
    return weak or head.columns >= _STRONG


def _read(path: Path, notes: Notes) -> Iterator[Entry]:
    names = _class_names(path)
    with open_text(path) as stream:
        strong = not stream.readline().startswith("#")
    yield from _strong(path, names, notes) if strong else _weak(path, names, notes)


def _weak(path: Path, names: dict[str, str], notes: Notes) -> Iterator[Entry]:
    with open_text(path) as stream:
        for number, cells in enumerate(csv.reader(stream, skipinitialspace=True), 1):
            if not cells or cells[0].startswith("#"):
                continue
            try:
                video, start_s, end_s, classes = cells[0], float(cells[1]), float(cells[2]), cells[3]
            except (IndexError, ValueError) as error:
                raise AnnotationError(
                    f"row {number} is no segment: {', '.join(cells)}",
                    where=path,
                    allowed='YTID, start_seconds, end_seconds, "label,label"',
                ) from error
            labels = [each.strip() for each in classes.split(",") if each.strip()]
            heard = tuple(Heard(_named(each, names, video, notes)) for each in dict.fromkeys(labels))
            facts = {"video": video, "source_id": f"{video}_{start_s:g}", "licence_of": "labels"}
            files = _files(video, start_s, end_s)
            yield Entry(f"{video}_{start_s:g}", files, facts, heard, span_s=(start_s, end_s))


def _strong(path: Path, names: dict[str, str], notes: Notes) -> Iterator[Entry]:
    for row in table_rows(path, notes):
        video, _, start = row["segment_id"].rpartition("_")
        try:
            start_s = float(start) / 1000
            onset_s, offset_s = float(row["start_time_seconds"]), float(row["end_time_seconds"])
        except ValueError as error:
            raise AnnotationError(f"no times in the row of {row['segment_id']}", where=path) from error
        heard = Heard(_named(row["label"], names, video, notes), onset_s=onset_s, offset_s=offset_s)
        facts = {"video": video, "source_id": row["segment_id"], "licence_of": "labels"}
        end_s = start_s + SEGMENT_S
        yield Entry(row["segment_id"], _files(video, start_s, end_s), facts, (heard,), span_s=(start_s, end_s))


def _files(video: str, start_s: float, end_s: float) -> tuple[str, ...]:
    """What programs that fetch the videos call them, the surest first."""
    start, end = f"{start_s:g}", f"{end_s:g}"
    return (
        f"{video}_{round(1000 * start_s)}",
        f"{video}_{start}_{end}",
        f"{video}_{start_s:.3f}_{end_s:.3f}",
        f"{video}_{start_s:.1f}_{end_s:.1f}",
        f"{video}_{round(1000 * start_s)}_{round(1000 * end_s)}",
        f"{video}_{start}",
        video,
        f"Y{video}",
    )


def _class_names(path: Path) -> dict[str, str]:
    """Class -> its name, from the first of the known files that stands beside the table; empty where none does."""
    if (table := beside(path, "class_labels_indices.csv")) is not None:
        return {row["mid"]: row["display_name"] for row in table_rows(table)}
    if (table := beside(path, "ontology.json")) is not None:
        with open_text(table) as stream:
            return {each["id"]: each["name"] for each in json.load(stream)}
    if (table := beside(path, "mid_to_display_name.tsv")) is not None:
        with open_text(table) as stream:
            return dict(line.rstrip("\r\n").split("\t")[:2] for line in stream if "\t" in line)
    return {}


def _named(mid: str, names: dict[str, str], video: str, notes: Notes) -> str:
    if mid not in names:
        notes.note(
            "no_class_name", video, f"no name for its class ({mid}, …): put class_labels_indices.csv beside the table"
        )
    return names.get(mid, mid)


READER = Reader(
    "audioset", "…_segments.csv (# YTID, …) or its strong labels (segment_id)", _knows, _read, fold_case=False
)
