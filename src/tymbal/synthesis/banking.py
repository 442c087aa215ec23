"""Make a bank of a folder or corpus of recordings: a job that resumes, and ends with the same bytes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from tymbal.audio import find_recordings
from tymbal.config import digest, dumps
from tymbal.corpus.corpus import HEAD as CORPUS_HEAD
from tymbal.corpus.corpus import Corpus, frames_digest, write_table
from tymbal.errors import NothingDoneError, UsageError
from tymbal.jobs import (
    Failure,
    Plan,
    Progress,
    Shard,
    ShardOutcomes,
    make_executor,
    make_plan,
    only_writer,
    remove_temporaries,
    run_job,
    write_bytes,
    write_text,
)
from tymbal.synthesis.bank import BACKGROUNDS, CALLS, FORMAT, HEAD, Bank
from tymbal.synthesis.clusters import cluster, fingerprint
from tymbal.synthesis.cutting import CutRecording, Cutting, CutWork, Piece

PER_SHARD = 8
SHARDS = "shards"


def make_bank(
    recordings: str | Path,
    out: str | Path,
    settings: Cutting | None = None,
    *,
    workers: int | None = 1,
    progress: Progress | None = None,
) -> tuple[Bank, tuple[Failure, ...]]:
    """Cut the calls and backgrounds of a folder of recordings, or of a corpus, into the bank `out`.

    Returns the bank and the recordings that could not be read. A killed job goes on where it stopped; recordings that
    were added since are cut in addition. Raises NothingDoneError where no recording holds a call or a background.
    """
    source, target = Path(recordings), Path(out)
    settings = settings or Cutting()
    settings.activity.check()
    if (source / CORPUS_HEAD).is_file():
        corpus = Corpus.open(source)
        root, names = corpus.root, corpus.recordings["recording"].to_list()
    else:
        root, names = source, find_recordings(source)[0]
    if not names:
        raise NothingDoneError("no recording in this folder or below it", where=source, mend="Check the path.")
    if target.exists() and not (target / HEAD).exists() and not (target / SHARDS).exists() and any(target.iterdir()):
        raise UsageError("this folder holds other things", where=target, mend="Give a new or empty folder (-o FOLDER).")
    plan = make_plan("cut", names, settings, per_shard=PER_SHARD)
    folder = target / SHARDS
    with only_writer(target):
        remove_temporaries(target)
        run_job(
            plan,
            CutWork(root.as_posix(), settings),
            _saver(folder),
            is_done=lambda shard: (folder / f"{shard.key}.json").is_file(),
            executor=make_executor(workers),
            progress=progress,
        )
        failures = _finish(target, plan, settings)
    return Bank.open(target), failures


def _saver(folder: Path) -> Callable[[Shard[Any], ShardOutcomes[CutRecording]], None]:
    """What keeps one shard: its samples, then the JSON that says what they are."""

    def _save(shard: Shard[Any], outcomes: ShardOutcomes[CutRecording]) -> None:
        parts: list[bytes] = []
        at = 0

        def _rows(recording: str, pieces: tuple[Piece, ...]) -> list[list[Any]]:
            nonlocal at
            rows = []
            for piece in pieces:
                data = piece.samples.astype("<i2").tobytes()
                span = [piece.onset_s, piece.offset_s, piece.low_hz, piece.high_hz]
                rows.append([recording, *span, shard.key, at, len(piece.samples), piece.scale])
                parts.append(data)
                at += len(piece.samples)
            return rows

        content: dict[str, Any] = {"calls": [], "backgrounds": [], "recordings": [], "failures": []}
        for outcome in outcomes.outcomes:
            if outcome.worked is not None:
                found = outcome.worked.value
                content["calls"] += _rows(found.recording, found.calls)
                content["backgrounds"] += _rows(found.recording, found.backgrounds)
                content["recordings"].append([found.recording, found.content_hash])
        content["failures"] = [[f.item, f.error, f.message, f.trace] for f in outcomes.failures]
        write_bytes(folder / f"{shard.key}.i16", b"".join(parts))
        write_bytes(folder / f"{shard.key}.json", json.dumps(content, allow_nan=False).encode("ascii"))

    return _save


def _finish(target: Path, plan: Plan[Any], settings: Cutting) -> tuple[Failure, ...]:
    """The tables of all shards, the clusters, and the head, in the order of the plan."""
    contents = [json.loads((target / SHARDS / f"{shard.key}.json").read_bytes()) for shard in plan.shards]
    failures = tuple(Failure(*row) for content in contents for row in content["failures"])
    calls = pl.DataFrame([row for each in contents for row in each["calls"]], schema=CALLS, orient="row")
    noises = pl.DataFrame([row for each in contents for row in each["backgrounds"]], schema=BACKGROUNDS, orient="row")
    schema = {"recording": pl.String, "content_hash": pl.String}
    recordings = pl.DataFrame([row for each in contents for row in each["recordings"]], schema=schema, orient="row")
    if not calls.height and not noises.height:
        first = f"; the first that failed: {failures[0].message}" if failures else ""
        raise NothingDoneError(
            f"neither a call nor a quiet stretch in {plan.items} recordings{first}",
            where=target,
            mend="Lower --above-db, or look at the recordings with tymbal inspect.",
        )
    calls = calls.with_columns(_clusters(target, calls))
    for name, table in (("calls", calls), ("backgrounds", noises), ("recordings", recordings)):
        write_table(target / f"{name}.parquet", table)
    head = {
        "format": FORMAT,
        "sample_rate_hz": settings.sample_rate_hz,
        "reference_rate_hz": settings.reference_rate_hz,
        "digest": digest({"tables": frames_digest([calls, noises, recordings]), "settings": settings}),
        "settings": settings,
    }
    write_text(target / HEAD, "# a Tymbal bank of calls and backgrounds, for tymbal synth scenes\n" + dumps(head))
    kept = {shard.key for shard in plan.shards}
    for file in (target / SHARDS).iterdir():  # of recordings that are gone
        if file.stem not in kept:
            file.unlink()
    return failures


def _clusters(target: Path, calls: pl.DataFrame) -> list[pl.Series]:
    """One column per granularity: the cluster of every call."""
    bank = Bank(target, 0, 0, "", calls, calls)
    prints = [fingerprint(bank.call(row).samples) for row in range(calls.height)]
    found = cluster(np.stack(prints)) if prints else {}
    return [pl.Series(f"cluster_{size}", labels) for size, labels in found.items()]
