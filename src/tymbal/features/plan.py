"""From a corpus to shards: which segments of which channel are worked and saved together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import polars as pl

from tymbal.audio import RatePlan
from tymbal.config import digest
from tymbal.encoders.contract import Encoder
from tymbal.encoders.windows import RateLayout
from tymbal.errors import EncoderError, Fault, NothingDoneError
from tymbal.features.settings import EmbedConfig, layout
from tymbal.jobs import Failure, Plan, plan_groups

FORMAT = 1  # of everything in a store; a change makes old stores refuse to be continued
SHARD_UNITS = 64  # what a kill can cost at most, per worker: ten minutes of sound in the default segments
SHARD_BYTES = 16 << 20  # what travels from a worker to the writer at most, unless one segment is larger
CUT_EVERY = 32  # a recording whose hash is a multiple opens a new shard: files added later move few other shards


class HasRecordings(Protocol):
    """What `embed` needs of a corpus."""

    @property
    def recordings(self) -> pl.DataFrame: ...

    @property
    def events(self) -> pl.DataFrame: ...

    @property
    def root(self) -> Path: ...


@dataclass(frozen=True)
class Stretch:
    """A run of neighbouring units of one recording and channel: the item of an embedding job.

    `samples` counts native samples, `delivered` samples at `rate_hz`; `first` is the number of the first of `units`
    units within the recording. `size_bytes`, `mtime_ns` and `content_hash` are as they were when it was indexed.
    """

    recording: str
    channel: int | None
    content_hash: str
    sample_rate_hz: int
    samples: int
    rate_hz: int
    delivered: int
    first: int
    units: int
    path: str = ""
    size_bytes: int = 0
    mtime_ns: int = 0

    @property
    def name(self) -> str:
        """How tables and the screen call it."""
        return self.recording if self.channel is None else f"{self.recording} (channel {self.channel})"

    def address(self) -> list[Any]:
        """What decides its rows; where the file lies does not."""
        return [self.recording, self.channel, self.content_hash, self.samples, self.rate_hz, self.first, self.units]

    def bounds(self, unit: int, segment_samples: int) -> tuple[int, int]:
        """First sample and end of a unit, at the delivery rate."""
        start = unit * segment_samples
        return start, min(start + segment_samples, self.delivered)


@dataclass(frozen=True)
class EmbedPlan:
    """A plan with what the store's manifest says about it."""

    plan: Plan[Stretch]
    parameters: dict[str, Any]
    layouts: dict[int, RateLayout]
    corpus_digest: str
    failures: tuple[Failure, ...] = ()
    faults: tuple[Fault, ...] = ()
    recordings: int = 0


def make_embed_plan(corpus: HasRecordings, encoder: Encoder, config: EmbedConfig, device: str = "cpu") -> EmbedPlan:
    """Cut every recording into segments and the segments into shards; one pass over the table, no file is opened.

    `device` is the kind of device that the encoder runs on: rows of two kinds differ by rounding.

    Raises NothingDoneError for a corpus without recordings, EncoderError where an encoder's layers differ in size
    between the rates of the corpus, UsageError and EncoderError for options that do not fit the encoder.
    """
    table = corpus.recordings.sort("recording")
    if not table.height:
        raise NothingDoneError(
            "the corpus holds no recording",
            where=getattr(corpus, "path", None),
            mend="Index a folder with sound in it.",
        )
    deliver = encoder.sample_rate if encoder.sample_rate is not None else config.sample_rate_hz
    if encoder.sample_rate is not None and config.sample_rate_hz not in (None, encoder.sample_rate):
        raise EncoderError(
            f"sample_rate_hz is {config.sample_rate_hz}, but {encoder.name} was made for {encoder.sample_rate}",
            parameter="sample_rate_hz",
            allowed=f"{encoder.sample_rate}, or none",
        )
    rates = [deliver] if deliver is not None else sorted(table["sample_rate_hz"].unique().to_list())
    layouts = {rate: layout(encoder, config, rate) for rate in rates}
    _same_sizes(layouts, encoder.name)
    parameters = _parameters(encoder, config, layouts)
    if device != "cpu":  # stores of the CPU are as they were before there was a choice
        parameters["device"] = device
    failures: list[Failure] = []
    stretches = _recordings(corpus, table, deliver, config, failures)
    groups = _cut(stretches, layouts, _units_per_shard(encoder, config, layouts))
    plan = plan_groups("embed", groups, parameters, address=Stretch.address)
    identity = table.select("recording", "content_hash", "sample_rate_hz", "channels", "samples")
    return EmbedPlan(
        plan,
        parameters,
        layouts,
        corpus_digest=digest(identity.rows()),
        failures=tuple(failures),
        faults=_mixed_rates(rates),
        recordings=table.height,
    )


