"""Events that mean what they say: impossible rows left out, correctable ones corrected, all of them named."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tymbal.annotations.faults import row_fault
from tymbal.annotations.sheet import SOURCE_ROW
from tymbal.annotations.tables import EVENTS
from tymbal.errors import Fault

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

_TOLERANCE_S = 1e-6  # a table's rounding: an end this far past the recording's end is clipped without a word
_TOLERANCE_HZ = 1e-6  # the same for frequencies, as a fraction of Nyquist
_MILLISECONDS = 10.0  # times are taken for milliseconds where the last lies this many durations past the end


@dataclass
class _Work:
    """The columns under repair as arrays, which rows stay, and what was found where."""

    onset: Floats
    offset: Floats
    low: Floats
    high: Floats
    keep: Mask
    found: list[tuple[str, str, Mask]] = field(default_factory=list)

    def note(self, code: str, text: str, mask: Mask, *, drop: bool = False) -> None:
        """Record rows still kept that share a fault, and leave them out where `drop`."""
        hit = mask & self.keep
        if hit.any():
            self.found.append((code, text, hit))
            if drop:
                self.keep &= ~hit


def clean_events(
    events: pl.DataFrame,
    durations: Mapping[str, float] | None = None,
    sample_rates: Mapping[str, float] | None = None,
) -> tuple[pl.DataFrame, tuple[Fault, ...]]:
    """Leave out events that cannot be, correct those that can, and say so for each.

    Parameters
    ----------
    events : by the EVENTS schema; extra columns ride along. Rows are named by `source_row` where there is one, else
        by event id.
    durations : seconds of each recording, for what needs the end; recordings not in it are not checked for that.
    sample_rates : Hz of each recording, for what needs Nyquist.

    Returns
    -------
    The events kept, in order, and the faults. Left out: "bad_time" (missing, NaN or infinite on one side),
    "end_before_begin", "zero_duration", "before_start", "beyond_end" (wholly past it), "milliseconds" (times that lie
    far past the end but fit as milliseconds). Corrected: "negative_begin" and "over_end" (clipped), "low_above_high"
    (swapped), "bad_frequency" (negative or infinite), "above_nyquist" (clipped; a box wholly above loses its
    frequencies), "blank_label" (null), "label_spaces" (stripped). Kept as they are: "duplicate" rows.
    Events without times (the label holds for the whole recording) are only checked for labels and duplicates.
    """
    if not events.height:
        return events, ()
    onset, offset, low, high = (_floats(events, name) for name in ("onset_s", "offset_s", "low_hz", "high_hz"))
    work = _Work(onset, offset, low, high, np.ones(events.height, dtype=np.bool_))
    length = _per_recording(events, durations)
    _check_times(work, length)
    _check_frequencies(work, _per_recording(events, sample_rates) / 2)
    labels = _check_labels(work, events["label"])
    _check_duplicates(work, events, labels)
    if not work.found and not (np.signbit(work.onset) & (work.onset == 0)).any():
        return events, ()
    work.onset += 0.0  # -0.0 becomes 0.0
    values = {"onset_s": work.onset, "offset_s": work.offset, "low_hz": work.low, "high_hz": work.high}
    numbers = [pl.Series(name, array, nan_to_null=True) for name, array in values.items()]
    changed = events.with_columns(*numbers, labels)
    return (changed if work.keep.all() else changed.filter(pl.Series(work.keep))), _faults(events, work.found)


def _floats(events: pl.DataFrame, name: str) -> Floats:
    return np.array(events[name].to_numpy(), dtype=np.float64)  # a copy; null comes out as NaN


def _per_recording(events: pl.DataFrame, values: Mapping[str, float] | None) -> Floats:
    """One value per event by its recording; NaN where it is not known."""
    if not values:
        return np.full(events.height, np.nan)
    table = {name: float(value) for name, value in values.items() if value is not None}
    return np.array([table.get(name, np.nan) for name in events["recording"].to_list()], dtype=np.float64)


def _check_times(work: _Work, length: Floats) -> None:
    onset, offset = work.onset, work.offset
    whole = np.isnan(onset) & np.isnan(offset)
    with np.errstate(invalid="ignore"):
        finite = np.isfinite(onset) & np.isfinite(offset)
        work.note("bad_time", "a time is missing, NaN or infinite; cleaning leaves it out", ~finite & ~whole, drop=True)
        work.note("end_before_begin", "ends before it begins; cleaning leaves it out", offset < onset, drop=True)
        work.note(
            "zero_duration",
            "has no duration (a point, not an event); cleaning leaves it out",
            finite & (offset == onset),
            drop=True,
        )
        work.note(
            "before_start", "lies before the recording; cleaning leaves it out", finite & (offset <= 0), drop=True
        )
        early = finite & (onset < 0)
        work.note("negative_begin", "begins before the recording; cleaning clips it to 0 s", early)
        np.maximum(onset, 0.0, out=onset, where=early & work.keep)
        text = (
            "times lie far past the end of the recording but fit it as milliseconds; cleaning leaves them out. "
            "Divide them by 1000 if so"
        )
        work.note("milliseconds", text, finite & _milliseconds(onset, offset, length), drop=True)
        past = finite & (onset >= length)
        work.note("beyond_end", "begins after the recording has ended; cleaning leaves it out", past, drop=True)
        over = finite & (offset > length)
        work.note(
            "over_end", "runs over the end of the recording; cleaning clips it", over & (offset > length + _TOLERANCE_S)
        )
        np.minimum(offset, length, out=offset, where=over & work.keep)


def _milliseconds(onset: Floats, offset: Floats, length: Floats) -> Mask:
    """Rows past the end whose recording's times fit as milliseconds: most begin past the end, the last by far."""
    suspect = np.zeros(len(onset), dtype=np.bool_)
    for value in np.unique(length[np.isfinite(length)]):
        rows = (length == value) & np.isfinite(onset) & np.isfinite(offset)
        if not rows.any():
            continue
        last = offset[rows].max()
        if _MILLISECONDS * value < last <= 1000 * value * 1.01 and (onset[rows] >= value).mean() > 0.5:
            suspect |= rows & (onset >= value)
    return suspect


