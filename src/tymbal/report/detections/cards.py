"""Events as cards: the spectrogram around them with every box in view, references above, predictions below."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import polars as pl

from tymbal.errors import TymbalError
from tymbal.report.examples import PER_RECORDING, Sounds
from tymbal.report.figures import Box, data_uri, draw_spectrogram
from tymbal.report.html import Child, Markup, tag
from tymbal.report.numbers import rounded
from tymbal.report.sound import Clip, cut, listen
from tymbal.report.spectrogram import spectrogram

VIEW_EVENTS = 8.0  # the stretch shown, in lengths of the event
CONTEXT_S = (0.25, 1.0)  # shown before and after it, at least and at most
KINDS = {  # (side, outcome) -> class of the box
    ("reference", "found"): "reference",
    ("reference", "missed"): "missed",
    ("reference", "not counted"): "uncounted",
    ("prediction", "true"): "prediction",
    ("prediction", "false"): "false",
    ("prediction", "absorbed"): "uncounted",
    ("prediction", "not listened to"): "uncounted",
}


@dataclass(frozen=True)
class Chosen:
    """Rows of the table of events to show as cards."""

    missed: list[dict[str, Any]]
    false: list[dict[str, Any]]
    found: list[dict[str, Any]]


def choose(events: pl.DataFrame, wanted: int) -> Chosen:
    """Up to `wanted` of each: the longest misses, the surest false alarms, and what was found with the least IoU.

    At most PER_RECORDING come from one recording where there are others to show.
    """
    length = pl.col("offset_s") - pl.col("onset_s")
    tie = ["recording", "onset_s"]
    missed = events.filter(pl.col("outcome") == "missed").sort(length, *tie, descending=[True, False, False])
    false = events.filter(pl.col("outcome") == "false").sort(
        "score", length, *tie, descending=[True, True, False, False], nulls_last=True
    )
    found = events.filter(pl.col("outcome") == "found").sort("iou", *tie)
    return Chosen(*(_spread(rows, wanted) for rows in (missed, false, found)))


def _spread(rows: pl.DataFrame, wanted: int) -> list[dict[str, Any]]:
    seen: Counter[str] = Counter()
    first: list[dict[str, Any]] = []
    later: list[dict[str, Any]] = []
    for row in rows.iter_rows(named=True):
        seen[row["recording"]] += 1
        (first if seen[row["recording"]] <= PER_RECORDING else later).append(row)
        if len(first) == wanted:
            break
    return (first + later)[:wanted]


def card(
    row: dict[str, Any], events: pl.DataFrame, sounds: Sounds, *, frequency: bool, by_channel: bool | None
) -> Markup:
    """One event with all others in view; a recording that cannot be read leaves the reason in its place.

    frequency, by_channel : as the events were judged (`DetectionSettings`).
    """
    what = _verdict(row, events)
    words = tag("p", tag("span", what), class_="verdict")
    place: list[Child] = [tag("span", str(row["recording"]), class_="file"), tag("span", f"{row['onset_s']:.2f} s")]
    caption = tag("figcaption", words, tag("p", place, class_="where"))
    if sounds.corpus is None:
        sounds.missing += 1
        return tag("figure", _placeholder(sounds.reason), caption, class_="example")
    try:
        clip = _clip(row, sounds)
    except (TymbalError, OSError) as error:
        sounds.missing += 1
        sounds.failed.append((str(row["recording"]), str(error)))
        return tag("figure", _placeholder(str(error)), caption, class_="example")
    sounds.shown += 1
    picture = spectrogram(clip.samples, clip.sample_rate_hz)
    apart = events["channel"].null_count() == 0 if by_channel is None else by_channel
    near = events.filter(
        (pl.col("recording") == row["recording"])
        & (pl.col("onset_s") < clip.start_s + clip.duration_s)
        & (pl.col("offset_s") > clip.start_s)
        & (pl.col("channel").eq_missing(pl.lit(row["channel"], dtype=pl.Int32)) if apart else pl.lit(True))
    )
    boxes = _boxes(near, clip, picture.nyquist_hz, frequency)
    alt = f"Spectrogram of {row['recording']} from {clip.start_s:.2f} s on, {len(boxes)} boxes. {what}."
    drawn = draw_spectrogram(picture, start_s=clip.start_s, event=None, alt=alt, boxes=boxes)
    flac, note = listen(clip)
    label = f"Sound of {row['recording']}" + (f", {note}" if note else "")
    audio = tag("audio", controls=True, preload="metadata", src=data_uri("audio/flac", flac), aria_label=label)
    return tag("figure", drawn, audio, caption, class_="example")


def _clip(row: dict[str, Any], sounds: Sounds) -> Clip:
    """The event with as much around it as a neighbour may need to be seen."""
    length = row["offset_s"] - row["onset_s"]
    context = min(max((VIEW_EVENTS - 1) / 2 * length, CONTEXT_S[0]), CONTEXT_S[1])
    assert sounds.corpus is not None
    path = sounds.corpus.file(row["recording"])
    clip = cut(path, row["channel"], max(row["onset_s"] - context, 0.0), row["offset_s"] + context)
    if not len(clip.samples):
        raise OSError("no sound at the times of the event")
    return clip


def _boxes(near: pl.DataFrame, clip: Clip, nyquist_hz: float, frequency: bool) -> list[Box]:
    """In time alone references take the upper half of the picture, predictions the lower."""
    boxes: list[Box] = []
    for event in near.iter_rows(named=True):
        upper = event["side"] == "reference"
        low, high = (0.52, 0.98) if upper else (0.02, 0.48)
        bounds = (event["low_hz"], event["high_hz"]) if frequency else (low * nyquist_hz, high * nyquist_hz)
        kind = f"{event['side']} {KINDS[event['side'], event['outcome']]}"
        boxes.append((event["onset_s"] - clip.start_s, event["offset_s"] - clip.start_s, *bounds, kind))
    return boxes


def _verdict(row: dict[str, Any], events: pl.DataFrame) -> str:
    label = row["label"] or "event"
    if row["outcome"] == "missed":
        return f"missed: {label}, {row['offset_s'] - row['onset_s']:.3g} s long"
    if row["outcome"] == "false":
        score = "" if row["score"] is None else f", score {rounded(row['score'], 2)}"
        return f"false: {label}{score}"
    partner = events.row(row["partner"], named=True) if row["partner"] is not None else {}
    score = "" if partner.get("score") is None else f", score {rounded(partner['score'], 2)}"
    return f"found: {label}, IoU {rounded(row['iou'], 2)}{score}"


def _placeholder(reason: str) -> Markup:
    return tag("div", tag("p", "No picture or sound."), tag("p", reason, class_="where"), class_="placeholder")