def _parameters(encoder: Encoder, config: EmbedConfig, layouts: Mapping[int, RateLayout]) -> dict[str, Any]:
    from tymbal import __version__

    specs = next(iter(layouts.values())).layers
    return {
        "format": FORMAT,
        "tymbal_version": __version__,
        "encoder": encoder.name,
        "encoder_checksum": encoder.checksum,
        "numerics": encoder.numerics,
        "layers": [spec.name for spec in specs],
        "precision": config.dtype,
        "segment_s": config.segment_s,
        "margin_s": config.margin_s,
        "frames": config.frames,
        "sample_rate_hz": config.sample_rate_hz,
    }


def _same_sizes(layouts: Mapping[int, RateLayout], name: str) -> None:
    sizes = {tuple((spec.name, spec.bands * spec.dim) for spec in each.layers): rate for rate, each in layouts.items()}
    if len(sizes) > 1:
        raise EncoderError(
            f"its layers have other sizes at {' and '.join(f'{rate} Hz' for rate in sizes.values())}",
            where=name,
            mend="Deliver all recordings at one rate: sample_rate_hz=... (--sample-rate).",
        )


def _mixed_rates(rates: list[int]) -> tuple[Fault, ...]:
    if len(rates) < 2:
        return ()
    text = ", ".join(str(rate) for rate in rates)
    message = (
        f"recordings are embedded at their own rates ({text} Hz): features of different rates are not comparable. "
        "Give one sample rate (--sample-rate) to compare them"
    )
    return (Fault("mixed_rates", message),)


def _units_per_shard(encoder: Encoder, config: EmbedConfig, layouts: Mapping[int, RateLayout]) -> int:
    width = 2 if config.dtype == "float16" else 4
    largest = 1
    for rate, each in layouts.items():
        samples = max(each.segment_samples + 2 * each.margin_samples, encoder.at_rate(rate).min_samples)
        frames = encoder.at_rate(rate).frames(samples)
        rows = {spec.name: config.frames or frames[spec.name] for spec in each.layers}
        largest = max(largest, sum(rows[spec.name] * spec.bands * spec.dim * width for spec in each.layers))
    return max(1, min(SHARD_UNITS, SHARD_BYTES // largest))


def _recordings(
    corpus: HasRecordings, table: pl.DataFrame, deliver: int | None, config: EmbedConfig, failures: list[Failure]
) -> Iterator[Stretch]:
    named = _named_channels(corpus, config)
    columns = ("recording", "content_hash", "size_bytes", "mtime_ns", "sample_rate_hz", "channels", "samples")
    for recording, content_hash, size, mtime, rate_hz, channels, samples in table.select(columns).iter_rows():
        if not samples:
            failures.append(Failure(recording, "AudioError", f"{recording}: holds no sample. Record it again."))
            continue
        rate = deliver or rate_hz
        whole = Stretch(
            recording=recording,
            channel=None,
            content_hash=content_hash,
            sample_rate_hz=rate_hz,
            samples=samples,
            rate_hz=rate,
            delivered=RatePlan(rate_hz, rate).length(samples),
            first=0,
            units=0,
            path=str(corpus.root / recording),
            size_bytes=size,
            mtime_ns=mtime,
        )
        for channel in _channels(channels, named.get(recording), config):
            yield replace(whole, channel=channel)


def _named_channels(corpus: HasRecordings, config: EmbedConfig) -> dict[str, list[int | None]]:
    if config.channels != "auto":
        return {}
    pairs = corpus.events.select("recording", "channel").unique().sort("recording", "channel", nulls_last=False)
    named: dict[str, list[int | None]] = {}
    for recording, channel in pairs.iter_rows():
        named.setdefault(recording, []).append(channel)
    return named


def _channels(count: int, named: list[int | None] | None, config: EmbedConfig) -> list[int | None]:
    if count == 1:
        return [1]
    if config.channels == "each":
        return list(range(1, count + 1))
    if config.channels == "mix" or named is None:
        return [None]
    return [channel for channel in named if channel is None or 1 <= channel <= count] or [None]


def _cut(whole: Iterator[Stretch], layouts: Mapping[int, RateLayout], per_shard: int) -> Iterator[list[Stretch]]:
    group: list[Stretch] = []
    room = per_shard
    previous = None
    for stretch in whole:
        if group and stretch.recording != previous and int(stretch.content_hash[:4], 16) % CUT_EVERY == 0:
            yield group
            group, room = [], per_shard
        previous = stretch.recording
        left = -(-stretch.delivered // layouts[stretch.rate_hz].segment_samples)
        first = 0
        while left:
            take = min(left, room)
            group.append(replace(stretch, first=first, units=take))
            first, left, room = first + take, left - take, room - take
            if not room:
                yield group
                group, room = [], per_shard
    if group:
        yield group
