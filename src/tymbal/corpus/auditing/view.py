"""The corpus as an audit sees it: one row per recording, its label where it has one, and what is known of it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tymbal.annotations.tables import EVENTS
from tymbal.corpus.auditing.association import Codes, Fact, codes
from tymbal.corpus.auditing.columns import HOW, WHERE, determines, metadata_columns, texts, words
from tymbal.corpus.auditing.measure import BANDS
from tymbal.corpus.corpus import Corpus

FILE_FACTS = ("container", "codec", "sample_rate_hz", "channels")
SOUND_FACTS = ("duration_s", "level_db", "peak_db", "noise_floor_db", "cutoff_hz", "zero_share", "offset")
MOST_LABELS = 30  # labels whose presence is tested, the most frequent


@dataclass
class View:
    """Recordings (one row each, sorted by path) with labels.

    `examples`: the labelled examples. `label`: the one label of each recording, None where it has none or several.
    `single`: no recording has two labels. `presence`: for labels of events, 1 where a recording has such an event,
    0 where not. `measured`: MEASURES of the recordings that could be decoded.
    """

    name: str
    table: pl.DataFrame
    examples: pl.DataFrame
    label: list[str | None]
    single: bool
    presence: dict[str, Codes] = field(default_factory=dict)
    measured: pl.DataFrame = field(default_factory=pl.DataFrame)

    @property
    def title(self) -> str:
        """How messages call the label."""
        return "the label" if self.name == "label" else f"label {self.name!r}"

    @property
    def of(self) -> str:
        """What follows "labels" in messages."""
        return "" if self.name == "label" else f" of {self.name!r}"

    @property
    def recordings(self) -> list[str]:
        return list(self.table["recording"])

    def features(self) -> NDArray[np.float64]:
        """Mean and background spectra (recordings, 72); NaN rows where a recording could not be decoded."""
        joined = self.table.select("recording").join(self.measured, on="recording", how="left", maintain_order="left")
        rows = np.full((joined.height, 2 * BANDS), np.nan)
        heard = joined["spectrum_db"].is_not_null().to_numpy()
        if heard.any():
            known = joined.filter(pl.Series(heard))
            rows[heard] = np.hstack(
                [known[name].list.to_array(BANDS).to_numpy() for name in ("spectrum_db", "background_db")]
            )
        return rows


def make_view(corpus: Corpus, label: str, measured: pl.DataFrame) -> View:
    """Gather what the audit needs; metadata columns of events ride on recordings where they agree within each."""
    examples = corpus.examples(label)
    table = corpus.recordings.sort("recording")
    extra = [name for name in corpus.events.columns if name not in (*EVENTS, *table.columns)]
    if extra:
        agreed = corpus.events.group_by("recording").agg(
            [pl.when(pl.col(name).n_unique() == 1).then(pl.col(name).first()).alias(name) for name in extra]
        )
        table = table.join(agreed, on="recording", how="left", maintain_order="left")
    per = examples.group_by("recording").agg(pl.col("label").unique().alias("labels"))
    labels = dict(zip(per["recording"], per["labels"].to_list(), strict=True))
    one = [found[0] if len(found := labels.get(name, [])) == 1 else None for name in table["recording"]]
    single = all(len(found) == 1 for found in labels.values())
    table = table.drop(label, strict=False).with_columns(pl.Series(label, one, dtype=pl.String))
    view = View(label, table, examples, one, single, measured=measured)
    timed = examples.filter(pl.col("onset_s").is_not_null())
    if timed.height:
        if single and len(set(one) - {None}) > 1:  # which label is told by the label itself
            timed = timed.with_columns(pl.lit("any event").alias("label"))
        view.presence = _presence(timed, view.recordings)
    return view


def _presence(timed: pl.DataFrame, recordings: list[str]) -> dict[str, Codes]:
    counts = timed.group_by("label").agg(pl.col("recording").n_unique().alias("n"), pl.col("recording"))
    found: dict[str, Codes] = {}
    for name, number, holders in counts.sort("n", "label", descending=[True, False]).head(MOST_LABELS).iter_rows():
        if number < len(recordings):
            inside = set(holders)
            found[name] = np.array([int(recording in inside) for recording in recordings], dtype=np.int64)
    return found


def facts(view: View) -> list[Fact]:
    """What a label should not go with: facts about files, sound and circumstances; equal partitions once."""
    table = view.table.join(view.measured.select("recording", *_heard(view)), on="recording", how="left")
    table = table.sort("recording")
    found: list[Fact] = []
    for name in FILE_FACTS:
        found.append(Fact(name, codes(texts(table, name)).astype(float), numeric=False))
    depth = [_bit_depth(codec) for codec in table["codec"]]
    found.append(Fact("bit_depth", codes(depth).astype(float), numeric=False))
    for name in ("recorder", "site", *_circumstances(view)):
        if name in table.columns:
            found.append(Fact(name, codes(texts(table, name)).astype(float), numeric=False))
    for name in SOUND_FACTS:
        if name in table.columns:
            values = table[name].cast(pl.Float64).fill_null(float("nan")).to_numpy().astype(np.float64)
            found.append(Fact(name, values, numeric=True))
    hour = [float(text[11:13]) if text is not None and len(text) > 12 else float("nan") for text in table["start_time"]]
    found.append(Fact("start_hour", np.array(hour), numeric=True))
    return _merged([fact for fact in found if _varies(fact)])


def _heard(view: View) -> list[str]:
    return [name for name in SOUND_FACTS if name in view.measured.columns]


def _bit_depth(codec: str | None) -> str | None:
    found = re.search(r"PCM_?[SU]?(\d+)", codec or "", re.IGNORECASE)
    return found.group(1) if found else None


def _circumstances(view: View) -> list[str]:
    """Metadata columns that say where or with what, other than those that merely rename or subdivide the label."""
    wanted = [name for name in metadata_columns(view.table, view.name) if words(name) & (WHERE | HOW)]
    kept = []
    for name in wanted:
        values = texts(view.table, name)
        few = len({value for value in values if value is not None}) <= max(2, view.table.height // 3)
        nested = determines(values, view.label) or determines(view.label, values)  # said of classes and units
        if name not in ("recorder", "site") and few and not nested:
            kept.append(name)
    return kept


def _varies(fact: Fact) -> bool:
    known = fact.values[np.isfinite(fact.values)] if fact.numeric else fact.values[fact.values >= 0]
    return len(np.unique(known)) > 1


def _merged(found: list[Fact]) -> list[Fact]:
    """Categorical facts with the same partition become one, named after all of them."""
    merged: dict[tuple[float, ...], Fact] = {}
    kept: list[Fact] = []
    for fact in found:
        if fact.numeric:
            kept.append(fact)
            continue
        numbers: dict[float, float] = {}
        key = tuple(-1.0 if value < 0 else numbers.setdefault(value, float(len(numbers))) for value in fact.values)
        known = merged.get(key)
        name = fact.name if known is None else f"{known.name}, {fact.name}"
        merged[key] = Fact(name, fact.values, numeric=False)
    return [*merged.values(), *kept]
