"""Scenes as a corpus on disk: recordings, truth as events, coverage; killed and resumed it ends with the same bytes."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from tymbal.annotations import make_events, write_events
from tymbal.corpus import Corpus, index
from tymbal.corpus.indexing import WORK
from tymbal.errors import NothingDoneError, UsageError
from tymbal.jobs import (
    Failure,
    Plan,
    Progress,
    Shard,
    ShardOutcomes,
    Worked,
    make_executor,
    make_plan,
    only_writer,
    remove_temporaries,
    run_job,
    write_bytes,
    write_json,
    write_text,
)
from tymbal.synthesis.plan import ScenePlan, plan_text
from tymbal.synthesis.scenes import Scene, SceneGenerator, recording_name
from tymbal.synthesis.streaming import SceneWork

PLAN, MADE, AUDIO, TRUTH, SCENES = "plan.toml", "made.json", "audio", "truth", "scenes.csv"
PER_SHARD = 16
FLAC_HIGHEST_HZ = 655_350


@dataclass(frozen=True)
class WrittenScene:
    """One part as it goes to the disk: the file's name and bytes, its events and coverage."""

    name: str
    sound: bytes
    events: pl.DataFrame
    coverage: pl.DataFrame


@dataclass
class WriteWork(SceneWork):
    """The work on one scene: made, and encoded as FLAC (WAV above 655 kHz)."""

    def __call__(self, index: int) -> Worked[tuple[WrittenScene, ...]]:  # type: ignore[override]
        made = super().__call__(index)
        return Worked(tuple(_encoded(scene, self.plan) for scene in made.value), audio_s=made.audio_s)


def _encoded(scene: Scene, plan: ScenePlan) -> WrittenScene:
    import soundfile

    deep = plan.recorder.bits.bounds[1] > 16
    full = 2**23 if deep else 2**15
    whole = np.clip(np.rint(scene.waveform * np.float64(full)), -full, full - 1)
    whole = whole.astype(np.int32) << 8 if deep else whole.astype(np.int16)
    buffer = io.BytesIO()
    kind = extension(plan)
    subtype = "PCM_24" if deep else "PCM_16"
    soundfile.write(buffer, whole, scene.sample_rate_hz, format=kind.upper(), subtype=subtype)
    name = f"{scene.name}.{kind}"
    tables = [table.with_columns(pl.lit(name).alias("recording")) for table in (scene.events, scene.coverage)]
    return WrittenScene(name, buffer.getvalue(), *tables)


def extension(plan: ScenePlan) -> str:
    """Of the recordings of a plan."""
    return "flac" if plan.sample_rate_hz <= FLAC_HIGHEST_HZ else "wav"


def write_scenes(
    plan: ScenePlan, out: str | Path, *, workers: int | None = 1, progress: Progress | None = None
) -> tuple[Corpus, tuple[Failure, ...]]:
    """Write every scene of `plan` into the corpus `out`; what is there already is not made again.

    The folder holds audio/, truth/ (events and coverage as CSV), plan.toml and the corpus. With more scenes than
    before the corpus grows. Returns it, and the scenes that could not be made.

    Raises UsageError where `out` holds scenes of another plan or other things, NothingDoneError where no scene could
    be made.
    """
    target = Path(out)
    identity = _identity(plan)
    _refuse_foreign(plan, identity, target)
    job = make_plan("scenes", list(range(plan.scenes)), identity, per_shard=PER_SHARD)
    with only_writer(target):
        remove_temporaries(target)
        (target / WORK).mkdir(exist_ok=True)  # tells indexing that the other things here are ours
        write_text(target / PLAN, plan_text(plan))
        write_json(target / MADE, identity)
        failures: list[Failure] = []
        run_job(
            job,
            WriteWork(plan),
            _saver(target, failures),
            is_done=lambda shard: (
                all((target / name).is_file() for name in _tables(shard)) and not _failed(target, shard).exists()
            ),
            executor=make_executor(workers),
            progress=progress,
        )
        _remove_stale(target, job)
    if not any((target / AUDIO).glob("*")):
        raise NothingDoneError(
            f"none of {plan.scenes} scenes could be made; the first: {failures[0].message if failures else 'unknown'}",
            where=target,
            mend="Correct the plan.",
        )
    _write_metadata(plan, target)
    corpus = index(
        target / AUDIO,
        out=target,
        annotations=target / TRUTH,
        metadata=target / SCENES,
        label="label",
        workers=workers,
    )
    return corpus, tuple(failures)


