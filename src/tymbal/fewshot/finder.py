"""`Finder`: fit on a few examples, find the rest."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tymbal.annotations import make_events
from tymbal.audio import AudioReader
from tymbal.errors import DataError, UsageError
from tymbal.fewshot import saving
from tymbal.fewshot.calibrate import Boxes, Calibration, Choice, candidates, choose
from tymbal.fewshot.encoded import EncodedScale, encoded_scale
from tymbal.fewshot.finders import Adaptable, Fitted, find_kind, plain_name
from tymbal.fewshot.finders.contract import Floats
from tymbal.fewshot.picture import AnyScale, Picture, pictures
from tymbal.fewshot.plan import part_blocks
from tymbal.fewshot.prompt import Prompt
from tymbal.fewshot.scale import BANDS, MARGIN, Scale, choose_scale
from tymbal.fewshot.support import gone_through, look

DEFAULT = ("ncc", "lda")
NONE = 0.005  # F1 that is told as 0.00: softened, it is never quite 0
LEAST = 0.5  # score of an event that is told of
RANKED = 0.001  # score down to which candidates are ranked without a threshold; lower ones are many and change little


@dataclass(frozen=True)
class Detection:
    """One box in frames of a recording's grid, and the log odds of its score."""

    start: int
    stop: int
    odds: float


