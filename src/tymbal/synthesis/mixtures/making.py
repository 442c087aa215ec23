"""Mixtures of a corpus as a dataset: made, indexed and packed by one call that resumes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from tymbal.annotations import write_events
from tymbal.config import digest, dumps, to_plain
from tymbal.corpus import Corpus, index, make_split
from tymbal.corpus.auditing.findings import listed
from tymbal.corpus.packing import Packed, Terms, pack
from tymbal.corpus.packing.licences import licences
from tymbal.errors import CorpusError, DataError, NothingDoneError
from tymbal.jobs import (
    Failure,
    Progress,
    Shard,
    ShardOutcomes,
    make_executor,
    only_writer,
    plan_groups,
    remove_temporaries,
    run_job,
    write_bytes,
    write_json,
    write_text,
)
from tymbal.synthesis.mixtures.choosing import Draw, draw, eligible, together
from tymbal.synthesis.mixtures.mixing import Mix, Mixture
from tymbal.synthesis.mixtures.plan import MixturePlan
from tymbal.synthesis.mixtures.truth import joint_licence, mixture_events, mixture_row

VERSION = 1
RECIPE, AUDIO, META = "mixtures.toml", "audio", "meta"


@dataclass(frozen=True)
class Mixtures:
    """A dataset of mixtures: its corpus, what failed, and one row per level.

    levels : overlap_asked, snr_db, mixtures, events, seconds, overlap_reached (pairs of all its mixtures per event).
    left_out : recordings that could not be mixed, for want of an event, an individual or complete coverage.
    """

    corpus: Corpus
    levels: pl.DataFrame
    failures: tuple[Failure, ...] = ()
    left_out: int = 0
    unlicensed: tuple[str, ...] = ()


def make_mixtures(
    corpus: Corpus,
    out: str | Path,
    plan: MixturePlan | None = None,
    *,
    terms: Terms | None = None,
    allow_unlicensed: bool = False,
    title: str | None = None,
    workers: int | None = 1,
    progress: Progress | None = None,
) -> Mixtures:
    """Mix whole recordings of two individuals each, at every overlap and SNR of `plan`, into the dataset `out`.

    Only recordings that were searched from end to end are mixed, so the truth is exact: every event of every source at
    its new place, with its individual. With a split, a mixture's sources are all of one fold and it is in that fold of
    a split of the same name. The same corpus and plan give the same bytes. `out` is as `corpus.packing.pack` writes it,
    and mixtures.toml holds the plan; terms, allow_unlicensed : as for `pack`.

    Raises ConfigError for a plan that cannot be, DataError where nothing can be mixed or licences are missing,
    UsageError where `out` holds other things.
    """
    plan, terms, target = plan or MixturePlan(), terms or Terms(), Path(out)
    plan.check()
    sources, left_out = eligible(corpus, plan)
    draws = draw(sources, plan)
    recipe = _recipe(corpus, plan, terms)
    if (done := _finished(target, recipe)) is not None:
        return Mixtures(done, levels_of(done), left_out=left_out)
    rights = {row["recording"]: row for row in licences(corpus.recordings, terms).iter_rows(named=True)}
    if not allow_unlicensed:
        _check_licences(corpus, draws, rights)
    parts = target.with_name(f"{target.name}.parts")  # beside it: a dataset is written only when all of it is there
    with only_writer(parts):
        remove_temporaries(parts)
        failures: list[Failure] = []
        job = plan_groups("mix", [[each] for each in draws], {"recipe": recipe}, address=Draw.address)
        run_job(
            job,
            Mix(corpus.root.as_posix(), plan),
            _saver(parts, corpus, together(draws), rights, plan, failures),
            is_done=lambda shard: (parts / META / f"{shard.key}.json").is_file(),
            executor=make_executor(workers),
            progress=progress,
        )
        made = _indexed(parts, [shard.key for shard in job.shards], plan, failures)
        packed = pack(
            made,
            target,
            terms=replace(terms, licence=None),  # each mixture has its own, of all its sources
            allow_unlicensed=allow_unlicensed,
            title=title,
            audited=False,  # it would find the same sources at every level, as is meant
            about=_about(corpus, plan, left_out) + "\n\n" + _levels_table(levels_of(made)),
            extra={RECIPE: recipe},
            workers=workers,
            progress=progress,
        )
    if not failures:
        shutil.rmtree(parts, ignore_errors=True)
    return _result(packed, failures, left_out)


def _check_licences(corpus: Corpus, draws: list[Draw], rights: dict[str, dict[str, Any]]) -> None:
    """DataError naming the recordings that will be mixed but may not be: no licence, or one that forbids it."""
    used = sorted({source.recording for each in draws for source in each.sources})
    bare = [name for name in used if joint_licence([rights[name]["licence"]]) is None]
    if bare:
        raise DataError(
            f"{len(bare)} of {len(used)} recordings have no licence that allows publishing mixtures: {listed(bare)}",
            where=corpus.path,
            mend="Give a column 'licence' with --metadata when indexing, or --licence for all that have none; "
            "--allow-unlicensed mixes them for yourself.",
        )


def _result(packed: Packed, failures: list[Failure], left_out: int) -> Mixtures:
    every = (*failures, *packed.failures)
    return Mixtures(packed.corpus, levels_of(packed.corpus), every, left_out, packed.unlicensed)


def _recipe(corpus: Corpus, plan: MixturePlan, terms: Terms) -> str:
    """The plan and what it was given, as the text of mixtures.toml."""
    splits = corpus.splits.write_ndjson() if plan.split is not None else ""
    content = {"version": VERSION, "sources": digest({"corpus": corpus.digest, "splits": splits, "terms": terms})}
    return "# how these mixtures were made: tymbal synth mixtures\n" + dumps({**content, "plan": to_plain(plan)})


def _finished(target: Path, recipe: str) -> Corpus | None:
    try:
        if (target / RECIPE).read_text(encoding="utf-8") == recipe:
            return Corpus.open(target)
    except (OSError, CorpusError):
        pass
    return None


def _saver(
    parts: Path,
    corpus: Corpus,
    tied: dict[str, str],
    rights: dict[str, dict[str, Any]],
    plan: MixturePlan,
    failures: list[Failure],
) -> Callable[[Shard[Any], ShardOutcomes[tuple[Mixture, ...]]], None]:
    """What keeps the mixtures of one draw: sound first, then events, then the rows that say what is there."""
    timed = corpus.events.filter(pl.col("onset_s").is_not_null() & (pl.col("offset_s") > pl.col("onset_s")))
    events = {str(name): rows for (name,), rows in timed.group_by("recording", maintain_order=True)}

    def _save(shard: Shard[Any], outcomes: ShardOutcomes[tuple[Mixture, ...]]) -> None:
        (drawn,) = shard.items
        failures.extend(outcomes.failures)
        for outcome in outcomes.outcomes:
            if outcome.worked is None:
                continue
            made = outcome.worked.value
            for mixture in made:
                write_bytes(parts / AUDIO / mixture.name, mixture.sound)
            truth = pl.concat([mixture_events(drawn, mixture, events, plan.by) for mixture in made])
            write_events(truth.drop("source"), parts / "events" / f"{shard.key}.csv", format="csv")
            tie = tied[drawn.sources[0].individual]
            write_json(parts / META / f"{shard.key}.json", [mixture_row(drawn, each, tie, rights) for each in made])

    return _save


def _indexed(parts: Path, keys: list[str], plan: MixturePlan, failures: list[Failure]) -> Corpus:
    """The corpus of all parts, with the split of the sources."""
    there = [key for key in keys if (parts / META / f"{key}.json").is_file()]
    if not there:
        raise NothingDoneError(
            f"nothing could be mixed; the first: {failures[0].message if failures else 'unknown'}", where=parts
        )
    rows = [row for key in there for row in json.loads((parts / META / f"{key}.json").read_bytes())]
    table = pl.DataFrame(rows, schema=dict.fromkeys(rows[0], pl.String))
    write_text(parts / "metadata.csv", table.drop("fold").write_csv())
    for file in (parts / "events").glob("*.csv"):  # of an earlier plan
        if file.stem not in there:
            file.unlink()
    wanted = set(table["recording"])
    for file in (parts / AUDIO).glob("*.flac"):
        if file.name not in wanted:
            file.unlink()
    made = index(
        parts / AUDIO,
        out=parts / "corpus",
        annotations=parts / "events",
        metadata=parts / "metadata.csv",
        coverage="complete",  # only what was searched from end to end is mixed, and all of it has events
        label="label",
    )
    if plan.split is not None:
        _carry_split(made, table, plan.split)
    return made


def _carry_split(made: Corpus, table: pl.DataFrame, name: str) -> None:
    """The sources' folds; what is kept together are all individuals that mixtures tie to each other."""
    make_split(made, name, by="mixed_together", folds="each")
    fold = dict(table.select("recording", "fold").iter_rows())
    splits = made.splits.with_columns(
        pl.when(pl.col("scheme") == name).then(pl.col("recording").replace_strict(fold)).otherwise("fold").alias("fold")
    )
    made.replace_splits(splits)


