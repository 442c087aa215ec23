"""A benchmark set as a Corpus with the split "official", and its examples beside it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from tymbal.benchmarks.dataset import BenchmarkSet, Contents
from tymbal.benchmarks.verify import verify
from tymbal.benchmarks.windows import CHUNK_S
from tymbal.corpus import Corpus, index, make_split
from tymbal.errors import DataError
from tymbal.jobs import Progress, write_through

OFFICIAL = "official"
EXAMPLES_FILE, CORPUS, TABLES = "examples.parquet", "corpus", "tables"


@dataclass(frozen=True)
class Prepared:
    """A set ready to be embedded: its corpus, the examples of its protocol (EXAMPLES), and the label names."""

    described: BenchmarkSet
    corpus: Corpus
    examples: pl.DataFrame
    labels: tuple[str, ...]

    @property
    def used(self) -> Used:
        """What `embed` needs: the recordings that have examples, and no others of the folder."""
        return Used(self.corpus, tuple(sorted(self.examples["recording"].unique().to_list())))


@dataclass(frozen=True)
class Used:
    """A corpus without the recordings that no example needs."""

    corpus: Corpus
    names: tuple[str, ...]

    @property
    def recordings(self) -> pl.DataFrame:
        """The recordings table of those that are used."""
        return self.corpus.recordings.filter(pl.col("recording").is_in(self.names))

    @property
    def events(self) -> pl.DataFrame:
        """No events: examples have no channel, so every recording is delivered as one mix."""
        return self.corpus.events.clear()

    @property
    def root(self) -> Path:
        """Folder that recordings are relative to."""
        return self.corpus.root


def to_corpus(
    data: Path,
    described: BenchmarkSet,
    out: Path,
    *,
    contents: Contents | None = None,
    workers: int | None = 1,
    progress: Progress | None = None,
) -> Prepared:
    """Make OUT/corpus and OUT/examples.parquet of one set below the benchmark's folder `data`.

    The corpus holds recordings, events (where the set has times), coverage (where it was exhaustive) and the split
    "official". Events there are cleaned like any others; the examples keep the set's own times, because the label rule
    of windows speaks of them. `contents` spares reading the set again after `verify`. The same input gives the same
    bytes. Raises DataError where the set is not ready, or where its folds tear a unit that they must not.
    """
    if contents is None:
        found = verify(data, described)
        if found.contents is None:
            gone = found.departures[0]
            raise DataError(gone.message, where=data, mend=gone.mend)
        contents = found.contents
    table = contents.examples
    if table.is_empty():
        raise DataError(f"{described.name} has no example here", where=data, mend="See tymbal bench: what is missing.")
    tables = out / TABLES
    folds = table.group_by("recording", maintain_order=True).agg(
        pl.col("fold").first(), pl.col("fold").n_unique().alias("folds"), pl.col("unit").first()
    )
    whole = int(folds["folds"].max() or 0) <= 1  # type: ignore[arg-type]
    told = folds.select("recording", "unit", *([pl.col("fold").alias("official_fold")] if whole else []))
    if not described.multilabel:
        first = table.unique("recording", keep="first", maintain_order=True)
        told = told.join(first.select("recording", pl.col("labels").list.first().alias("label")), on="recording")
    _write_csv(tables / "recordings.csv", told)
    timed = contents.annotations.height > 0
    if timed:
        _write_csv(tables / "events.csv", contents.annotations)
    covered = timed and described.exhaustive and contents.annotations["onset_s"].null_count() == 0
    if covered:
        spans = folds.select("recording", start_s=pl.lit(0.0), end_s=pl.lit(None, dtype=pl.Float64))
        _write_csv(tables / "coverage.csv", spans)
    corpus = index(
        contents.root,
        out=out / CORPUS,
        annotations=[tables / "events.csv"] if timed else (),
        metadata=[tables / "recordings.csv"],
        coverage=tables / "coverage.csv" if covered else None,
        workers=workers,
        progress=progress,
    )
    _split(corpus, described, table, whole)
    write_through(out / EXAMPLES_FILE, lambda file: table.write_parquet(file, compression="zstd", statistics=False))
    return Prepared(described, corpus, table, contents.labels)


def _write_csv(path: Path, table: pl.DataFrame) -> None:
    write_through(path, lambda file: table.write_csv(file))


def _split(corpus: Corpus, described: BenchmarkSet, table: pl.DataFrame, whole: bool) -> None:
    """The split "official": by recording where recordings are whole, else every event by the chunk it begins in."""
    if whole:
        by = ("recording", "unit") if described.whole_units and not described.published_folds else "recording"
        make_split(corpus, OFFICIAL, by=by, folds="official_fold")
        return
    if "chunk" not in table.columns:
        torn = table.group_by("recording").agg(pl.col("fold").n_unique()).filter(pl.col("fold") > 1)["recording"].sort()
        raise DataError(
            f"the set's own tables tear {len(torn)} recordings over several folds, the first is {torn[0]!r}",
            where=described.name,
            mend="A probe would be tested on what it was trained on. Take the set's tables anew.",
        )
    chunks = table.unique(["recording", "chunk"], keep="first").select("recording", "chunk", "fold")
    events = corpus.events.select("event_id", "recording", (pl.col("onset_s") // CHUNK_S).cast(pl.Int64).alias("chunk"))
    rows = events.join(chunks, on=["recording", "chunk"], how="inner", maintain_order="left").select(
        pl.lit(OFFICIAL).alias("scheme"),
        "event_id",
        "recording",
        pl.format("{}@{}", "recording", "chunk").alias("group"),
        "fold",
    )
    others = corpus.splits.filter(pl.col("scheme") != OFFICIAL)
    corpus.replace_splits(pl.concat([others, rows]))