@dataclass(frozen=True)
class Finder:
    """Finds events of one label; made by `Finder.fit`.

    choice says which finders decide, with their thresholds; models are those finders, fitted on all examples;
    band_hz is the band that the examples have, None where they have none; notes are what to know about the examples.
    """

    label: str
    scale: AnyScale
    choice: Choice
    models: tuple[Fitted, ...]
    band_hz: tuple[float, float] | None
    shots: int
    notes: tuple[str, ...] = ()

    @classmethod
    def fit(
        cls,
        prompt: Prompt,
        *,
        finders: Sequence[str] | None = None,
        bands: int = BANDS,
        encoder: str | None = None,
        layer: str | None = None,
        model: Path | None = None,
    ) -> Finder:
        """Learn from a prompt; its recordings are read around the examples.

        finders : names of the registry; with several, the best of them or their fusion is chosen on the examples.
            None takes DEFAULT, with an encoder its prototypes.
        encoder, layer : look at the frames of an encoder instead of a picture (needs torch); see `open_encoder`.
        model : the weights of the finder "network", a file that `tymbal fewshot train` wrote.
        Raises DataError for a prompt without examples, UsageError for unknown finders, and the errors of AudioReader.
        """
        finders = default_finders(encoder) if finders is None else finders
        check_finders(finders)
        if not prompt.shots:
            raise DataError(f"no example of {prompt.label!r}", where="Finder.fit", mend="Give at least one.")
        scale: AnyScale
        if encoder is None:
            scale = choose_scale(prompt.shots, bands=bands)
        else:
            scale = encoded_scale(prompt.shots, encoder, layer)
        support = gone_through(look(prompt, scale))
        tried = [name if model is None or name != "network" else f"network:{model}" for name in finders]
        choice = choose(support, tried)
        everyone = list(range(len(support.places)))
        models = tuple(find_kind(name).fit(support, everyone) for name in choice.names)
        choice = _named(choice, tried)
        notes = choice.notes
        if len(prompt.shots) > 1 and choice.total.f1 < NONE:
            notes = (*notes, "no example was found by the others: they are silent, too faint, or unlike each other")
        return cls(prompt.label, scale, choice, models, _band(prompt), len(prompt.shots), notes)

    @property
    def halo(self) -> int:
        """Frames of context around a block."""
        return max(model.reach for model in self.models)

    @property
    def examples_hz(self) -> tuple[float, float]:
        """The band that the examples fill: as they say, else the scale's without its margins, about."""
        if self.band_hz is not None:
            return self.band_hz
        low, high = self.scale.low_hz, self.scale.high_hz
        margin = MARGIN / (1 + 2 * MARGIN) * (high - low)
        return (low + margin if low > 0 else 0.0), high - margin

    @property
    def view(self) -> str:
        """What it looks at, in words: 1804–3212 Hz, frames of 8.31 ms."""
        low, high = (f"{hz:.0f}" if hz >= 100 else f"{hz:.3g}" for hz in (self.scale.low_hz, self.scale.high_hz))
        frame_s = self.scale.hop / self.scale.sample_rate_hz
        return f"{low}–{high} Hz, frames of " + (f"{frame_s:.3g} s" if frame_s >= 1 else f"{1000 * frame_s:.3g} ms")

    @cached_property
    def digest(self) -> str:
        """Content address: the same finder finds the same events."""
        return saving.content(self._description(), self._arrays())

    def predict(self, recording: str | Path, *, channel: int | None = None, least: float = LEAST) -> pl.DataFrame:
        """Events of one recording with a score of at least `least`, as an Events table in order of onset.

        The score is 0.5 at the threshold and about 0.9 for a median example; it is no probability. The recording is
        read in blocks: memory does not grow with it. channel None is the mix. With a lower `least` candidates below
        the threshold join in; the events above it stay the same, since the higher of two that overlap stays.

        Raises AudioError where the recording cannot be read, DataError where its rate is too low for the examples.
        """
        with AudioReader(recording, channel, self.scale.sample_rate_hz) as reader:
            parts = part_blocks(reader.samples, self.scale)
            found = [each for first, stop in parts for each in self._scan(reader, first, stop, least)]
            return self.table(found, str(recording), channel, reader.samples)

    def scan(self, recording: str | Path, channel: int | None, first: int, stop: int, least: float) -> list[Detection]:
        """What blocks first ... stop - 1 of a recording hold; `table` makes events of all of them."""
        with AudioReader(recording, channel, self.scale.sample_rate_hz) as reader:
            return self._scan(reader, first, stop, least)

    def _scan(self, reader: AudioReader, first: int, stop: int, least: float) -> list[Detection]:
        rate_hz = reader.info.sample_rate_hz
        if rate_hz / 2 <= self.examples_hz[0]:
            raise DataError(
                f"a recording at {rate_hz} Hz holds nothing above {rate_hz / 2:g} Hz",
                where=reader.info.path,
                mend=f"The examples of {self.label!r} lie above {self.examples_hz[0]:.0f} Hz: leave this file out.",
            )
        found: list[Detection] = []
        models = self.models
        if any(isinstance(model, Adaptable) for model in models):
            models = tuple(self._adapted(model, reader, first, stop) for model in models)
        for picture in pictures(reader, self.scale, self.halo, first, stop):
            boxes = candidates([model.respond(picture.pixels) for model in models])
            found += detections(boxes, self.choice.height(boxes), picture, least)
        return found

    def _adapted(self, model: Fitted, reader: AudioReader, first: int, stop: int) -> Fitted:
        """The model after a look at these blocks, where it takes one."""
        if not isinstance(model, Adaptable):
            return model
        return model.adapted(each.pixels for each in pictures(reader, self.scale, self.halo, first, stop))

    def table(self, found: Sequence[Detection], recording: str, channel: int | None, samples: int) -> pl.DataFrame:
        """Events of the detections of all blocks of a recording of so many samples (at the scale's rate)."""
        starts = np.array([each.start for each in found], np.int64)
        stops = np.array([each.stop for each in found], np.int64)
        odds = np.array([each.odds for each in found], np.float64)
        boxes = Boxes(starts, stops, np.zeros(len(found), np.int64), np.zeros((len(found), 1)))
        kept = boxes.kept(odds)
        grid, end_s = self.scale.grid, samples / self.scale.sample_rate_hz
        onsets = [round(max(0.0, grid.center_s(starts[row] - 0.5)), 6) for row in kept]
        offsets = [round(min(end_s, grid.center_s(stops[row] - 0.5)), 6) for row in kept]
        low, high = self.band_hz or (None, None)
        columns: dict[str, Any] = {
            "recording": pl.Series([recording] * len(kept), dtype=pl.String),
            "channel": pl.Series([channel] * len(kept), dtype=pl.Int32),
            "onset_s": pl.Series(onsets, dtype=pl.Float64),
            "offset_s": pl.Series(offsets, dtype=pl.Float64),
            "low_hz": pl.Series([low] * len(kept), dtype=pl.Float64),
            "high_hz": pl.Series([high] * len(kept), dtype=pl.Float64),
            "label": pl.Series([self.label] * len(kept), dtype=pl.String),
            "score": pl.Series([_score(odds[row]) for row in kept], dtype=pl.Float64),
        }
        events = make_events(pl.DataFrame(columns))
        return events.filter(pl.col("offset_s") > pl.col("onset_s"))

    def save(self, path: str | Path) -> None:
        """Write the finder to one file (npz, no pickle), whole or not at all."""
        saving.write(Path(path), self._description(), self._arrays())

    @classmethod
    def load(cls, path: str | Path) -> Finder:
        """A finder that `save` wrote. Raises DataError for any other file."""
        description, arrays = saving.read(Path(path))
        try:
            choice = _choice(description["choice"])
            models = []
            for name in choice.names:
                prefix = f"{name}/"
                own = {key.removeprefix(prefix): value for key, value in arrays.items() if key.startswith(prefix)}
                models.append(find_kind(name).load(own))
            band = description["band_hz"]
            return cls(
                description["label"],
                _scale(description["scale"]),
                choice,
                tuple(models),
                None if band is None else (band[0], band[1]),
                description["shots"],
                tuple(description["notes"]),
            )
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise DataError(f"the finder is damaged ({error})", where=path, mend="Fit it again.") from error

    def _description(self) -> dict[str, Any]:
        return {
            "label": self.label,
            "scale": asdict(self.scale),
            "choice": asdict(self.choice),
            "band_hz": self.band_hz,
            "shots": self.shots,
            "notes": self.notes,
        }

    def _arrays(self) -> dict[str, NDArray[Any]]:
        pairs = zip(self.choice.names, self.models, strict=True)
        return {f"{name}/{key}": value for name, model in pairs for key, value in model.state().items()}


