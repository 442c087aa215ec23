"""Which examples to show, and each as a card: spectrogram, sound, what it was and what was said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from tymbal.corpus import Corpus
from tymbal.errors import TymbalError
from tymbal.report.figures import data_uri, draw_spectrogram
from tymbal.report.html import Child, Markup, tag
from tymbal.report.numbers import rounded
from tymbal.report.sound import cut, listen
from tymbal.report.spectrogram import spectrogram

PER_RECORDING = 2  # examples of one recording among the pictures; many look alike


@dataclass
class Sounds:
    """Where recordings are found, or why not; counts what could not be shown."""

    corpus: Corpus | None
    reason: str = ""
    missing: int = 0
    shown: int = 0
    failed: list[tuple[str, str]] = field(default_factory=list)


def open_sounds(path: Path | str | None, near: Path) -> Sounds:
    """The corpus a run was made from; where it cannot be opened the page has placeholders that say why."""
    if path is None:
        return Sounds(None, "the run does not say where its corpus lies; give --corpus")
    found = Path(path)
    if not found.is_absolute() and not found.exists():
        found = near / found
    try:
        return Sounds(Corpus.open(found))
    except TymbalError as error:
        return Sounds(None, str(error))


def pick(rows: pl.DataFrame, *, right: bool, wanted: int) -> list[dict[str, Any]]:
    """Up to `wanted` rows. Wrong: the surest mistakes first. Right: the surest of each label in turn.

    Sureness is the score of the predicted label; at most PER_RECORDING rows come from one recording where there
    are others to show.
    """
    chosen = rows.filter((pl.col("reference") == pl.col("predicted")) == right)
    ordered = chosen.sort("sureness", "event_id", "recording", descending=[True, False, False], nulls_last=True)
    if right:
        turn = pl.int_range(pl.len()).over("reference")
        ordered = ordered.with_columns(turn.alias("turn")).sort("turn", "reference", maintain_order=True)
    listed = ordered.to_dicts()
    seen: Counter[str] = Counter()
    first: list[dict[str, Any]] = []
    later: list[dict[str, Any]] = []
    for row in listed:
        seen[row["recording"]] += 1
        (first if seen[row["recording"]] <= PER_RECORDING else later).append(row)
    return (first + later)[:wanted]


def with_sureness(rows: pl.DataFrame, labels: list[str]) -> pl.DataFrame:
    """Add `sureness`: the score of the predicted label, null where a run kept no scores."""
    if "scores" not in rows.columns or rows["scores"].null_count() == rows.height:
        return rows.with_columns(pl.lit(None, dtype=pl.Float64).alias("sureness"))
    place = {label: number for number, label in enumerate(labels)}
    column = pl.col("predicted").replace_strict(place, return_dtype=pl.Int64)
    return rows.with_columns(pl.col("scores").list.get(column).cast(pl.Float64).alias("sureness"))


def card(row: dict[str, Any], sounds: Sounds) -> Markup:
    """One example as a figure; a recording that cannot be read leaves a placeholder with the reason."""
    reference, predicted = str(row["reference"]), str(row["predicted"])
    verdict: list[Child]
    if reference == predicted:
        verdict = [tag("span", "✓", class_="sign", aria_hidden="true"), tag("b", reference)]
    else:
        verdict = [
            tag("span", "✗", class_="sign", aria_hidden="true"),
            tag("b", predicted),
            tag("span", " predicted, reference ", class_="units"),
            tag("b", reference),
        ]
    sure = row.get("sureness")
    score = f"score {rounded(sure, 2)}" if sure is not None else ""
    return framed(row, sounds, verdict, score, f"Reference {reference}, predicted {predicted}")


def framed(row: dict[str, Any], sounds: Sounds, verdict: Sequence[Child], score: str, said: str) -> Markup:
    """An example with its picture and sound under a verdict; `said` describes it in words for those who cannot see."""
    picture, details = _picture(row, sounds, said)
    place = [tag("span", str(row["recording"]), class_="file"), *(tag("span", detail) for detail in details)]
    shown = tag("span", score, class_="score") if score else Markup("")
    words = tag("p", tag("span", verdict), shown, class_="verdict")
    return tag("figure", picture, tag("figcaption", words, tag("p", place, class_="where")), class_="example")


def _picture(row: dict[str, Any], sounds: Sounds, said: str) -> tuple[Markup, list[str]]:
    recording = str(row["recording"])
    if sounds.corpus is None:
        sounds.missing += 1
        return _placeholder(sounds.reason), []
    try:
        clip = cut(sounds.corpus.file(recording), row.get("channel"), row.get("onset_s"), row.get("offset_s"))
    except (TymbalError, OSError) as error:
        sounds.missing += 1
        sounds.failed.append((recording, str(error)))
        return _placeholder(str(error)), []
    if not len(clip.samples):
        sounds.missing += 1
        sounds.failed.append((recording, "no sound at the times of the event"))
        return _placeholder("no sound at the times of the event"), []
    sounds.shown += 1
    picture = spectrogram(clip.samples, clip.sample_rate_hz)
    span = f"{clip.start_s:.2f} to {clip.start_s + clip.duration_s:.2f} s, 0 to {picture.nyquist_hz / 1000:g} kHz"
    alt = f"Spectrogram of {recording}, {span}. {said}."
    event = None if clip.onset_s is None or clip.offset_s is None else (clip.onset_s, clip.offset_s)
    drawn = draw_spectrogram(picture, start_s=clip.start_s, event=event, alt=alt)
    flac, note = listen(clip)
    label = f"Sound of {recording}" + (f", {note}" if note else "")
    audio = tag("audio", controls=True, preload="metadata", src=data_uri("audio/flac", flac), aria_label=label)
    return Markup(drawn + audio), [words for words in (clip.note, note) if words]


def _placeholder(reason: str) -> Markup:
    return tag("div", tag("p", "No picture or sound."), tag("p", reason, class_="where"), class_="placeholder")
