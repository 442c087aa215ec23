"""Praat TextGrids, long and short form, any encoding, any number of tiers (also of the same name).

Each interval with text is an event of its tier (columns `tier` and `tier_number`); intervals without text say that
nothing is there, so the grid's whole time is coverage. Points of a TextTier are events without duration, which
cleaning leaves out.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from tymbal.annotations.formats.base import Format, require_one_recording, require_times
from tymbal.annotations.source import Reading, Source
from tymbal.annotations.tables import make_coverage
from tymbal.errors import AnnotationError

# Praat's text files are free-form: only numbers, quoted texts and <flags> count, a "!" comments out the line's rest.
_TOKEN = re.compile(r'"((?:[^"]|"")*)"|<(\w+)>|(?<![^\s=])([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)(?=\s|$)|(!.*)')


def sniff(source: Source) -> float:
    """1 for the first line of a TextGrid (or its name, where the file type line is there)."""
    lines = [line.strip() for line in source.first_lines[:3]]
    if not lines or "ooTextFile" not in lines[0]:
        return 0.0
    return 1.0 if any("TextGrid" in line for line in lines) else 0.0


class _Tokens:
    """Numbers and texts of the file in order, whatever stands between them."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._tokens = self._scan(source.text)

    @staticmethod
    def _scan(text: str) -> Iterator[tuple[str, str]]:
        for match in _TOKEN.finditer(text):
            quoted, flag, number, _ = match.groups()
            if quoted is not None:
                yield "text", quoted.replace('""', '"')
            elif flag is not None:
                yield "flag", flag
            elif number is not None:
                yield "number", number

    def next(self, kind: str) -> str:
        """The next token, which must be of `kind`; AnnotationError where the file ends or another kind comes."""
        found, value = next(self._tokens, ("end", "the end of the file"))
        if found != kind:
            raise self._source.error(
                f"expected a {kind} but found {value!r}", mend="Open the TextGrid in Praat and save it again."
            )
        return value

    def number(self) -> float:
        return float(self.next("number")) + 0.0  # -0 becomes 0

    def count(self) -> int:
        value = self.number()
        if value != int(value) or value < 0:
            raise self._source.error(f"a size of {value}", mend="Open the TextGrid in Praat and save it again.")
        return int(value)


def read(source: Source) -> Reading:
    """Read all tiers; AnnotationError where the file breaks off or is no TextGrid."""
    tokens = _Tokens(source)
    kinds = tokens.next("text"), tokens.next("text")
    if kinds[1] != "TextGrid":
        raise source.error(f"this is a Praat {kinds[1]}, not a TextGrid", mend="Save the TextGrid itself.")
    start, end = tokens.number(), tokens.number()
    tiers = tokens.count() if tokens.next("flag") == "exists" else 0
    rows: list[tuple[float, float, str, str, int]] = []
    for number in range(1, tiers + 1):
        kind, name = tokens.next("text"), tokens.next("text")
        tokens.number(), tokens.number()  # the tier's own bounds; the grid's count
        for _ in range(tokens.count()):
            onset = tokens.number()
            offset = tokens.number() if kind == "IntervalTier" else onset
            text = tokens.next("text")
            if text.strip():
                rows.append((onset, offset, text, name, number))
    frame = pl.DataFrame(
        rows,
        schema={
            "onset_s": pl.Float64(),
            "offset_s": pl.Float64(),
            "label": pl.String(),
            "tier": pl.String(),
            "tier_number": pl.Int32(),
        },
        orient="row",
    )
    span = {"recording": [source.default_recording], "start_s": [start], "end_s": [end]}
    return Reading({}, {name: frame[name] for name in frame.columns}, None, make_coverage(span))


def write(events: pl.DataFrame, path: Path, coverage: pl.DataFrame | None) -> None:
    """Write a long-form TextGrid, UTF-8: one interval tier per `tier` (else one called "events").

    Events that overlap within a tier go to further tiers of the same name, since intervals cannot overlap. The grid
    ends where `coverage` ends, else with the last event. Events with a blank label cannot be told from silence:
    AnnotationError.
    """
    from tymbal.jobs.atomic import write_text

    require_times(events, path, "textgrid")
    require_one_recording(events, path, "textgrid")
    labels = events["label"].fill_null("")
    if (labels.str.strip_chars() == "").any():
        raise AnnotationError(
            "events without a label, which a TextGrid cannot tell from silence", where=path, mend="Label them first."
        )
    if ((events["offset_s"] <= events["onset_s"]) | (events["onset_s"] < 0)).any():
        raise AnnotationError(
            "events that begin before 0 s or have no duration",
            where=path,
            mend="Clean the events first (clean_events).",
        )
    tiers = _tiers(events)
    ends = [0.0, *events["offset_s"].to_list()]
    if coverage is not None:
        ends += [end for end in coverage["end_s"].to_list() if end is not None and math.isfinite(end)]
    write_text(path, _grid(tiers, max(ends)))


_Interval = tuple[float, float, str]


def _tiers(events: pl.DataFrame) -> list[tuple[str, list[_Interval]]]:
    count = events.height
    names = events["tier"].fill_null("events").to_list() if "tier" in events.columns else ["events"] * count
    numbers = events["tier_number"].fill_null(0).to_list() if "tier_number" in events.columns else [0] * count
    columns = (events[name].to_list() for name in ("onset_s", "offset_s", "label"))
    grouped: dict[tuple[int, str], list[_Interval]] = {}
    for number, name, onset, offset, label in zip(numbers, names, *columns, strict=True):
        grouped.setdefault((number, str(name)), []).append((onset, offset, label))
    tiers: list[tuple[str, list[_Interval]]] = []
    for (_, name), intervals in sorted(grouped.items(), key=lambda item: item[0][0]):
        layers: list[list[_Interval]] = [[]]
        for interval in sorted(intervals):
            for layer in layers:
                if not layer or layer[-1][1] <= interval[0]:
                    layer.append(interval)
                    break
            else:
                layers.append([interval])
        tiers += [(name, layer) for layer in layers]
    return tiers or [("events", [])]


def _grid(tiers: list[tuple[str, list[_Interval]]], end: float) -> str:
    head = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", "xmin = 0 ", f"xmax = {end!r} "]
    lines = [*head, "tiers? <exists> ", f"size = {len(tiers)} ", "item []: "]
    for number, (name, intervals) in enumerate(tiers, 1):
        filled = _with_gaps(intervals, end)
        lines += [f"    item [{number}]:", '        class = "IntervalTier" ', f"        name = {_quote(name)} "]
        lines += ["        xmin = 0 ", f"        xmax = {end!r} ", f"        intervals: size = {len(filled)} "]
        for at, (onset, offset, text) in enumerate(filled, 1):
            lines += [f"        intervals [{at}]:", f"            xmin = {onset!r} ", f"            xmax = {offset!r} "]
            lines.append(f"            text = {_quote(text)} ")
    return "\n".join(lines) + "\n"


def _with_gaps(intervals: list[_Interval], end: float) -> list[_Interval]:
    filled, at = [], 0.0
    for onset, offset, text in intervals:
        if onset > at:
            filled.append((at, onset, ""))
        filled.append((onset, offset, text))
        at = offset
    return [*filled, (at, end, "")] if end > at else filled


def _quote(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


FORMAT = Format("textgrid", (".TextGrid",), sniff, read, "Praat TextGrid (long, short, several tiers)", write)