def _scale(plain: Mapping[str, Any]) -> AnyScale:
    return EncodedScale(**plain) if "encoder" in plain else Scale(**plain)


def _choice(plain: Mapping[str, Any]) -> Choice:
    return Choice(
        tuple(plain["names"]),
        tuple(plain["weights"]),
        tuple(Calibration(**each) for each in plain["calibrations"]),
        Calibration(**plain["total"]),
        tuple((name, f1) for name, f1 in plain["table"]),
        tuple(plain["notes"]),
    )


def _named(choice: Choice, tried: Sequence[str]) -> Choice:
    """The choice by the plain names of its finders: where weights lay is not what they are."""
    plain = {name: plain_name(name) for name in tried} | {"+".join(tried): "+".join(map(plain_name, tried))}
    table = tuple((plain[name], f1) for name, f1 in choice.table)
    return replace(choice, names=tuple(plain[name] for name in choice.names), table=table)


def _odds(score: float) -> float:
    return math.log(score / (1 - score)) if 0 < score < 1 else -math.inf if score <= 0 else math.inf


def _score(odds: float) -> float:
    """Four digits, and 0.5 or more of nothing below the threshold."""
    score = round(1 / (1 + math.exp(min(-odds, 700.0))), 4)  # e^710 is more than a float holds
    return score if odds >= 0 else min(score, 0.4999)


def _band(prompt: Prompt) -> tuple[float, float] | None:
    given = [(s.low_hz, s.high_hz) for s in prompt.shots if s.low_hz is not None and s.high_hz is not None]
    if len(given) * 2 <= len(prompt.shots):
        return None
    return float(np.median([each[0] for each in given])), float(np.median([each[1] for each in given]))


def detections(boxes: Boxes, height: Floats, picture: Picture, least: float) -> list[Detection]:
    """The candidates of a block that stay, as frames of the recording."""
    loud = np.flatnonzero(height >= _odds(least))
    boxes, height = boxes.take(loud), height[loud]
    kept = boxes.kept(height)
    middle = (boxes.starts[kept] + boxes.stops[kept]) / 2
    mine = kept[(middle >= picture.core.start) & (middle < picture.core.stop)]
    rows = zip(boxes.starts[mine].tolist(), boxes.stops[mine].tolist(), height[mine].tolist(), strict=True)
    return [Detection(start + picture.first, stop + picture.first, round(odds, 6)) for start, stop, odds in rows]


def default_finders(encoder: str | None = None) -> tuple[str, ...]:
    """The finders that are tried where none is named."""
    return DEFAULT if encoder is None else ("prototypes",)


def check_finders(finders: Sequence[str]) -> None:
    """Raise UsageError where a name is unknown or twice."""
    for name in finders:
        find_kind(name)
    if not finders or len(set(finders)) < len(finders):
        raise UsageError(f"finders are {', '.join(finders) or 'none'}", parameter="finders", allowed="each once")


def fit_all(
    prompts: Sequence[Prompt],
    *,
    finders: Sequence[str] | None = None,
    encoder: str | None = None,
    layer: str | None = None,
    model: Path | None = None,
) -> tuple[Finder, ...]:
    """A finder for each prompt."""
    given = {"finders": finders, "encoder": encoder, "layer": layer, "model": model}
    return tuple(Finder.fit(prompt, **given) for prompt in prompts)  # type: ignore[arg-type]
