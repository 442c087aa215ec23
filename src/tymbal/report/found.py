"""What `find` found as one page: what was looked for, boxes on pictures, the surest and the most doubtful events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from tymbal.audio import AudioReader
from tymbal.errors import TymbalError, require
from tymbal.fewshot import Finder, Prompt, Shot
from tymbal.fewshot.finder import LEAST
from tymbal.jobs import Failure, write_text
from tymbal.report.figures import Box, data_uri, draw_spectrogram
from tymbal.report.html import Child, Markup, document, section, table, tag
from tymbal.report.numbers import count, rounded
from tymbal.report.sound import cut, listen
from tymbal.report.spectrogram import spectrogram

SURE, DOUBTFUL, SHOWN = 6, 6, 3  # cards of each label: surest, nearest to the threshold, examples
PANELS = 4  # pictures of the busiest stretches
PANEL_EVENTS = 30.0  # length of such a picture, in median events
PANEL_S = (0.2, 20.0)


@dataclass(frozen=True)
class FoundPage:
    """What the page shows. `paths` says where each recording of `events` lies; `recordings` (None: all of them) could
    be searched, for events of a score of `least` or more."""

    events: pl.DataFrame
    finders: Sequence[Finder]
    prompts: Sequence[Prompt]
    paths: Mapping[str, str]
    failures: Sequence[Failure]
    audio_s: float
    recordings: int | None = None
    least: float = LEAST


def write_found(found: FoundPage, out: Path) -> None:
    """Draw the page, self-contained; the same findings give the same bytes.

    Raises MissingExtraError without matplotlib. A recording that cannot be read leaves the reason in its place.
    """
    require("matplotlib", "report")
    names = ", ".join(finder.label for finder in found.finders)
    searched = len(found.paths) if found.recordings is None else found.recordings
    words = f"{count(found.events.height, 'event')} in {count(searched, 'recording')}"
    top = tag(
        "header",
        tag("p", "Tymbal find", class_="kind"),
        tag("h1", f"Found: {names}"),
        tag("p", f"{words}, {found.audio_s / 3600:.2f} h of sound.", class_="lead"),
    )
    note = tag(
        "p",
        "A score lies between 0 and 1; 0.5 is the threshold that the examples suggest; an event as like them "
        "as they are like each other has about 0.88. It is no probability: nobody has listened yet. To go on, write "
        "right or wrong into the column “mark” of a table in tables/ and run find again with --marked. Green boxes "
        "were found, white dashed ones are the examples.",
    )
    parts = [_label(found, number) for number in range(len(found.finders))]
    body = tag("main", top, note, parts, _failures(found.failures))
    write_text(out, document(f"Found: {names}", body))


ALONE = "One example cannot be left out: nothing was measured on it, and the threshold is a fixed one."


def _label(found: FoundPage, number: int) -> Markup:
    finder, prompt = found.finders[number], found.prompts[number]
    low_hz, high_hz = finder.examples_hz  # where examples have no band, boxes show what was looked at
    bounds = [pl.col("low_hz").fill_null(low_hz), pl.col("high_hz").fill_null(high_hz)]
    mine = found.events.filter(pl.col("label") == finder.label).with_columns(bounds)
    mine = mine.with_columns(_known(mine, found, prompt))
    own = mine["known"].sum()
    lead = f"{count(finder.shots, 'example')}; {count(mine.height, 'event')} found"
    lead += f", {own} of them where examples are" if own else ""
    lead += f". Looked at {finder.view}; decided by {' and '.join(finder.choice.names)}."
    rows: list[list[Child]] = [[name, rounded(f1, 2)] for name, f1 in finder.choice.table]
    tried = (
        table(["finder", "F1 of examples left out"], rows, caption="What was tried on the examples")
        if finder.shots > 1
        else tag("p", ALONE)
    )
    examples = [
        _card(
            s.recording,
            s.channel,
            s.onset_s,
            s.offset_s,
            s.low_hz,
            s.high_hz,
            "example",
            "example",
            Path(s.recording).name,
        )
        for s in prompt.shots[:SHOWN]
    ]
    order = mine.sort("score", "recording", "onset_s", descending=[True, False, False])
    sure, rest = order.head(SURE), order.slice(SURE).tail(DOUBTFUL)
    return section(
        f"label{number}",
        finder.label,
        tag("p", lead, class_="lead"),
        [tag("p", note) for note in finder.notes],
        _panels(found, mine, prompt),
        tag("h3", "Examples"),
        tag("div", examples, class_="cards"),
        [tag("h3", "Surest"), tag("div", _cards(found, sure), class_="cards")] if sure.height else None,
        [tag("h3", "Nearest to the threshold"), tag("div", _cards(found, rest), class_="cards")]
        if rest.height
        else None,
        tried,
    )


def _known(mine: pl.DataFrame, found: FoundPage, prompt: Prompt) -> pl.Series:
    """Column `known`: whether more than half of an event or of an example lies in the other."""
    lying: dict[Path, list[Shot]] = {}
    for shot in prompt.shots:
        lying.setdefault(Path(shot.recording).resolve(), []).append(shot)
    near = {name: lying.get(Path(found.paths[name]).resolve(), []) for name in mine["recording"].unique()}
    known = [
        any(
            2 * (min(offset, s.offset_s) - max(onset, s.onset_s)) > min(offset - onset, s.duration_s)
            for s in near[name]
        )
        for name, onset, offset in mine.select("recording", "onset_s", "offset_s").iter_rows()
    ]
    return pl.Series("known", known, dtype=pl.Boolean)


def _cards(found: FoundPage, rows: pl.DataFrame) -> list[Markup]:
    return [
        _card(
            found.paths[row["recording"]],
            row["channel"],
            row["onset_s"],
            row["offset_s"],
            row["low_hz"],
            row["high_hz"],
            "found",
            f"score {rounded(row['score'], 2)}{', where an example is' if row['known'] else ''}",
            row["recording"],
        )
        for row in rows.iter_rows(named=True)
    ]


def _card(
    path: str,
    channel: int | None,
    onset_s: float,
    offset_s: float,
    low_hz: float | None,
    high_hz: float | None,
    kind: str,
    said: str,
    name: str,
) -> Markup:
    """One event with its box and its sound."""
    try:
        clip = cut(Path(path), channel, onset_s, offset_s)
    except (TymbalError, OSError) as error:
        return tag("figure", tag("div", tag("p", str(error), class_="where"), class_="placeholder"), class_="example")
    picture = spectrogram(clip.samples, clip.sample_rate_hz)
    box: Box = (onset_s - clip.start_s, offset_s - clip.start_s, low_hz, high_hz, kind)
    alt = f"Spectrogram of {name}, {onset_s:.2f} to {offset_s:.2f} s, {said}."
    drawn = draw_spectrogram(picture, start_s=clip.start_s, event=None, alt=alt, boxes=[box])
    flac, note = listen(clip)
    audio = tag(
        "audio", controls=True, preload="metadata", src=data_uri("audio/flac", flac), aria_label=f"{name} {note}"
    )
    place = [tag("span", name, class_="file"), tag("span", f"{onset_s:.2f} s"), *([tag("span", note)] if note else [])]
    words = tag("p", tag("span", said), class_="verdict")
    caption = tag("figcaption", words, tag("p", place, class_="where"))
    return tag("figure", drawn, audio, caption, class_="example")


def _panels(found: FoundPage, mine: pl.DataFrame, prompt: Prompt) -> Markup | None:
    """The stretches with most events, boxes of examples dashed; none where nothing was found."""
    if not mine.height:
        return tag("p", f"Nothing was found from score {found.least:g} on. A lower --score shows what comes nearest.")
    length = float((mine["offset_s"] - mine["onset_s"]).median() or 0.0)  # type: ignore[arg-type]
    span_s = min(max(PANEL_EVENTS * length, PANEL_S[0]), PANEL_S[1])
    places = mine.with_columns((pl.col("onset_s") / span_s).floor().cast(pl.Int64).alias("panel"))
    busiest = places.group_by("recording", "channel", "panel").len()
    busiest = busiest.sort("len", "recording", "panel", descending=[True, False, False]).head(PANELS)
    shown = [
        _panel(found, mine, prompt, row, span_s) for row in busiest.sort("recording", "panel").iter_rows(named=True)
    ]
    return Markup(tag("h3", "Where most of them are") + tag("div", shown, class_="cards"))


def _panel(found: FoundPage, mine: pl.DataFrame, prompt: Prompt, row: Mapping[str, object], span_s: float) -> Markup:
    name, channel = str(row["recording"]), row["channel"]
    path, begin = found.paths[name], span_s * int(str(row["panel"]))
    channel = channel if isinstance(channel, int) else None
    try:
        with AudioReader(path, channel) as reader:
            rate = reader.sample_rate_hz
            samples = reader.read(round(begin * rate), round(span_s * rate))
    except (TymbalError, OSError) as error:
        return tag("figure", tag("p", str(error), class_="where"), class_="example")
    near = mine.filter(
        (pl.col("recording") == name) & (pl.col("onset_s") < begin + span_s) & (pl.col("offset_s") > begin)
    )
    boxes: list[Box] = [
        (e["onset_s"] - begin, e["offset_s"] - begin, e["low_hz"], e["high_hz"], "found")
        for e in near.iter_rows(named=True)
    ]
    boxes += [
        (s.onset_s - begin, s.offset_s - begin, s.low_hz, s.high_hz, "example")
        for s in prompt.shots
        if Path(s.recording).resolve() == Path(path).resolve() and s.onset_s < begin + span_s and s.offset_s > begin
    ]
    picture = spectrogram(samples, rate)
    alt = f"Spectrogram of {name} from {begin:.2f} s on with {count(near.height, 'box')}."
    drawn = draw_spectrogram(picture, start_s=begin, event=None, alt=alt, boxes=boxes)
    words = tag("p", tag("span", name, class_="file"), tag("span", count(near.height, "event")), class_="where")
    return tag("figure", drawn, tag("figcaption", words), class_="example")


def _failures(failures: Sequence[Failure]) -> Markup | None:
    if not failures:
        return None
    rows: list[list[Child]] = [[failure.item, failure.message] for failure in failures]
    return section("files", "Not searched", table(["recording", "why"], rows, caption="Recordings that failed"))