def _about(corpus: Corpus, plan: MixturePlan, left_out: int) -> str:
    folds = f", all of one fold of the split `{plan.split}`" if plan.split else ""
    return (
        f"These are mixtures of whole recordings of two individuals each (column `{plan.by}`){folds}, made by "
        f"`tymbal synth mixtures` from {corpus.recordings.height - left_out} of {corpus.recordings.height} recordings; "
        "mixtures.toml holds the plan. They were shifted against each other until the wanted number of events "
        "overlapped, brought to the wanted ratio of power (root mean square within events, onset to offset), added, "
        "and scaled to a peak of 0.9. The same sources are mixed at every ratio and SNR: levels differ in the shifts "
        "alone, and so in length: the less overlap, the longer. Where a recording begins or ends, so does its "
        "background. No room, no distance and no reaction of one animal to the other is simulated. "
        "With more than two recordings, those of one individual may overlap, as no single animal's do."
    )


def _levels_table(levels: pl.DataFrame) -> str:
    """What was asked and reached, as Markdown."""
    lines = ["| overlap asked | reached | SNR (dB) | mixtures | events |", "|---|---|---|---|---|"]
    columns = ("overlap_asked", "overlap_reached", "snr_db", "mixtures", "events")
    for asked, reached, snr_db, mixtures, events in levels.select(columns).iter_rows():
        lines.append(f"| {asked:g} | {reached:.3f} | {snr_db:g} | {mixtures} | {events} |")
    return "\n".join(lines)


def levels_of(corpus: Corpus) -> pl.DataFrame:
    """What each level of a dataset of mixtures reached, by asked ratio and SNR; see `Mixtures`."""
    pairs = (pl.col("overlaps").cast(pl.Int64).sum() / 2).alias("pairs")
    per = corpus.events.group_by("recording").agg(pl.len().alias("events"), pairs)
    rows = corpus.recordings.select(
        "recording", "duration_s", pl.col("overlap_asked").cast(pl.Float64), pl.col("snr_db").cast(pl.Float64)
    ).join(per, on="recording")
    return (
        rows.group_by("overlap_asked", "snr_db")
        .agg(
            pl.len().alias("mixtures"),
            pl.col("events").sum(),
            pl.col("duration_s").sum().alias("seconds"),
            (pl.col("pairs").sum() / pl.col("events").sum()).alias("overlap_reached"),
        )
        .sort("overlap_asked", "snr_db")
    )
