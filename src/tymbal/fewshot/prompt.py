"""Prompts: the few examples of one label, what is known to be something else, and what is not known."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from tymbal.annotations.coverage import complement, merge_intervals
from tymbal.errors import DataError, Fault, UsageError

UNKNOWN = ("unk", "unknown")  # labels and certainties of rows that are neither examples nor counter-examples
RIGHT, WRONG = ("pos", "right", "yes", "y", "true", "1", "+", "correct"), ("neg", "wrong", "no", "n", "false", "0", "-")
SHOWN = 3  # faults of a kind that are told one by one
LEAST_SAMPLES = 8  # of an example: what is shorter has no shape that could be looked for
_ALIKE_S = 1e-3  # examples that differ by less are one example written twice
_NARROW = 1e-3  # of the sample rate: boxes that are no higher are not used (see `choose_scale`)
MARKED_IN = "marked_in"  # column that says which file a marked row is from


@dataclass(frozen=True)
class Shot:
    """One stretch of one recording (its path); the band is None where the table gives none."""

    recording: str
    channel: int | None
    onset_s: float
    offset_s: float
    low_hz: float | None = None
    high_hz: float | None = None

    @property
    def duration_s(self) -> float:
        return self.offset_s - self.onset_s

    def told(self) -> str:
        """How messages call it."""
        return f"{Path(self.recording).name}, {self.onset_s:.3f} to {self.offset_s:.3f} s"


@dataclass(frozen=True)
class Prompt:
    """What is known about one label: `shots` are its examples, `negatives` surely something else, `unknown` neither.

    until_s : where the examples were cut to the first N: the time up to which each recording was looked at.
    """

    label: str
    shots: tuple[Shot, ...]
    negatives: tuple[Shot, ...] = ()
    unknown: tuple[Shot, ...] = ()


def make_prompts(
    events: pl.DataFrame,
    durations: Mapping[str, float],
    *,
    labels: Sequence[str] = (),
    shots: int | None = None,
    marked: pl.DataFrame | None = None,
    coverage: pl.DataFrame | None = None,
    rates_hz: Mapping[str, float] | None = None,
) -> tuple[tuple[Prompt, ...], tuple[Fault, ...]]:
    """One prompt per label of a table of examples.

    Parameters
    ----------
    events : examples by the EVENTS schema; `recording` is the path of the file. Rows labelled UNK, or of certainty
        "unknown", are neither examples nor counter-examples. A table without any label is of one label, "event".
    durations : seconds of every recording that `events` and `marked` name.
    labels : those to look for; none takes all. The rows of other labels are counter-examples.
    shots : take the first so many of each label, in the order of recording and onset; later rows become unknown.
    marked : detections that someone went through, their mark in a column `mark` (right or wrong, yes or no, POS or
        NEG, 1 or 0). Right ones become examples, wrong ones counter-examples, unmarked rows nothing. A column
        `marked_in` says which file a row is from.
    rates_hz : sample rates of the recordings, for what needs them: examples above half the rate, or of a few samples.
    coverage : what was listened to, by the COVERAGE schema; what it leaves out of a recording it names is unknown
        (the UNK rows of DCASE tables come as such holes).

    Returns
    -------
    Prompts in the order of their labels, and what was odd about rows that were left out.

    Raises DataError where no example is left, UsageError for a label that is not there or too few examples.
    """
    check_shots(shots)
    faults: list[Fault] = []
    named = _named(events, labels)
    known = _Known(durations, rates_hz or {})
    rows = _rows(events, known, faults)
    there = {label for label, _ in rows}
    asked = tuple(dict.fromkeys(labels)) or named
    wanted = [label for label in asked if label in there]
    if not wanted:
        told = "; ".join(fault.message for fault in summed(faults))
        if rows and not told:
            told = "All its rows are labelled UNK or of certainty unknown: mark some as what they are."
        raise DataError(
            "no example of the table can be used" if events.height else "there is no example in the table",
            where="examples",
            mend=told or "Give a table with one row for each example.",
        )
    what = "no example of {!r} can be used: it is not looked for"
    faults += [Fault("no_example", what.format(label)) for label in asked if label not in there]
    marks = _marks(marked, known, wanted, faults) if marked is not None else []
    prompts = tuple(_prompt(label, rows, marks, shots, faults) for label in wanted)
    if coverage is not None:
        prompts = tuple(
            replace(each, unknown=(*each.unknown, *_holes(coverage, each.label, durations))) for each in prompts
        )
    return prompts, summed(faults)


def check_shots(shots: int | None) -> None:
    """Raise UsageError for fewer examples than one."""
    if shots is not None and shots < 1:
        raise UsageError(f"shots is {shots}", parameter="shots", allowed="1 or more")


def _named(events: pl.DataFrame, labels: Sequence[str]) -> list[str]:
    """The labels that examples can have. Raises UsageError where one that is asked for is none of them."""
    found = sorted({str(label or "event") for label in events["label"].to_list()})
    found = [label for label in found if label.casefold() not in UNKNOWN]
    for label in labels:
        if label not in found:
            mend = f"Rows labelled {label!r} are neither examples nor counter-examples: rename them."
            raise UsageError(
                f"no example is labelled {label!r}",
                parameter="label",
                allowed=", ".join(found) or None,
                mend=mend if label.casefold() in UNKNOWN else None,
            )
    return found


def summed(faults: Sequence[Fault]) -> tuple[Fault, ...]:
    """At most SHOWN faults of each kind; the rest of a kind is counted."""
    kinds: dict[str, list[Fault]] = {}
    for fault in faults:
        kinds.setdefault(fault.code, []).append(fault)
    found: list[Fault] = []
    for code, group in kinds.items():
        found += group[:SHOWN]
        if len(group) > SHOWN:
            found.append(Fault(code, f"and {len(group) - SHOWN} more like it"))
    return tuple(found)


@dataclass(frozen=True)
class _Known:
    """Seconds and sample rates of the recordings."""

    durations: Mapping[str, float]
    rates_hz: Mapping[str, float]


def _rows(events: pl.DataFrame, known: _Known, faults: list[Fault]) -> list[tuple[str, Shot]]:
    """(label, shot) of every row that can be used, in the order of recording and onset."""
    found: list[tuple[str, Shot]] = []
    for row in events.iter_rows(named=True):
        shot = _shot(row, known, faults)
        if shot is not None:
            unknown = str(row["certainty"] or "").casefold() in UNKNOWN
            found.append(("UNK" if unknown else str(row["label"] or "event"), shot))
    return sorted(found, key=lambda each: (each[1].recording, each[1].onset_s, each[1].offset_s, each[0]))


def _shot(row: Mapping[str, object], known: _Known, faults: list[Fault]) -> Shot | None:
    path, onset, offset = str(row["recording"]), row["onset_s"], row["offset_s"]
    name = f"example {row['event_id']} ({Path(path).name})"
    if not isinstance(onset, float) or not isinstance(offset, float):
        faults.append(Fault("no_times", f"{name} has no begin or no end; left out"))
        return None
    name = f"example {row['event_id']} ({Path(path).name}, {onset:.3f} to {offset:.3f} s)"
    end, rate = known.durations[path], known.rates_hz.get(path, math.inf)
    if offset <= onset:
        what = "has no length" if offset == onset else "ends before it begins"
        faults.append(Fault("no_length", f"{name} {what}; left out"))
        return None
    if onset >= end or offset <= 0:
        faults.append(Fault("outside", f"{name} lies outside the recording, which is {end:.3f} s long; left out"))
        return None
    if (offset - onset) * rate < LEAST_SAMPLES:
        what = f"{name} is shorter than {LEAST_SAMPLES} samples at {rate:g} Hz"
        faults.append(Fault("no_length", f"{what}: it has no shape to look for; left out"))
        return None
    low, high = row["low_hz"], row["high_hz"]
    if isinstance(low, float) and low >= rate / 2:
        what = f"{name} lies above {low:g} Hz, and a recording at {rate:g} Hz holds nothing above {rate / 2:g} Hz"
        faults.append(Fault("above_nyquist", f"{what}; left out"))
        return None
    if onset < 0 or offset > end + 1e-6:
        faults.append(Fault("clipped", f"{name} reaches beyond the recording, which is {end:.3f} s long; cut there"))
    channel = row["channel"]
    bounds = _bounds(low, high, rate, name, faults)
    return Shot(path, channel if isinstance(channel, int) else None, max(onset, 0.0), min(offset, end), *bounds)


def _bounds(
    low: object, high: object, rate: float, name: str, faults: list[Fault]
) -> tuple[float, float] | tuple[None, None]:
    """The band of a row, as far as its recording can hold it."""
    if not (isinstance(low, float) and isinstance(high, float) and 0 <= low < high):
        return None, None
    if high > rate / 2:
        what = f"{name} reaches up to {high:g} Hz, and a recording at {rate:g} Hz to {rate / 2:g} Hz; cut there"
        faults.append(Fault("band_cut", what))
        high = rate / 2
    if math.isfinite(rate) and high - low <= _NARROW * rate:
        what = f"{name} is from {low:g} to {high:g} Hz, too narrow a band at {rate:g} Hz: what stands out is measured"
        faults.append(Fault("narrow_band", f"{what} instead. Were these kHz?"))
    return low, high


def _marks(
    marked: pl.DataFrame, known: _Known, wanted: Sequence[str], faults: list[Fault]
) -> list[tuple[str, bool, Shot]]:
    """(label, right, shot) of every row that has a mark; without a label, of the one that is wanted."""
    column = next((name for name in marked.columns if name.casefold() == "mark"), None)
    if column is None:
        raise DataError(
            "there is no column 'mark'",
            where="marked",
            mend="Give a table that find wrote, with right or wrong in its column 'mark'.",
        )
    found: list[tuple[str, bool, Shot]] = []
    unfit: list[Fault] = []
    for row in marked.iter_rows(named=True):
        word = str(row[column] if row[column] is not None else "").strip().casefold().removesuffix(".0")
        if not word:
            continue
        if word not in RIGHT and word not in WRONG:
            raise DataError(
                f"the mark {row[column]!r} is neither right nor wrong",
                where=f"{row.get(MARKED_IN) or 'marked'}, row of {float(row['onset_s'] or 0):.3f} s",
                allowed="right, yes, POS, 1, + or wrong, no, NEG, 0, -; empty where you did not look",
            )
        shot = _shot(row, known, unfit)
        name = row["label"] or (wanted[0] if len(wanted) == 1 else None)
        if shot is not None and name is None:
            unfit.append(
                Fault("no_label", f"{shot.told()} has a mark and no label, and several are looked for; left out")
            )
        elif shot is not None:
            found.append((str(name), word in RIGHT, shot))
    faults += unfit
    if unfit and not found:
        told = "; ".join(fault.message for fault in summed(unfit))
        raise DataError("no marked row can be used", where="marked", mend=told)
    if not found:
        raise DataError("no row has a mark", where="marked", mend="Write right or wrong into the column 'mark'.")
    return found


def _prompt(
    label: str,
    rows: Sequence[tuple[str, Shot]],
    marks: Sequence[tuple[str, bool, Shot]],
    shots: int | None,
    faults: list[Fault],
) -> Prompt:
    own = _without_twins([shot for name, shot in rows if name == label], label, faults)
    others = [shot for name, shot in rows if name != label and name.casefold() not in UNKNOWN]
    unknown = [shot for name, shot in rows if name.casefold() in UNKNOWN]
    if shots is not None:
        if len(own) < shots:
            raise UsageError(
                f"{shots} examples of {label!r} were asked for, and there are {len(own)}",
                parameter="shots",
                allowed=f"1 to {len(own)}",
                mend="Mark more of them, ask for fewer, or name the labels that are looked for.",
            )
        unknown += own[shots:]
        own = own[:shots]
    right = [shot for name, good, shot in marks if good and name == label]
    plain = all(shot.low_hz is None for shot in own)  # then the bands that find wrote are what it looked at, no more
    for shot in right:
        if not _again(shot, own):
            own = [*own, replace(shot, low_hz=None, high_hz=None) if plain else shot]
    own = _without_twins(own, label, []) if right else own
    unknown += [shot for name, _, shot in marks if name.casefold() in UNKNOWN]
    wrong = [shot for name, good, shot in marks if (name == label) != good and name.casefold() not in UNKNOWN]
    for shot in wrong:
        if _again(shot, own):
            what = f"{shot.told()} is marked as no {label!r}, and is an example of it; taken for an example"
            faults.append(Fault("contradiction", what))
    others = [*(shot for shot in wrong if not _again(shot, own)), *others]  # of many, the first are looked at
    others = [shot for shot in others if not any(_overlap_s(shot, mine) > 0.5 * shot.duration_s for mine in own)]
    return Prompt(label, tuple(own), tuple(others), tuple(unknown))


def _holes(coverage: pl.DataFrame, label: str, durations: Mapping[str, float]) -> list[Shot]:
    """What nobody listened to for `label`, in recordings that the coverage names."""
    heard: dict[str, list[tuple[float, float]]] = {}
    for row in coverage.iter_rows(named=True):
        path = str(row["recording"])
        if path in durations and (row["labels"] is None or label in row["labels"]):
            end = durations[path] if row["end_s"] is None else float(row["end_s"])
            heard.setdefault(path, []).append((float(row["start_s"] or 0.0), end))
    return [
        Shot(path, None, float(start), float(end))
        for path, spans in sorted(heard.items())
        for start, end in complement(merge_intervals(spans), 0.0, durations[path]).tolist()
    ]


def _without_twins(shots: Sequence[Shot], label: str, faults: list[Fault]) -> list[Shot]:
    """The shots without those that are another one written twice; overlapping ones stay and are told."""
    kept: list[Shot] = []
    overlapping = 0
    for shot in sorted(shots, key=lambda each: (each.recording, each.onset_s, each.offset_s)):
        near = [each for each in kept[-8:] if _overlap_s(each, shot) > 0]
        if any(_same(each, shot) for each in near):
            continue
        overlapping += bool(near)
        kept.append(shot)
    if twice := len(shots) - len(kept):
        what = f"{twice} example{'s' if twice > 1 else ''} of {label!r} {'are' if twice > 1 else 'is'}"
        faults.append(Fault("twice", f"{what} in the table more than once; each is used once"))
    if overlapping:
        what = "1 example" if overlapping == 1 else f"{overlapping} examples"
        faults.append(Fault("overlapping", f"{what} of {label!r} begin before the last one ends; all are used"))
    return kept


def _same(one: Shot, other: Shot) -> bool:
    return abs(one.onset_s - other.onset_s) < _ALIKE_S and abs(one.offset_s - other.offset_s) < _ALIKE_S


def _again(found: Shot, shots: Sequence[Shot]) -> bool:
    """Whether one of the shots was found there: what find wrote is about the mix, whatever the shot's channel."""
    near = [each for each in shots if each.recording == found.recording and found.channel in (None, each.channel)]
    return any(2 * _shared_s(found, each) > min(found.duration_s, each.duration_s) for each in near)


def _overlap_s(one: Shot, other: Shot) -> float:
    if one.recording != other.recording or one.channel != other.channel:
        return 0.0
    return _shared_s(one, other)


def _shared_s(one: Shot, other: Shot) -> float:
    return max(0.0, min(one.offset_s, other.offset_s) - max(one.onset_s, other.onset_s))