def _check_frequencies(work: _Work, nyquist: Floats) -> None:
    low, high = work.low, work.high
    with np.errstate(invalid="ignore"):
        odd = np.isinf(low) | np.isinf(high) | (low < 0) | (high < 0)
        work.note("bad_frequency", "a frequency is negative or infinite; cleaning sets it to 0 or blank", odd)
        for values in (low, high):
            values[np.isinf(values)] = np.nan
            np.maximum(values, 0.0, out=values, where=values < 0)
        swap = low > high
        work.note("low_above_high", "the low frequency is above the high one; cleaning swaps them", swap)
        low[swap], high[swap] = high[swap], low[swap]
        limit = nyquist * (1 + _TOLERANCE_HZ)
        outside = low >= limit
        work.note("above_nyquist", "the box lies above half the sample rate; cleaning blanks its frequencies", outside)
        low[outside], high[outside] = np.nan, np.nan
        work.note("above_nyquist", "the box reaches above half the sample rate; cleaning clips it", high > limit)
        np.minimum(high, nyquist, out=high, where=high > nyquist)
        np.minimum(low, nyquist, out=low, where=low > nyquist)


def _check_labels(work: _Work, labels: pl.Series) -> pl.Series:
    cells = labels.to_list()
    stripped = [None if cell is None else cell.strip() for cell in cells]
    if stripped == cells and "" not in stripped:
        return labels
    blank = np.array([cell == "" for cell in stripped], dtype=np.bool_)
    work.note("blank_label", "the label is blank; it has no label", blank)
    spaced = np.array([new != old for new, old in zip(stripped, cells, strict=True)], dtype=np.bool_)
    work.note("label_spaces", "the label has spaces round it; cleaning strips them", spaced & ~blank)
    return pl.Series("label", [cell or None for cell in stripped], dtype=pl.String)


def _check_duplicates(work: _Work, events: pl.DataFrame, labels: pl.Series) -> None:
    names = [name for name in EVENTS if name not in ("event_id", "source")]
    if len(np.unique(work.onset)) == events.height:
        return
    first = events.with_columns(labels).select(pl.struct(names).is_first_distinct()).to_series()
    work.note("duplicate", "the same as an earlier row; both kept", ~first.to_numpy())


def _faults(events: pl.DataFrame, found: list[tuple[str, str, Mask]]) -> tuple[Fault, ...]:
    """One fault per kind and source file, naming the rows."""
    if not found:
        return ()
    sources = events["source"].to_list()
    rows: list[Any] | None = events[SOURCE_ROW].to_list() if SOURCE_ROW in events.columns else None
    faults = []
    for code, text, mask in found:
        grouped: dict[str | None, list[int]] = defaultdict(list)
        for index in np.flatnonzero(mask).tolist():
            grouped[sources[index]].append(index)
        for source, indices in grouped.items():
            where = PurePath(source).name if source else "events"
            numbers = [indices[0]] if rows is None else [rows[index] for index in indices]
            if rows is None or any(number is None for number in numbers):
                names = events["event_id"].gather(indices[:5]).to_list()
                more = f" and {len(indices) - 5:,} more" if len(indices) > 5 else ""
                faults.append(Fault(code, f"{where}, {', '.join(map(str, names))}{more}: {text}"))
            else:
                faults.append(row_fault(code, where, numbers, text))
    return tuple(faults)