def _identity(plan: ScenePlan) -> dict[str, str | None]:
    """What decides every scene: the plan, and the content of its bank wherever that lies. Checks the plan."""
    bank = SceneGenerator(plan).bank
    return {"plan": plan.identity, "bank": None if bank is None else bank.digest}


def _refuse_foreign(plan: ScenePlan, identity: dict[str, str | None], target: Path) -> None:
    there = target / MADE
    if not there.is_file():
        if target.is_dir() and any(not path.name.startswith(".") for path in target.iterdir()):
            mend = "Give a new or empty folder (-o FOLDER)."
            raise UsageError("this folder holds other things", where=target, mend=mend)
        return
    try:
        before = json.loads(there.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UsageError(f"{MADE} is damaged ({error})", where=target, mend="Delete the folder.") from error
    if before != identity:
        raise UsageError(
            f"this folder holds scenes of another plan: {_difference(target / PLAN, plan)}",
            where=target,
            mend="Choose another output folder, or delete this one.",
        )


def _difference(path: Path, now: ScenePlan) -> str:
    """In words, from the text of the plan that the folder was made by."""
    old_lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    for old, new in zip(old_lines, plan_text(now).splitlines(), strict=False):
        if old != new and not old.startswith(("scenes =", "bank =")):
            return f"it has {old}, this plan {new}"
    return "their banks, or versions of the generator, differ"


def _tables(shard: Shard[Any]) -> tuple[str, str]:
    """Where a shard's truth is kept; the names say which scenes it holds."""
    span = f"{shard.items[0]:06d}-{shard.items[-1]:06d}"
    return f"{TRUTH}/events-{span}.csv", f"{TRUTH}/coverage-{span}.csv"


def _saver(
    target: Path, failures: list[Failure]
) -> Callable[[Shard[Any], ShardOutcomes[tuple[WrittenScene, ...]]], None]:
    """What keeps one shard: sound first, truth last, so that truth never speaks of sound that is not there."""

    def _save(shard: Shard[Any], outcomes: ShardOutcomes[tuple[WrittenScene, ...]]) -> None:
        failed = [replace(failure, item=f"scene {failure.item}") for failure in outcomes.failures]
        failures.extend(failed)
        made = [scene for each in outcomes.outcomes if each.worked is not None for scene in each.worked.value]
        for scene in made:
            write_bytes(target / AUDIO / scene.name, scene.sound)
        mark = _failed(target, shard)
        if failed:  # made known again by every run until all of them are mended
            write_text(mark, "".join(f"{failure.item}: {failure.message}\n" for failure in failed))
        for name, table in zip(_tables(shard), ("events", "coverage"), strict=True):
            rows = [getattr(scene, table) for scene in made]
            _write_table(target / name, pl.concat(rows) if rows else None, table)
        if not failed:
            mark.unlink(missing_ok=True)

    return _save


def _failed(target: Path, shard: Shard[Any]) -> Path:
    """The mark of a shard in which scenes failed."""
    return (target / _tables(shard)[0]).with_suffix(".failed")


def _write_table(path: Path, table: pl.DataFrame | None, kind: str) -> None:
    empty = {"recording": pl.String()} if kind == "coverage" else {}
    rows = pl.DataFrame(schema=empty) if table is None else table
    if kind == "events":
        write_events(rows.drop("source", strict=False), path, format="csv")
    else:
        write_events(make_events({}), path, format="coverage", coverage=rows)


def _remove_stale(target: Path, job: Plan[Any]) -> None:
    """Tables of a last shard that was shorter when the plan had fewer scenes."""
    kept = {Path(name).name for shard in job.shards for name in _tables(shard)}
    for file in (target / TRUTH).glob("*.csv"):
        if file.name not in kept:
            file.unlink()
            file.with_suffix(".failed").unlink(missing_ok=True)


def _write_metadata(plan: ScenePlan, target: Path) -> None:
    """Which scene and part each recording is: what a split must not tear apart."""
    rows = ["recording,scene,part"]
    for number in range(plan.scenes):
        for at, part in enumerate(plan.parts):
            rows.append(f"{recording_name(plan, number, at)}.{extension(plan)},{number},{part.name}")
    write_text(target / SCENES, "\n".join(rows) + "\n")
