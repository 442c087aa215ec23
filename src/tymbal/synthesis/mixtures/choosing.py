"""Which recordings are mixed: whole, fully labelled, of two individuals of the same fold."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import polars as pl
from numpy.random import Generator
from numpy.typing import NDArray

from tymbal.annotations import CoverageIndex
from tymbal.corpus import Corpus
from tymbal.corpus.tables import as_text, told_columns
from tymbal.errors import DataError
from tymbal.synthesis.mixtures.plan import MixturePlan
from tymbal.synthesis.seeding import Purpose, stream

CLOSE_S = 1e-3  # how much of a recording's end may lie outside its coverage


@dataclass(frozen=True)
class Source:
    """One recording that may be mixed; spans (events, 2) are its events' onsets and offsets in seconds."""

    recording: str
    individual: str
    fold: str | None
    duration_s: float
    sample_rate_hz: int
    spans: NDArray[np.float64]


@dataclass(frozen=True)
class Draw:
    """Recordings that are mixed together, and which of their individuals is the louder one.

    `index` counts all draws, `number` those of the fold.
    """

    index: int
    number: int
    fold: str | None
    sources: tuple[Source, ...]
    louder: str

    @property
    def name(self) -> str:
        """The recordings, as failures name them."""
        return ", ".join(source.recording for source in self.sources)

    def address(self) -> list[object]:
        """What decides its mixtures, besides the plan and the recordings' bytes."""
        return [self.index, self.number, self.fold, [source.recording for source in self.sources], self.louder]


def eligible(corpus: Corpus, plan: MixturePlan) -> tuple[list[Source], int]:
    """Recordings that can be mixed, and how many cannot: no timed event, or not searched from end to end.

    Raises DataError where no column tells individuals apart, CorpusError for an unknown split.
    """
    table = corpus.recordings
    if plan.by not in table.columns:
        raise DataError(
            f"no column {plan.by!r} among the recordings",
            parameter="by",
            allowed=", ".join(told_columns(table.columns)),
            mend="Name the column that tells individuals apart.",
        )
    folds = _folds(corpus, plan.split)
    timed = corpus.events.filter(pl.col("onset_s").is_not_null() & (pl.col("offset_s") > pl.col("onset_s")))
    spans = {
        str(name): rows.select("onset_s", "offset_s").to_numpy()
        for (name,), rows in timed.group_by("recording", maintain_order=True)
    }
    covered = CoverageIndex(corpus.coverage)
    names = table.select("recording", as_text(plan.by).alias("_who"), "duration_s", "sample_rate_hz")
    found = []
    for recording, who, duration_s, rate_hz in names.iter_rows():
        whole = covered.covers(recording, 0.0, duration_s - CLOSE_S)
        if who is None or recording not in spans or not whole or (plan.split is not None and recording not in folds):
            continue
        found.append(Source(recording, who, folds.get(recording), duration_s, rate_hz, spans[recording]))
    return sorted(found, key=lambda source: source.recording), table.height - len(found)


def _folds(corpus: Corpus, split: str | None) -> dict[str, str]:
    if split is None:
        return {}
    rows = corpus.folds(split).filter(pl.col("event_id").is_null())
    return dict(rows.select("recording", "fold").iter_rows())


def draw(sources: Sequence[Source], plan: MixturePlan) -> list[Draw]:
    """`per_level` sets of recordings of every fold with two individuals, pairs of individuals by turns.

    Raises DataError where there is no fold with two individuals.
    """
    per_fold: dict[str | None, dict[str, list[Source]]] = defaultdict(lambda: defaultdict(list))
    for source in sources:
        per_fold[source.fold][source.individual].append(source)
    drawn: list[Draw] = []
    for place, fold in enumerate(sorted(per_fold, key=str)):
        held = per_fold[fold]
        pairs = [pair for pair in combinations(sorted(held), 2) if _enough(held, pair, plan.recordings)]
        rng = stream(plan.seed, place, Purpose.DRAWS)
        order = rng.permutation(len(pairs))
        for number in range(plan.per_level if pairs else 0):
            pair = pairs[order[number % len(pairs)]]
            chosen, louder = _one(held, pair, plan.recordings, rng)
            drawn.append(Draw(len(drawn), number, fold, chosen, louder))
    if not drawn:
        raise DataError(
            f"no fold has {plan.recordings} recordings of two individuals that can be mixed ({len(sources)} recordings "
            "have events, an individual and complete coverage)",
            mend="Make fewer folds, index with --complete or --coverage, or name the individuals' column with --by.",
        )
    return drawn


def _enough(held: Mapping[str, list[Source]], pair: tuple[str, str], wanted: int) -> bool:
    sizes = sorted(len(held[who]) for who in pair)
    return sizes[0] >= wanted // 2 and sizes[1] >= wanted - wanted // 2


def _one(
    held: Mapping[str, list[Source]], pair: tuple[str, str], wanted: int, rng: Generator
) -> tuple[tuple[Source, ...], str]:
    """Recordings of a pair by turns, and the louder individual."""
    first, second = (pair[at] for at in rng.permutation(2))
    if len(held[first]) < wanted - wanted // 2:
        first, second = second, first
    shares = ((first, wanted - wanted // 2), (second, wanted // 2))
    chosen = [held[who][at] for who, count in shares for at in rng.permutation(len(held[who]))[:count]]
    return tuple(chosen), str(rng.choice(sorted(pair)))


def together(draws: Sequence[Draw]) -> dict[str, str]:
    """For each individual the name of all that mixtures tie together, what a split must not tear: "a+b+c"."""
    parent: dict[str, str] = {}

    def root(who: str) -> str:
        while parent.setdefault(who, who) != who:
            who = parent[who]
        return who

    for each in draws:
        names = sorted({source.individual for source in each.sources})
        for name in names[1:]:
            parent[root(name)] = root(names[0])
    members: dict[str, list[str]] = defaultdict(list)
    for who in sorted(parent):
        members[root(who)].append(who)
    return {who: "+".join(names) for names in members.values() for who in names}
